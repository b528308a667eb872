"""Read all-day events: recognise them, find their days, and apply the all-day rule.

An end at midnight means the end of the day before, as Google and Microsoft write it. An end at a
later time of day lies on the last day. An event whose end equals its start takes one day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from syncd.model import find_tag, in_zone, zone
from syncd.model.all_day import whole_days
from syncd.systems.epoch_times import parse_epoch
from syncd.systems.lenient import text

if TYPE_CHECKING:
    from syncd.model import Value
    from syncd.model.all_day import AllDayRule

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY = timedelta(days=1)


def flagged(values: Iterable[object]) -> bool:
    """Return whether any of these all-day fields of an event is set: true, "true" or 1."""
    return any(value is True or text(value).lower() in {"true", "1"} for value in values)


def apply_all_day_rule(value: Value, rule: AllDayRule, zone_name: str) -> Value | None:
    """Return an all-day event with the time that the rule blocks; None if it blocks nothing."""
    closed = rule.closes(value.start, value.end, zone_name or "UTC")
    return replace(value, start=closed[0], end=closed[1]) if closed else None


def may_be_ours(title: object, block_title: str, start: object, end: object) -> bool:
    """Return whether syncd may have created a block, so that the all-day rule must not change it.

    That is so if the title contains a tag. As a platform may strip tags, it is also so if the title
    equals syncd's ``block_title`` and the end of the event differs from its start.
    """
    return find_tag(title) is not None or (text(title) == block_title and start != end)


def closed_time_text(value: Value | None) -> str:
    """Format the blocked time of an all-day event for a fingerprint; None is formatted, too.

    The fingerprint needs it because the time depends on the time zone and the all-day rule.
    """
    return f"{value.start.isoformat()} {value.end.isoformat()}" if value is not None else "nothing"


def unwrap_time(value: object) -> object:
    """Return a time that may be sent in an object: ``{"date": ...}`` or ``{"dateTime": ...}``."""
    return (value.get("dateTime") or value.get("date")) if isinstance(value, dict) else value


def is_dated(start: object, end: object) -> bool:
    """Return whether an event's start is a date, and its end a date, too, or missing."""
    return _is_date(start) and (_is_date(end) or _is_missing(end))


def all_day_span(
    start: object, end: object, zone_name: str, parse: Callable[[object], datetime]
) -> tuple[datetime, datetime]:
    """Return the start of the first day and the end of the last day in the location's time zone.

    ``parse`` reads a time of the platform. If ``zone_name`` is '', the times must name a time zone,
    and the days are days in UTC. Raises ValueError for times that cannot be read.

    A day has no time zone, so a platform may write its midnight in any of three: the one that the
    time itself names, the location's, or UTC. They are tried in this order.
    """
    try:
        return _span(start, end, zone_name, parse)
    except OverflowError:
        message = "the start or end is out of range"
        raise ValueError(message) from None


def _span(
    start: object, end: object, zone_name: str, parse: Callable[[object], datetime]
) -> tuple[datetime, datetime]:
    starts = _wall_times(start, zone_name, parse)
    clock = next((i for i, wall in enumerate(starts) if wall.time() == time()), _LOCAL)
    begin = starts[clock]
    first, after = begin.date(), begin.date() + _DAY
    if not _is_missing(end):
        finish = _wall_times(end, zone_name, parse)[clock]
        if finish < begin:
            message = "the event ends before it starts"
            raise ValueError(message)
        if finish.date() > first:
            # The day of the end counts only if the end is at a later time of day than the start.
            after = finish.date() + (_DAY if finish.time() > begin.time() else timedelta())
    return whole_days(first, after, zone_name or "UTC")


_LOCAL = 1
"""Index of the location's clock in the result of `_wall_times`."""


def _is_date(value: object) -> bool:
    return _DATE.fullmatch(text(unwrap_time(value))) is not None


def _is_missing(value: object) -> bool:
    sent = unwrap_time(value)
    return sent is None or (isinstance(sent, str) and not sent.strip())


def _wall_times(
    value: object, zone_name: str, parse: Callable[[object], datetime]
) -> tuple[datetime, datetime, datetime]:
    """Return a time as wall time in the time zone it names, the location's, and UTC."""
    written = text(unwrap_time(value))
    if _DATE.fullmatch(written):
        midnight = datetime.combine(date.fromisoformat(written), time())
        return midnight, midnight, midnight
    moment = parse(value)
    local = in_zone(moment, zone(zone_name) if zone_name else UTC)
    own = local if parse_epoch(unwrap_time(value)) is not None else datetime.fromisoformat(written)
    utc = in_zone(moment, UTC)
    return own.replace(tzinfo=None), local.replace(tzinfo=None), utc.replace(tzinfo=None)
