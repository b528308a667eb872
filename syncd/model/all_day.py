"""All-day events: whole days on a location's clock, and what they close.

See docs/design.md#all-day-events.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time
from enum import StrEnum

from syncd.model.hours import Hours
from syncd.model.time import resolve_wall_time


class AllDay(StrEnum):
    """What an all-day event without a customer closes: its days, nothing, or the working hours."""

    BUSY = "busy"
    IGNORE = "ignore"
    HOURS = "hours"


_ANY = Hours()


@dataclass(frozen=True, slots=True)
class AllDayRule:
    """The policy for one provider, and the provider's working hours.

    Hours without a zone are on the clock of the location.
    """

    policy: AllDay = AllDay.BUSY
    hours: Hours = _ANY

    def closes(
        self, start: datetime, end: datetime, zone_name: str
    ) -> tuple[datetime, datetime] | None:
        """Return the part of an all-day event that takes time, None if it takes none."""
        match self.policy:
            case AllDay.BUSY:
                return start, end
            case AllDay.HOURS:
                return replace(self.hours, zone=self.hours.zone or zone_name).clip(start, end)
            case AllDay.IGNORE:
                return None


BUSY = AllDayRule()
"""Every day in full: the rule where none is configured."""


def whole_days(first: date, after: date, zone_name: str) -> tuple[datetime, datetime]:
    """Return the days from ``first`` up to ``after``, which is not one of them, as instants.

    They begin and end at midnight on the clock of the zone, so a day may have 23 or 25 hours.
    """
    start = resolve_wall_time(datetime.combine(first, time()), zone_name).instant
    return start, resolve_wall_time(datetime.combine(after, time()), zone_name).instant
