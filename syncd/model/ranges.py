"""Which times syncd works with: the one rule for null dates and ends "for ever".

See docs/design.md#times-out-of-range.

Platforms show 0001-01-01 where they know no time, and 9999-12-31 where there is no end. Neither may
reach a calculation: a day's arithmetic or another zone leads out of the calendar.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from syncd.model.time import floor_to
from syncd.model.types import Status, Value

READABLE = timedelta(days=5 * 365 + 1)
"""How far from now a time may lie."""

OPEN_END = timedelta(days=365)
"""How far from its first sight an end "for ever" is put."""

_MONTH = timedelta(days=31)
RENEW_BEFORE = timedelta(days=180)
"""How far before it is reached such an end is put off again: longer than most windows."""


def readable(instant: datetime, now: datetime) -> bool:
    """Whether an instant lies within five years of now."""
    return abs(instant - now) <= READABLE


def read_value(start: datetime, end: datetime, status: Status, now: datetime) -> Value:
    """Make a value of what a record says. Raises ValueError if that is no interval near enough.

    An end that is too far stays as it is: what is known of the event says where to cut it.
    """
    if end <= start:
        message = "it ends before it starts, or at once"
        raise ValueError(message)
    if not readable(start, now):
        message = "its start lies more than five years away"
        raise ValueError(message)
    return Value(start, end, status)


def read_update(instant: datetime, now: datetime) -> datetime | None:
    """Return the time of a record's last update, None if it cannot be true."""
    return instant if readable(instant, now) else None


def is_open_ended(value: Value, now: datetime) -> bool:
    """Whether a value ends too far away to be meant."""
    return value.end - now > READABLE


def in_range(value: Value, now: datetime) -> bool:
    """Whether both its times are near enough to be worked with."""
    return readable(value.start, now) and not is_open_ended(value, now)


def cut_end(value: Value, now: datetime, known: Value | None = None) -> Value:
    """Give a value with an open end a fixed one: the one that is known, until it has to be renewed.

    The fixed end is the first of a month in UTC, about a year ahead and after the start: every
    platform can keep it, and a state that was lost finds the same one again in most cases.
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
