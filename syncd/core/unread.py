"""Whether a calendar was read where a block is to be made since its meeting became known.

Near reads show a few days only. Where a calendar was silent when the whole window was read, nobody
knows what was entered there in the weeks beyond: the meeting itself may stand there. So a new block
waits for a read of its time (docs/design.md#windows). A block that moves does not: it waits for
nothing, as its former time is to be free within one poll.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.model import Window

SAME_READ = timedelta(minutes=1)
"""The reads of one cycle are asked for within so much of each other, if none is late."""


@dataclass(frozen=True, slots=True)
class Look:
    """A window of a calendar that was answered, and when that was asked for."""

    window: Window
    at: datetime


@dataclass(frozen=True, slots=True)
class Looks:
    """The last reads of a calendar.

    ``current`` is what this cycle read of it, ``earlier`` are those that are not old yet; ``whole``
    is all that is ever read.
    """

    current: tuple[Window, ...]
    earlier: tuple[Look, ...]
    whole: Window

    def show(self, at: datetime, since: datetime | None) -> bool:
        """Return whether a read showed this time since then; ``since`` None: only this cycle's."""
        at = max(at, self.whole.start)  # What began before it, nobody waits for.
        if at >= self.whole.end or any(at in window for window in self.current):
            return True
        return since is not None and any(
            at in look.window and look.at >= since - SAME_READ for look in self.earlier
        )
