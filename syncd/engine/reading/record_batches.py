"""Load many records in batches, so that other asyncio tasks can run in between."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.model import TrackedEvent
from syncd.store.store import Store
from syncd.systems.time_slices import in_slices


async def records_in_batches(
    store: Store, system: str, events: Sequence[str]
) -> list[TrackedEvent]:
    """Return the records of these event ids; unknown ids are left out. Raises StateError."""
    found: list[TrackedEvent] = []
    async for batch in in_slices(events):
        found += store.records(system, batch)
    return found
