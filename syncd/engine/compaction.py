"""Compact what is older than history is kept, while other work goes on."""

from __future__ import annotations

import asyncio
from datetime import datetime

from syncd.store.compact import compacting
from syncd.store.store import Store


async def compact_history(store: Store, before: datetime, stopping: asyncio.Event) -> None:
    """Drop what is older, in short steps; what is left when syncd ends is dropped next time."""
    for _ in compacting(store, before):
        if stopping.is_set():
            return
        await asyncio.sleep(0)
