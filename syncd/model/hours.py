"""When a provider usually works: wall-clock hours by day of the week, in a zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from syncd.model.time import in_zone, resolve_wall_time, zone

DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """Hours on some days: ``days`` are 0 (Monday) to 6, ends are minutes from midnight."""

    days: frozenset[int]
    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class Hours:
    """All spans of a week in one zone (IANA); none at all means at any time."""

    spans: tuple[OpeningHours, ...] = ()
    zone: str = "UTC"

    def contains(self, start: datetime, end: datetime) -> bool:
        """Whether the whole interval lies inside the hours."""
        if not self.spans:
            return True
        return all(
            any(day in s.days and s.opens <= first and last <= s.closes for s in self.spans)
            for day, first, last in self._days(start, end)
        )

    def clip(self, start: datetime, end: datetime) -> tuple[datetime, datetime] | None:
        """Return from the first opening inside an interval to the last closing, None if closed.

        What lies between two openings is not left out: one interval comes back.
        """
        if not self.spans:
            return start, end
        first, last = self._date(start), self._date(end)
        opens = next(
            (o[0] for day in _week(first, last, 1) for o in self._open(day, start, end)), None
        )
        closes = next(
            (o[1] for day in _week(last, first, -1) for o in reversed(self._open(day, start, end))),
            None,
        )
        return (opens, closes) if opens is not None and closes is not None else None

    def _date(self, instant: datetime) -> date:
        return in_zone(instant, zone(self.zone)).date()

    def _open(self, day: date, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """The open times of a day inside an interval, in order."""
        found = []
        for span in self.spans:
            if day.weekday() in span.days:
                opens = max(start, self._at(day, span.opens))
                closes = min(end, self._at(day, span.closes))
                if opens < closes:
                    found.append((opens, closes))
        return sorted(found)

    def _at(self, day: date, minutes: int) -> datetime:
        wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
        return resolve_wall_time(wall, self.zone).instant

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


def _week(first: date, last: date, step: int) -> Iterator[date]:
    """The days from one to another, at most eight of them: by then each weekday came up."""
    for number in range(min(abs((last - first).days), 7) + 1):
        yield first + timedelta(days=step * number)
