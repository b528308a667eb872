"""Decide whether a calendar was read at a new block's time since its meeting became known.

Near reads cover only a few days. If a calendar did not answer the last read of the whole window,
syncd does not know what was entered there after those days: perhaps the same meeting. So a new
block waits until a read covers its time (docs/design.md#windows).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.model import Window

SAME_CYCLE = timedelta(minutes=1)
"""The reads of one cycle start within this time of each other, unless a system answers late."""


@dataclass(frozen=True, slots=True)
class TimedRead:
    """A window of a calendar that was read, and when the read started."""

    window: Window
    at: datetime


@dataclass(frozen=True, slots=True)
class RecentReads:
    """The last reads of a calendar.

    - ``current``: the windows that this cycle read.
    - ``earlier``: the reads before this cycle that still count.
    - ``whole``: the longest window that is ever read.
    """

    current: tuple[Window, ...]
    earlier: tuple[TimedRead, ...]
    whole: Window

    def cover(self, at: datetime, since: datetime | None) -> bool:
        """Return true if a read after ``since`` covers the instant ``at`` (the start of a block).

        If ``since`` is None, only the reads of this cycle count. An instant after the whole window
        is never read, so it counts as covered.
        """
        at = max(at, self.whole.start)
        if at >= self.whole.end or any(at in window for window in self.current):
            return True
        return since is not None and any(
            at in read.window and read.at >= since - SAME_CYCLE for read in self.earlier
        )
