"""Read an all-day event: by which signs it is known, which days it takes, and what it closes.

An end at midnight is the end of the day before, as Google and Microsoft write it. An end at a later
time of day is on the last day, and an event that ends as it starts takes one day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from syncd.model import find_tag, in_zone, zone
from syncd.model.all_day import whole_days
from syncd.systems.epoch_times import epoch
from syncd.systems.lenient import text

if TYPE_CHECKING:
    from syncd.model import Value
    from syncd.model.all_day import AllDayRule

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY = timedelta(days=1)


def flagged(values: Iterable[object]) -> bool:
    """Whether one of the fields that say so says that an event takes whole days."""
    return any(value is True or text(value).lower() in {"true", "1"} for value in values)


def closing(value: Value, rule: AllDayRule, zone_name: str) -> Value | None:
    """What of its time an all-day event takes by the policy, None if it takes none."""
    closes = rule.closes(value.start, value.end, zone_name or "UTC")
    return replace(value, start=closes[0], end=closes[1]) if closes else None


def may_be_ours(text_of: object, usual: str, start: object, end: object) -> bool:
    """Whether a block may be one of syncd's, for which the policy is not.

    It bears a tag; or, as a platform may strip tags, the usual title and an end of its own.
    """
    return find_tag(text_of) is not None or (text(text_of) == usual and start != end)


def spelt(value: Value | None) -> str:
    """Spell for a fingerprint what an all-day event takes: that depends on zone and policy, too."""
    return f"{value.start.isoformat()} {value.end.isoformat()}" if value is not None else "nothing"


def inner(value: object) -> object:
    """Return a time that may come in an object, as ``{"date": ...}`` or ``{"dateTime": ...}``."""
    return (value.get("dateTime") or value.get("date")) if isinstance(value, dict) else value


def is_dated(start: object, end: object) -> bool:
    """Whether both times of an event are dates, or its start is one and it has no end."""
    return _is_date(start) and (_is_date(end) or _is_missing(end))


def days(
    start: object, end: object, zone_name: str, instant: Callable[[object], datetime]
) -> tuple[datetime, datetime]:
    """Return the days of an all-day event as instants on the location's clock.

    ``instant`` reads a time of the platform. Where the zone of the location is not known, times
    must name one, and the days are those of UTC. Raises ValueError for times that cannot be read.

    A day has no zone, so a platform may write its midnight on any clock: the one that the time
    names, the location's, or UTC's, in this order.
    """
    try:
        return _days(start, end, zone_name, instant)
    except OverflowError:
        message = "a time is out of range"
        raise ValueError(message) from None


def _days(
    start: object, end: object, zone_name: str, instant: Callable[[object], datetime]
) -> tuple[datetime, datetime]:
    begins = _walls(start, zone_name, instant)
    clock = next((i for i, wall in enumerate(begins) if wall.time() == time()), _LOCAL)
    begin = begins[clock]
    first, after = begin.date(), begin.date() + _DAY
    if not _is_missing(end):
        finish = _walls(end, zone_name, instant)[clock]
        if finish < begin:
            message = "it ends before it starts"
            raise ValueError(message)
        if finish.date() > first:
            # At the time of day at which it starts, a day is over; later, it is one of its days.
            after = finish.date() + (_DAY if finish.time() > begin.time() else timedelta())
    return whole_days(first, after, zone_name or "UTC")


_LOCAL = 1


def _is_date(value: object) -> bool:
    return _DATE.fullmatch(text(inner(value))) is not None


def _is_missing(value: object) -> bool:
    found = inner(value)
    return found is None or (isinstance(found, str) and not found.strip())


def _walls(
    value: object, zone_name: str, instant: Callable[[object], datetime]
) -> tuple[datetime, datetime, datetime]:
    """Read a time on the clock that it names itself, on the location's, and on UTC's."""
    written = text(inner(value))
    if _DATE.fullmatch(written):
        midnight = datetime.combine(date.fromisoformat(written), time())
        return midnight, midnight, midnight
    moment = instant(value)
    local = in_zone(moment, zone(zone_name) if zone_name else UTC)
    own = local if epoch(inner(value)) is not None else datetime.fromisoformat(written)
    utc = in_zone(moment, UTC)
    return own.replace(tzinfo=None), local.replace(tzinfo=None), utc.replace(tzinfo=None)
