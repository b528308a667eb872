"""Carry out operations by calls of LeadConnector v1 (docs/platforms/leadconnector-v1.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model import Action, Kind, Status, Statuses, embed_tag
from syncd.model.event_fields import FieldPurposes
from syncd.systems.capability_cache import list_lag
from syncd.systems.errors import RejectedError
from syncd.systems.leadconnector_v1.calls import slot_fields
from syncd.systems.port import Capabilities
from syncd.systems.replies import Done

if TYPE_CHECKING:
    from syncd.model import Operation, Value
    from syncd.systems.leadconnector_v1.account import Account, CalendarMapping
    from syncd.systems.leadconnector_v1.calls import Api
    from syncd.systems.leadconnector_v1.hold_contacts import HoldContacts
    from syncd.systems.measured import MeasuredFacts

_WRITABLE = (
    Status.CONFIRMED,
    Status.CANCELLED,
    Status.SHOWED,
    Status.NOSHOW,
    Status.INVALID,
)

_FIELD_PURPOSES = FieldPurposes(
    times=frozenset({"startTime", "endTime", "endAt", "selectedSlot"}),
    status=frozenset({"status", "appoinmentStatus", "appointmentStatus"}),
    ignored=frozenset({"updatedAt", "dateUpdated", "updatedBy", "contact"}),
)
"""The roles of the fields. The embedded contact is a separate record; `contactId` is its id."""


def capabilities(account: Account, measured: MeasuredFacts) -> Capabilities:
    """Return the capabilities of a location, from its documentation and measured facts.

    It is not documented whether 400 and 422 mean that an id is unknown; deleted appointments may be
    answered so. Every write is a single call with an immediate result. `new` cannot be set
    (#status), and no field keeps the location's own workflows from notifying the customer. A hold
    is a booking, so lists always show holds.
    """
    rejects_deleted = measured.is_yes("refuses_deleted")
    return Capabilities(
        lag=list_lag(measured),
        gone_proofs={Kind.APPOINTMENT: 1, Kind.BLOCK: 2},
        refused_when_gone=frozenset(Kind if rejects_deleted else ()),
        statuses=Statuses.of(account.statuses).round_tripping(dict.fromkeys(_WRITABLE)),
        key_survives=measured.is_yes("keeps_tag"),
        lists_blocks=account.blocks == "hold" or measured.is_yes("lists_blocks"),
        update_keeps_end=measured.is_yes("update_keeps_end"),
        # A measured fact may be outdated. A block is repaired then; but the lost end of a
        # customer's meeting would count as a manual edit, and reach all systems.
        meetings_keep_end=False,
        field_purposes=_FIELD_PURPOSES,
        notifies=True,
    )


def event_block(
    account: Account, mapping: CalendarMapping, value: Value, zone_name: str, key: str | None
) -> dict[str, str] | None:
    """Return the fields that create an event block: of the user, else of the calendar.

    None if the mapping has neither (#event-blocks). ``key`` is the tag; None for no tag.
    """
    target = {"userId": mapping.user} if mapping.user else {"calendarId": mapping.calendar}
    owner_fields = {name: id for name, id in target.items() if id}
    times = slot_fields(value, zone_name)
    del times["selectedTimezone"]
    return {**owner_fields, **times, "title": _tagged_title(account, key)} if owner_fields else None


def hold(
    account: Account, mapping: CalendarMapping, value: Value, zone_name: str, key: str | None
) -> dict[str, str] | None:
    """Return the fields that book the hold contact; None without calendar or e-mail address.

    The contact's name is omitted, because it would overwrite the stored one. ``key`` is the tag.
    See #booking.
    """
    if not mapping.calendar or not account.hold_email:
        return None
    fields = {
        "calendarId": mapping.calendar,
        **slot_fields(value, zone_name),
        "email": account.hold_email,
        "title": account.title,
        "calendarNotes": _tagged_title(account, key),
    }
    return {**fields, "userId": mapping.user} if mapping.user else fields


def _tagged_title(account: Account, key: str | None) -> str:
    return embed_tag(account.title, key) if key else account.title


class Writer:
    """Carries out operations on one location."""

    def __init__(self, system: str, account: Account, calls: Api, holds: HoldContacts) -> None:
        """Keep the parts."""
        self._holds = holds
        self._system = system
        self._account = account
        self._calls = calls

    async def write(self, operation: Operation, mapping: CalendarMapping, zone_name: str) -> Done:
        """Carry out one operation; its times are sent in this time zone. Raises PlatformError."""
        match operation.action:
            case Action.CREATE_BLOCK:
                return await self._create(operation, mapping, zone_name)
            case Action.MOVE_BLOCK | Action.MOVE_APPOINTMENT:
                await self._calls.move(operation.ref.id, _after(operation), zone_name)
            case Action.REMOVE_BLOCK if self._account.blocks == "hold":
                await self._calls.set_status(operation.ref.id, Status.CANCELLED)
            case Action.REMOVE_BLOCK:
                await self._calls.delete(operation.ref.id)
            case Action.SET_STATUS:
                await self._set_status(operation)
        return Done([(operation.ref.id, None)])

    async def _create(self, operation: Operation, mapping: CalendarMapping, zone_name: str) -> Done:
        build_fields = hold if self._account.blocks == "hold" else event_block
        fields = build_fields(self._account, mapping, _after(operation), zone_name, operation.key)
        if fields is None:
            detail = f"no calendar id is mapped for blocks of {operation.provider}"
            raise RejectedError(self._system, "POST appointments/", detail=detail)
        if self._account.blocks == "hold":
            self._holds.before_booking()
        event, contact = await self._calls.create(fields)
        self._holds.after_booking(contact)
        return Done([(event, None)])

    async def _set_status(self, operation: Operation) -> None:
        status = _after(operation).status
        if status not in _WRITABLE:
            raise RejectedError(self._system, detail=f"v1 cannot set the status {status}")
        await self._calls.set_status(operation.ref.id, status)


def _after(operation: Operation) -> Value:
    if operation.after is None:
        message = f"{operation.action} needs a value"
        raise ValueError(message)
    return operation.after
