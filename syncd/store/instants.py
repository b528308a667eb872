"""How an instant stands in the database."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from syncd.model import Status, Value, utc


@lru_cache(maxsize=4096)  # one write puts the same few instants into some twenty columns
def instant_text(instant: datetime) -> str:
    """Write an instant as UTC text of fixed length, so that text order is time order."""
    # Not strftime: it writes the year 999 with three digits.
    return utc(instant).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def value_of(text: str) -> Value:
    """Read a value, which is stored as ``start/end status``."""
    interval, _, status = text.partition(" ")
    start, _, end = interval.partition("/")
    return Value(datetime.fromisoformat(start), datetime.fromisoformat(end), Status(status))
