"""Working hours of a provider: wall-clock hours per day of the week, in a time zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from syncd.model.time import in_zone, resolve_wall_time, zone

DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """Opening hours on some days of the week.

    ``days`` are 0 (Monday) to 6; ``opens`` and ``closes`` are minutes from midnight.
    """

    days: frozenset[int]
    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class Hours:
    """The opening hours of a week, in an IANA time zone. Without spans, every time is open."""

    spans: tuple[OpeningHours, ...] = ()
    zone: str = "UTC"

    def contains(self, start: datetime, end: datetime) -> bool:
        """Return true if the whole interval lies inside the hours."""
        if not self.spans:
            return True
        return all(
            any(day in s.days and s.opens <= first and last <= s.closes for s in self.spans)
            for day, first, last in self._days(start, end)
        )

    def clip(self, start: datetime, end: datetime) -> tuple[datetime, datetime] | None:
        """Return the time from the first opening to the last closing inside an interval.

        The result is one interval: closed times between two openings stay in it. None if the
        interval lies outside the hours.
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
        """Return the open times of a day inside an interval, in order."""
        open_times = []
        for span in self.spans:
            if day.weekday() in span.days:
                opens = max(start, self._at(day, span.opens))
                closes = min(end, self._at(day, span.closes))
                if opens < closes:
                    open_times.append((opens, closes))
        return sorted(open_times)

    def _at(self, day: date, minutes: int) -> datetime:
        wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
        return resolve_wall_time(wall, self.zone).instant

    def _days(self, start: datetime, end: datetime) -> Iterator[tuple[int, int, int]]:
        """Split an interval at midnight; yield day of the week, first and last minute."""
        local_zone = zone(self.zone)
        first, last = start.astimezone(local_zone), end.astimezone(local_zone)
        day = first.date()
        while day <= last.date():
            begins = first.hour * 60 + first.minute if day == first.date() else 0
            ends = last.hour * 60 + last.minute if day == last.date() else DAY_MINUTES
            if ends > begins or day == first.date() == last.date():
                yield day.weekday(), begins, ends
            day += timedelta(days=1)


def _week(first: date, last: date, step: int) -> Iterator[date]:
    """Yield the days from one to another, at most eight: that includes every weekday."""
    for number in range(min(abs((last - first).days), 7) + 1):
        yield first + timedelta(days=step * number)
