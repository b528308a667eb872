"""The calendars of a location: their groups, types, teams and slot lengths."""

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
"""The only type of calendar that can be blocked itself.

See docs/platforms/leadconnector-v2.md#blocks.
"""

_UNITS = {
    **dict.fromkeys(("mins", "min", "minutes", "minute"), timedelta(minutes=1)),
    **dict.fromkeys(("hours", "hour"), timedelta(hours=1)),
}


_LONGEST_BUFFER = timedelta(days=1)
_SPELT = 60


@dataclass(frozen=True, slots=True)
class Calendar:
    """One calendar; ``length`` is that of its slots, None if unknown.

    ``seats`` is how many appointments it takes at one time. The platform spells that field in two
    ways, and sends both (docs/platforms/leadconnector-v2.md#calendars-and-groups). ``buffer`` is
    kept free around each booking; ``odd_buffer`` is what is said of it and cannot be read,
    ``tells_buffer`` whether anything is.
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
    """Index a list of calendars by id; rows without one are no calendars."""
    rows = (_calendar(row) for row in listing.calendars if isinstance(row, wire.CalendarRow))
    return {row.id: row for row in rows if row.id}


def _calendar(row: wire.CalendarRow) -> Calendar:
    members = row.team_members if isinstance(row.team_members, list) else []
    before, odd = _buffer(row.pre_buffer, row.pre_buffer_unit)
    after, odd_after = _buffer(row.slot_buffer, row.slot_buffer_unit)
    return Calendar(
        text(row.id),
        text(row.name),
        text(row.group_id),
        text(row.calendar_type),
        frozenset(text(m.user_id) for m in members if isinstance(m, wire.Member)) - {""},
        _length(row.slot_duration, text(row.slot_duration_unit) or "mins"),
        number(row.appoinment_per_slot) or number(row.appointment_per_slot) or 1,
        Buffer(before, after),
        ", ".join(filter(None, (odd, odd_after))),
        row.pre_buffer is not None or row.slot_buffer is not None,
    )


def _buffer(amount: object, unit: object) -> tuple[timedelta, str]:
    """Read a buffer; where that cannot be done, none, and how it is spelt."""
    if amount is None or str(amount).strip() in {"", "0"}:
        return timedelta(), ""
    length = _span(amount, "mins" if unit is None or unit == "" else text(unit).lower())
    if length is None or not timedelta() <= length <= _LONGEST_BUFFER:
        return timedelta(), sanitize(f"{amount} {unit or ''}".strip())[:_SPELT]
    return timedelta(minutes=length // timedelta(minutes=1)), ""


def _length(amount: object, unit: str) -> timedelta | None:
    length = _span(amount, unit)
    return length if length is not None and length > timedelta() else None


def _span(amount: object, unit: str) -> timedelta | None:
    try:
        return float(text(amount) or str(amount)) * _UNITS[unit]
    except (ValueError, KeyError, OverflowError):
        return None


def booked_on(of: CalendarMapping, directory: Mapping[str, Calendar]) -> tuple[str, ...]:
    """List the calendars on which a provider is booked: those mapped, else those of the user."""
    if of.calendars or of.user is None:
        return of.calendars
    return tuple(sorted(c.id for c in directory.values() if of.user in c.team))
