"""Delete history that is older than the retention period, while other tasks run."""

from __future__ import annotations

import asyncio
from datetime import datetime

from syncd.store.retention.compact import compacting
from syncd.store.store import Store


async def compact_history(store: Store, before: datetime, stopping: asyncio.Event) -> None:
    """Delete the history before ``before`` in short steps.

    Stops when ``stopping`` is set; the next call deletes the remaining history.
    """
    for _ in compacting(store, before):
        if stopping.is_set():
            return
        await asyncio.sleep(0)
