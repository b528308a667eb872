"""Many records from the store in slices, so that other tasks have a turn in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from syncd.systems.turns import in_turns

if TYPE_CHECKING:
    from syncd.model import Record
    from syncd.store.store import Store


async def records_in_turns(store: Store, system: str, events: Sequence[str]) -> list[Record]:
    """Return the records of these events; unknown ones are left out. Raises StateError."""
    found: list[Record] = []
    async for batch in in_turns(events):
        found += store.records(system, batch)
    return found
