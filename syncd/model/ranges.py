"""The range of times that syncd works with: one rule for null dates and open ends.

See docs/design.md#times-out-of-range.

Platforms show 0001-01-01 for an unknown time and 9999-12-31 for an open end. Neither may reach a
calculation: adding a day or converting the time zone would overflow.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from syncd.model.time import floor_to
from syncd.model.types import Status, Value

READABLE = timedelta(days=5 * 365 + 1)
"""The largest distance of a time from now: five years."""

OPEN_END = timedelta(days=365)
"""The distance of the fixed end that replaces an open end, from when the event is first seen."""

_MONTH = timedelta(days=31)
RENEW_BEFORE = timedelta(days=180)
"""A fixed end is renewed when it is nearer than this. The span is longer than most windows."""


def readable(instant: datetime, now: datetime) -> bool:
    """Return true if an instant lies within five years of now."""
    return abs(instant - now) <= READABLE


def read_value(start: datetime, end: datetime, status: Status, now: datetime) -> Value:
    """Return the value of a record's interval and status, as read from a platform.

    An end that is too far away is kept here (`cut_end` replaces it). Raises ValueError if the
    interval is empty or its start is more than five years from ``now``.
    """
    # The caller cuts an end that is too far: that takes the stored value of the event (`cut_end`).
    if end <= start:
        message = "its end is not after its start"
        raise ValueError(message)
    if not readable(start, now):
        message = "its start lies more than five years away"
        raise ValueError(message)
    return Value(start, end, status)


def read_update(instant: datetime, now: datetime) -> datetime | None:
    """Return the time of a record's last update, or None if it is out of range."""
    return instant if readable(instant, now) else None


def is_open_ended(value: Value, now: datetime) -> bool:
    """Return true if a value ends more than five years from now: it has no real end."""
    return value.end - now > READABLE


def in_range(value: Value, now: datetime) -> bool:
    """Return true if start and end of a value are within the range."""
    return readable(value.start, now) and not is_open_ended(value, now)


def cut_end(value: Value, now: datetime, known: Value | None = None) -> Value:
    """Replace an open end with a fixed end; return any other value unchanged.

    ``known`` is the stored value of the event: its end is used again while it is far enough ahead.
    A new fixed end is the first of a month in UTC, about a year ahead and after the start. Every
    platform can store such an end, and after a loss of the state the computed end is mostly the
    same.
    """
    if not is_open_ended(value, now):
        return value
    if (
        known is not None
        and max(now + RENEW_BEFORE, value.start) < known.end
        and not is_open_ended(known, now)
    ):
        return replace(value, end=known.end)
    about = floor_to(max(now + OPEN_END, value.start + _MONTH), timedelta(days=1))
    return replace(value, end=about.replace(day=1))
