"""syncd's operations as LeadConnector v1 calls (docs/platforms/leadconnector-v1.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model import Action, Kind, Status, Statuses, embed_tag
from syncd.model.whole_record import RecordFields
from syncd.systems.capability_cache import list_lag
from syncd.systems.leadconnector_v1.calls import slot_fields
from syncd.systems.port import Capabilities, Done, RejectedError

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

_FIELDS = RecordFields(
    times=frozenset({"startTime", "endTime", "endAt", "selectedSlot"}),
    status=frozenset({"status", "appoinmentStatus", "appointmentStatus"}),
    ignored=frozenset({"updatedAt", "dateUpdated", "updatedBy", "contact"}),
)
"""The contact that comes along is a record of its own: `contactId` names the customer."""


def capabilities(account: Account, measured: MeasuredFacts) -> Capabilities:
    """Return what a location can be relied on for, by what was measured of it.

    What 400 and 422 mean of an id is not documented: deleted appointments may be answered so. Every
    write is a single call that is answered at once. `new` cannot be set (#status), and no field
    keeps the location's own workflows from telling the customer. A hold is a booking, which lists
    show in any case.
    """
    refuses = measured.is_yes("refuses_deleted")
    return Capabilities(
        lag=list_lag(measured),
        gone_proofs={Kind.APPOINTMENT: 1, Kind.BLOCK: 2},
        refused_when_gone=frozenset(Kind if refuses else ()),
        statuses=Statuses.of(account.statuses).round_tripping(dict.fromkeys(_WRITABLE)),
        key_survives=measured.is_yes("keeps_tag"),
        lists_blocks=account.blocks == "hold" or measured.is_yes("lists_blocks"),
        update_keeps_end=measured.is_yes("update_keeps_end"),
        # What was measured may be overtaken. A block is put right then; but the end that a
        # customer's meeting lost would count as a person's change, and be carried everywhere.
        meetings_keep_end=False,
        record_fields=_FIELDS,
        notifies=True,
    )


def event_block(
    account: Account, calendar: CalendarMapping, value: Value, zone_name: str, key: str | None
) -> dict[str, str] | None:
    """An event block: for the user where one is named, else for the calendar (#event-blocks)."""
    target = {"userId": calendar.user} if calendar.user else {"calendarId": calendar.calendar}
    named = {name: known for name, known in target.items() if known}
    times = slot_fields(value, zone_name)
    del times["selectedTimezone"]
    return {**named, **times, "title": _marked(account, key)} if named else None


def hold(
    account: Account, calendar: CalendarMapping, value: Value, zone_name: str, key: str | None
) -> dict[str, str] | None:
    """A booking for the hold contact (#booking). Its name stays out: it would overwrite one."""
    if not calendar.calendar or not account.hold_email:
        return None
    fields = {
        "calendarId": calendar.calendar,
        **slot_fields(value, zone_name),
        "email": account.hold_email,
        "title": account.title,
        "calendarNotes": _marked(account, key),
    }
    return {**fields, "userId": calendar.user} if calendar.user else fields


def _marked(account: Account, key: str | None) -> str:
    return embed_tag(account.title, key) if key else account.title


class Writer:
    """Carries out one operation for one location."""

    def __init__(self, system: str, account: Account, calls: Api, holds: HoldContacts) -> None:
        """Keep what a write needs to know."""
        self._holds = holds
        self._system = system
        self._account = account
        self._calls = calls

    async def write(self, operation: Operation, calendar: CalendarMapping, zone_name: str) -> Done:
        """Carry out one operation, its times in this zone. Raises PlatformError."""
        match operation.action:
            case Action.CREATE_BLOCK:
                return await self._create(operation, calendar, zone_name)
            case Action.MOVE_BLOCK | Action.MOVE_APPOINTMENT:
                await self._calls.move(operation.ref.id, _wanted(operation), zone_name)
            case Action.REMOVE_BLOCK if self._account.blocks == "hold":
                await self._calls.set_status(operation.ref.id, Status.CANCELLED)
            case Action.REMOVE_BLOCK:
                await self._calls.delete(operation.ref.id)
            case Action.SET_STATUS:
                await self._set_status(operation)
        return Done([(operation.ref.id, None)])

    async def _create(
        self, operation: Operation, calendar: CalendarMapping, zone_name: str
    ) -> Done:
        form = hold if self._account.blocks == "hold" else event_block
        fields = form(self._account, calendar, _wanted(operation), zone_name, operation.key)
        if fields is None:
            detail = f"no calendar id is configured to block {operation.provider} on"
            raise RejectedError(self._system, "POST appointments/", detail=detail)
        if self._account.blocks == "hold":
            self._holds.before_booking()
        event, contact = await self._calls.create(fields)
        self._holds.after_booking(contact)
        return Done([(event, None)])

    async def _set_status(self, operation: Operation) -> None:
        status = _wanted(operation).status
        if status not in _WRITABLE:
            raise RejectedError(self._system, detail=f"v1 cannot set {status}")
        await self._calls.set_status(operation.ref.id, status)


def _wanted(operation: Operation) -> Value:
    if operation.after is None:
        message = f"{operation.action} without a value to write"
        raise ValueError(message)
    return operation.after
