"""Free slots: the platform sends only their starts, and the calendar defines their length."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model import Window
from syncd.systems.leadconnector.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_SPAN = timedelta(days=31)
"""The longest window of one call (docs/platforms/leadconnector-v2.md#free-slots)."""


def slot_windows(starts: Iterable[object], length: timedelta | None, zone: str) -> Iterator[Window]:
    """Convert the starts of slots to intervals, in which ``zone`` is used for wall times.

    If ``length`` is unknown, each slot counts as one minute. Unreadable slots are skipped.
    """
    for slot in starts:
        try:
            start = parse_time(slot, zone)
            end = start + (length or timedelta(minutes=1))
        except (ValueError, OverflowError):
            continue
        yield Window(start, end)
