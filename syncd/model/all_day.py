"""All-day events: whole days in the location's time zone, and the time that is blocked for them.

See docs/design.md#all-day-events.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time
from enum import StrEnum

from syncd.model.hours import Hours
from syncd.model.time import resolve_wall_time


class AllDay(StrEnum):
    """What an all-day event without a customer blocks: its days, nothing, or the working hours."""

    BUSY = "busy"
    IGNORE = "ignore"
    HOURS = "hours"


_ANY = Hours()


@dataclass(frozen=True, slots=True)
class AllDayRule:
    """The all-day policy for one provider, and the provider's working hours.

    Hours without a time zone are in the time zone of the location.
    """

    policy: AllDay = AllDay.BUSY
    hours: Hours = _ANY

    def closes(
        self, start: datetime, end: datetime, zone_name: str
    ) -> tuple[datetime, datetime] | None:
        """Return the interval (UTC) that an all-day event blocks, or None if it blocks nothing.

        ``zone_name`` is the location's IANA time zone. It applies if the hours have no time zone of
        their own.
        """
        match self.policy:
            case AllDay.BUSY:
                return start, end
            case AllDay.HOURS:
                return replace(self.hours, zone=self.hours.zone or zone_name).clip(start, end)
            case AllDay.IGNORE:
                return None


BUSY = AllDayRule()
"""The default rule: an all-day event blocks its days in full."""


def whole_days(first: date, after: date, zone_name: str) -> tuple[datetime, datetime]:
    """Return the start and end (UTC) of the days from ``first`` up to, but without, ``after``.

    A day begins at midnight in the time zone ``zone_name``, so a day may have 23 or 25 hours.
    """
    start = resolve_wall_time(datetime.combine(first, time()), zone_name).instant
    return start, resolve_wall_time(datetime.combine(after, time()), zone_name).instant
