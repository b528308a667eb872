"""Free time of a user, computed from working hours and busy time: a pure function."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from syncd.model import resolve_wall_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.lab.sandbox.leadsquared.records import AccountUser

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class DaySlots:
    """A user's day: free and busy spans, sorted, or the reason why there are none."""

    free: Sequence[Span] = ()
    busy: Sequence[Span] = ()
    reason: str = ""


def day_slots(user: AccountUser, day: date, busy_spans: Sequence[Span]) -> DaySlots:
    """Return the free and busy times of one day of a user, in the user's time zone.

    ``busy_spans`` are the times at which the user is busy.
    """
    if not user.hours:
        return DaySlots(reason="WorkDayTemplateNotDefined")
    shifts = [shift for shift in user.hours if day.isoweekday() % 7 in shift.days]
    if not shifts:
        return DaySlots(reason="NotScheduled")
    free: list[Span] = []
    busy_in_shift: list[Span] = []
    for shift in shifts:
        opens, closes = (
            resolve_wall_time(datetime.combine(day, wall), user.timezone).instant
            for wall in (shift.opens, shift.closes)
        )
        overlaps = [
            (max(start, opens), min(end, closes))
            for start, end in sorted(busy_spans)
            if start < closes and opens < end
        ]
        busy_in_shift += overlaps
        for start, end in overlaps:
            if opens < start:
                free.append((opens, start))
            opens = max(opens, end)
        if opens < closes:
            free.append((opens, closes))
    return DaySlots(free, busy_in_shift)
