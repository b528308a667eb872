"""How instants, and what holds some, stand in the database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from syncd.model import Claim, Status, Value, utc


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


def claim_of(data: Mapping[str, Any]) -> Claim:
    """Read a claim of a conflict."""
    instant = datetime.fromisoformat
    value = None
    if data["start"] is not None:
        value = Value(instant(data["start"]), instant(data["end"]), Status(data["status"]))
    seen = instant(data["seen_at"]) if data["seen_at"] else None
    return Claim(data["system"], data["event"], value, seen)
