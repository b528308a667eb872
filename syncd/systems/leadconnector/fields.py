"""What an update sends of a record as it was read, and which of it the update itself reset.

An update replaces the record (docs/platforms/leadconnector-v2.md#writing-appointments): a field
that is left out is reset. So all that syncd read of these fields goes back, and nothing else does:
no location, no address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model import Status
from syncd.model.statuses import LEADCONNECTOR
from syncd.model.whole_record import RecordFields
from syncd.systems.leadconnector.events import status_word
from syncd.systems.leadconnector.wire import Block, Whole, Wrote
from syncd.systems.lenient import text

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS = "appointmentStatus"
TITLE = "title"
DESCRIPTION = "description"
USER = "assignedUserId"
CALENDAR = "calendarId"
HOSTS = "users"
"""The further hosts, which no request can set."""

PRIVATE = (TITLE, DESCRIPTION)
"""Texts that may name a customer."""

RECORD = RecordFields(
    times=frozenset({"startTime", "endTime"}),
    status=frozenset({STATUS, "appoinmentStatus", "status"}),
    ignored=frozenset({"dateUpdated", "updatedAt", "updatedBy", "lastUpdatedBy"}),
)
"""What the fields of an appointment are for."""

COMPARED = frozenset({TITLE, DESCRIPTION, USER, CALENDAR, HOSTS})
"""The fields of which an update's own answer, or a second look, tells who changed them."""

WRITABLE_STATUSES = frozenset(status.value for status in Status)
"""The status words that an update takes; answers also show others."""

Kept = dict[str, str]
"""The fields of a record besides its times, by their names on the wire; absent ones are left out.

It holds texts that may name a customer: it is never stored and never logged.
"""


def kept_of(item: Whole | Block | Wrote) -> Kept:
    """Take from a record what an update must send back.

    A status that only comes in answers ("completed", "pending") is sent as the word of the same
    meaning that an update takes. One that is not known is sent as it came: left out, it would be
    reset. What the configuration maps a word to is never written.
    """
    found = {
        TITLE: _raw(item.title),
        USER: text(item.assigned_user_id),
        CALENDAR: text(item.calendar_id),
    }
    if not isinstance(item, Block):
        word = text(item.appointment_status) or text(item.appoinment_status)
        known = LEADCONNECTOR.read(status_word(item))
        if known is not None and word not in WRITABLE_STATUSES:
            word = known.value
        found[STATUS] = word
        found[DESCRIPTION] = _raw(item.description)
    return {name: value for name, value in found.items() if value}


def private(kept: Mapping[str, str]) -> tuple[str, ...]:
    """List the texts that no error may repeat."""
    return tuple(kept[name] for name in PRIVATE if name in kept)


def reset_fields(sent: Mapping[str, str], wrote: Wrote, seen: Whole | Block | None) -> list[str]:
    """Name the fields that the update reset, although it sent them.

    A reset gives a text up, sets the status to confirmed, or names another user or calendar. It is
    the update's doing if the update's own answer shows it; a field that the answer does not show
    counts if a text or the status has been reset by then. Whatever else differs was changed by
    somebody after the update, also a field that the answer shows as it was sent. Without ``seen``
    the answer alone tells.
    """
    answered = _shown(wrote)
    now = answered if seen is None else {name: kept_of(seen).get(name, "") for name in sent}
    return [
        name
        for name, value in sent.items()
        if name in now
        and _is_reset(name, value, now[name])
        and (_is_reset(name, value, answered[name]) if name in answered else name in _TELLING)
    ]


_TELLING = frozenset({STATUS, TITLE, DESCRIPTION})
"""Fields of which the value itself shows that it was reset."""


def _shown(wrote: Wrote) -> Kept:
    """Take the fields that an answer shows at all; one may show that a text is empty."""
    found = kept_of(wrote)
    for name in (TITLE, DESCRIPTION):
        if isinstance(getattr(wrote, name), str):
            found.setdefault(name, "")
    return found


def _is_reset(name: str, sent: str, shown: str) -> bool:
    if name == STATUS:
        return _status(shown) is Status.CONFIRMED and _status(sent) is not Status.CONFIRMED
    if name in PRIVATE:
        return not shown
    return bool(shown) and shown != sent


def status(kept: Mapping[str, str]) -> Status | None:
    """Return the status among the fields in syncd's words; None if it has none, or is unknown."""
    return _status(kept.get(STATUS, ""))


def _status(word: str) -> Status | None:
    return LEADCONNECTOR.read(word)


def _raw(value: object) -> str:
    return value if isinstance(value, str) else ""
