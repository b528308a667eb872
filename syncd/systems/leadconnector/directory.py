"""The calendars of a location: groups, types, teams, slot lengths and buffers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model import NO_BUFFER, Buffer
from syncd.systems.leadconnector import wire
from syncd.systems.lenient import number, text
from syncd.systems.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.systems.leadconnector.account import CalendarMapping

EVENT_TYPE = "event"
"""The only type of calendar that can be blocked directly.

See docs/platforms/leadconnector-v2.md#blocks.
"""

_UNITS = {
    **dict.fromkeys(("mins", "min", "minutes", "minute"), timedelta(minutes=1)),
    **dict.fromkeys(("hours", "hour"), timedelta(hours=1)),
}


_LONGEST_BUFFER = timedelta(days=1)
_MAX_TEXT = 60


@dataclass(frozen=True, slots=True)
class Calendar:
    """One calendar; ``length`` is the length of its slots, None if unknown.

    ``seats`` is how many appointments the calendar takes at one time; the platform spells that
    field in two ways (docs/platforms/leadconnector-v2.md#calendars-and-groups). ``buffer`` is kept
    free around each booking; ``unreadable_buffer`` is the text of a buffer that cannot be parsed;
    ``has_buffer_fields`` is false if the row has no buffer at all.
    """

    id: str
    name: str = ""
    group: str = ""
    type: str = ""
    team: frozenset[str] = frozenset()
    length: timedelta | None = None
    seats: int = 1
    buffer: Buffer = NO_BUFFER
    unreadable_buffer: str = ""
    has_buffer_fields: bool = True


def directory_of(listing: wire.Calendars) -> dict[str, Calendar]:
    """Index a list of calendars by id; rows without an id are skipped."""
    rows = (_calendar(row) for row in listing.calendars if isinstance(row, wire.CalendarRow))
    return {row.id: row for row in rows if row.id}


def _calendar(row: wire.CalendarRow) -> Calendar:
    members = row.team_members if isinstance(row.team_members, list) else []
    before, unreadable_before = _buffer(row.pre_buffer, row.pre_buffer_unit)
    after, unreadable_after = _buffer(row.slot_buffer, row.slot_buffer_unit)
    return Calendar(
        text(row.id),
        text(row.name),
        text(row.group_id),
        text(row.calendar_type),
        frozenset(text(m.user_id) for m in members if isinstance(m, wire.Member)) - {""},
        _length(row.slot_duration, text(row.slot_duration_unit) or "mins"),
        number(row.appoinment_per_slot) or number(row.appointment_per_slot) or 1,
        Buffer(before, after),
        ", ".join(filter(None, (unreadable_before, unreadable_after))),
        row.pre_buffer is not None or row.slot_buffer is not None,
    )


def _buffer(amount: object, unit: object) -> tuple[timedelta, str]:
    """Return a parsed buffer and ''; if it cannot be parsed, zero and its text."""
    if amount is None or str(amount).strip() in {"", "0"}:
        return timedelta(), ""
    length = _span(amount, "mins" if unit is None or unit == "" else text(unit).lower())
    if length is None or not timedelta() <= length <= _LONGEST_BUFFER:
        return timedelta(), sanitize(f"{amount} {unit or ''}".strip())[:_MAX_TEXT]
    return timedelta(minutes=length // timedelta(minutes=1)), ""


def _length(amount: object, unit: str) -> timedelta | None:
    length = _span(amount, unit)
    return length if length is not None and length > timedelta() else None


def _span(amount: object, unit: str) -> timedelta | None:
    try:
        return float(text(amount) or str(amount)) * _UNITS[unit]
    except (ValueError, KeyError, OverflowError):
        return None


def booked_on(mapping: CalendarMapping, directory: Mapping[str, Calendar]) -> tuple[str, ...]:
    """Return the calendars that book a provider: the mapped ones, or else those of the user."""
    if mapping.calendars or mapping.user is None:
        return mapping.calendars
    return tuple(sorted(c.id for c in directory.values() if mapping.user in c.team))
