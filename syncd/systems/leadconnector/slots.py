"""Free slots: only their starts come; the calendar says how long they are."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model import Window
from syncd.systems.leadconnector.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_SPAN = timedelta(days=31)
"""What one call may span (docs/platforms/leadconnector-v2.md#free-slots)."""


def offered(starts: Iterable[object], length: timedelta | None, zone: str) -> Iterator[Window]:
    """Turn starts into intervals. Of unknown ``length``, a slot proves a minute and no more.

    Unreadable slots are left out.
    """
    for slot in starts:
        try:
            start = parse_time(slot, zone)
            end = start + (length or timedelta(minutes=1))
        except (ValueError, OverflowError):
            continue
        yield Window(start, end)
