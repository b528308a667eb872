"""Whether writing to a calendar is paused.

The pauses are stored and read again for each question, so that one that arrives in another process
or between a plan and its writes counts at once.
"""

from __future__ import annotations

from syncd.model.pauses import Pause, pause_of
from syncd.store.pauses import pauses
from syncd.store.store import Store


def paused(store: Store, provider: str, system: str) -> Pause | None:
    """Return the pause because of which this calendar gets no write; None if it may get one."""
    return pause_of(pauses(store), provider, system)
