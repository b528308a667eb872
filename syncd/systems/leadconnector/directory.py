"""The calendars of a location: their groups, types, teams and slot lengths."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.systems.leadconnector import wire
from syncd.systems.loose import number, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.systems.leadconnector.account import CalendarOf

EVENT = "event"
"""The only type of calendar that can be blocked itself (leadconnector-v2.md 0.2)."""

_UNITS = {
    **dict.fromkeys(("mins", "min", "minutes", "minute"), timedelta(minutes=1)),
    **dict.fromkeys(("hours", "hour"), timedelta(hours=1)),
}


@dataclass(frozen=True, slots=True)
class Calendar:
    """One calendar; ``length`` is that of its slots, None if unknown.

    ``seats`` is how many appointments it takes at one time. The platform spells that field in two
    ways, and sends both (leadconnector-v2.md 1.2).
    """

    id: str
    name: str = ""
    group: str = ""
    type: str = ""
    team: frozenset[str] = frozenset()
    length: timedelta | None = None
    seats: int = 1


def directory_of(listing: wire.Calendars) -> dict[str, Calendar]:
    """Index a list of calendars by id; rows without one are no calendars."""
    rows = (_calendar(row) for row in listing.calendars if isinstance(row, wire.Calendar))
    return {row.id: row for row in rows if row.id}


def _calendar(row: wire.Calendar) -> Calendar:
    members = row.team_members if isinstance(row.team_members, list) else []
    return Calendar(
        text(row.id),
        text(row.name),
        text(row.group_id),
        text(row.calendar_type),
        frozenset(text(m.user_id) for m in members if isinstance(m, wire.Member)) - {""},
        _length(row.slot_duration, text(row.slot_duration_unit) or "mins"),
        number(row.appoinment_per_slot) or number(row.appointment_per_slot) or 1,
    )


def _length(amount: object, unit: str) -> timedelta | None:
    try:
        length = float(text(amount) or str(amount)) * _UNITS[unit]
    except (ValueError, KeyError, OverflowError):
        return None
    return length if length > timedelta() else None


def booked_on(of: CalendarOf, directory: Mapping[str, Calendar]) -> tuple[str, ...]:
    """List the calendars on which a provider is booked: those mapped, else those of the user."""
    if of.calendars or of.user is None:
        return of.calendars
    return tuple(sorted(c.id for c in directory.values() if of.user in c.team))
