"""The fields of a record that an update sends back, and which of them the update reset.

An update of v2 replaces the record: a field that the request omits is reset
(docs/platforms/leadconnector-v2.md#writing-appointments). So syncd sends back all fields named here
as it read them, and no others: neither the location nor the address of a meeting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model import Status
from syncd.model.event_fields import FieldPurposes
from syncd.model.statuses import LEADCONNECTOR
from syncd.systems.leadconnector.events import status_word
from syncd.systems.leadconnector.wire import Block, WholeAppointment, WriteResponse
from syncd.systems.lenient import text

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS = "appointmentStatus"
TITLE = "title"
DESCRIPTION = "description"
USER = "assignedUserId"
CALENDAR = "calendarId"
HOSTS = "users"
"""The further hosts; no request can set them."""

PRIVATE = (TITLE, DESCRIPTION)
"""Texts that may name a customer."""

FIELD_PURPOSES = FieldPurposes(
    times=frozenset({"startTime", "endTime"}),
    status=frozenset({STATUS, "appoinmentStatus", "status"}),
    ignored=frozenset({"dateUpdated", "updatedAt", "updatedBy", "lastUpdatedBy"}),
)
"""The roles of the fields of an appointment."""

COMPARED = frozenset({TITLE, DESCRIPTION, USER, CALENDAR, HOSTS})
"""Fields that are compared with the response to the update, or with a read after it."""

WRITABLE_STATUSES = frozenset(status.value for status in Status)
"""The status words that an update may set; responses also show others."""

FieldValues = dict[str, str]
"""The fields of a record except its times, by their JSON names; absent fields are omitted.

The texts may name a customer: they are never stored or logged.
"""


def fields_to_send(item: WholeAppointment | Block | WriteResponse) -> FieldValues:
    """Return the fields of a record that an update must send back, by JSON name.

    A status word that occurs only in responses ("completed", "pending") is sent as the writable
    word of the same meaning. An unknown status is sent as read: if omitted, it would be reset.
    Words that the configuration maps are never translated.
    """
    values = {
        TITLE: _string(item.title),
        USER: text(item.assigned_user_id),
        CALENDAR: text(item.calendar_id),
    }
    if not isinstance(item, Block):
        word = text(item.appointment_status) or text(item.appoinment_status)
        known = LEADCONNECTOR.read(status_word(item))
        if known is not None and word not in WRITABLE_STATUSES:
            word = known.value
        values[STATUS] = word
        values[DESCRIPTION] = _string(item.description)
    return {name: value for name, value in values.items() if value}


def private(values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the texts of an update that no error text may repeat: title and description."""
    return tuple(values[name] for name in PRIVATE if name in values)


def reset_fields(
    sent: Mapping[str, str], response: WriteResponse, current: WholeAppointment | Block | None
) -> list[str]:
    """Return the names of the fields that an update reset although the request contained them.

    Used after each update, to restore such fields. ``sent`` are the fields of the request,
    ``response`` is the response to the update, and ``current`` the record as read after it; None if
    it was not read. A field is reset if a text is empty, the status became confirmed, or the user
    or calendar changed. Without ``current``, the response must show the reset. With ``current``,
    the record must show it, and so must the response if it contains the field. If the response
    lacks the field, only texts and status count. Any other difference is a later edit by somebody
    on the platform, and must not be undone.
    """
    in_response = _response_fields(response)
    shown = (
        in_response
        if current is None
        else {name: fields_to_send(current).get(name, "") for name in sent}
    )
    return [
        name
        for name, value in sent.items()
        if name in shown
        and _is_reset(name, value, shown[name])
        and (
            _is_reset(name, value, in_response[name])
            if name in in_response
            else name in _EVIDENT_RESETS
        )
    ]


_EVIDENT_RESETS = frozenset({STATUS, TITLE, DESCRIPTION})
"""Fields whose value alone shows a reset."""


def _response_fields(response: WriteResponse) -> FieldValues:
    """Return the fields that a response contains, including empty texts."""
    values = fields_to_send(response)
    for name in (TITLE, DESCRIPTION):
        if isinstance(getattr(response, name), str):
            values.setdefault(name, "")
    return values


def _is_reset(name: str, sent: str, shown: str) -> bool:
    if name == STATUS:
        return (
            _parse_status(shown) is Status.CONFIRMED and _parse_status(sent) is not Status.CONFIRMED
        )
    if name in PRIVATE:
        return not shown
    return bool(shown) and shown != sent


def status_of(values: Mapping[str, str]) -> Status | None:
    """Return the status among the fields of an update; None if it is missing or unknown."""
    return _parse_status(values.get(STATUS, ""))


def _parse_status(word: str) -> Status | None:
    return LEADCONNECTOR.read(word)


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
