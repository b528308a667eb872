"""When a provider usually works: wall-clock hours by day of the week, in a zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.model.time import zone

DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Span:
    """Hours on some days: ``days`` are 0 (Monday) to 6, ends are minutes from midnight."""

    days: frozenset[int]
    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class Hours:
    """All spans of a week in one zone (IANA); none at all means at any time."""

    spans: tuple[Span, ...] = ()
    zone: str = "UTC"

    def hold(self, start: datetime, end: datetime) -> bool:
        """Whether the whole interval lies inside the hours."""
        if not self.spans:
            return True
        return all(
            any(day in s.days and s.opens <= first and last <= s.closes for s in self.spans)
            for day, first, last in self._days(start, end)
        )

    def _days(self, start: datetime, end: datetime) -> Iterator[tuple[int, int, int]]:
        """Cut an interval at midnights: day of the week, first and last minute."""
        where = zone(self.zone)
        first, last = start.astimezone(where), end.astimezone(where)
        day = first.date()
        while day <= last.date():
            begins = first.hour * 60 + first.minute if day == first.date() else 0
            ends = last.hour * 60 + last.minute if day == last.date() else DAY_MINUTES
            if ends > begins or day == first.date() == last.date():
                yield day.weekday(), begins, ends
            day += timedelta(days=1)
