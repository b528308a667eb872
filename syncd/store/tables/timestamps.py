"""Convert instants, values and claims to stored text and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from syncd.model import Claim, Status, Value, utc


@lru_cache(maxsize=4096)  # one write stores the same few instants in about twenty columns
def instant_text(instant: datetime) -> str:
    """Format an instant as UTC text of fixed length, so that it sorts by time."""
    # Not strftime, which formats the year 999 with three digits.
    return utc(instant).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def value_of(text: str) -> Value:
    """Parse a value from its stored form ``start/end status``."""
    interval, _, status = text.partition(" ")
    start, _, end = interval.partition("/")
    return Value(datetime.fromisoformat(start), datetime.fromisoformat(end), Status(status))


def claim_of(data: Mapping[str, Any]) -> Claim:
    """Parse a claim of a conflict from its stored JSON object."""
    instant = datetime.fromisoformat
    value = None
    if data["start"] is not None:
        value = Value(instant(data["start"]), instant(data["end"]), Status(data["status"]))
    seen_at = instant(data["seen_at"]) if data["seen_at"] else None
    return Claim(data["system"], data["event"], value, seen_at)
