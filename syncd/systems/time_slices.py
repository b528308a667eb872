"""Long work on the event loop in slices, so that other tasks and signals have a turn in between."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence, Sized

T = TypeVar("T")

TURN = 500
"""Rows or records that are looked at before other tasks have a turn."""


async def turn_after(*work: Sized) -> None:
    """Let other tasks have a turn if this was much."""
    if sum(map(len, work)) >= TURN:
        await asyncio.sleep(0)


class Turns:
    """Lets other tasks have a turn after many small pieces of work."""

    def __init__(self) -> None:
        """Nothing was done yet."""
        self._done = 0

    async def after(self, *work: Sized) -> None:
        """Count this work, and let other tasks have a turn if it was much since the last one."""
        self._done += sum(map(len, work))
        if self._done >= TURN:
            self._done = 0
            await asyncio.sleep(0)


async def in_turns(items: Sequence[T]) -> AsyncIterator[Sequence[T]]:
    """Return the items in slices; after each whole one, other tasks have a turn."""
    for at in range(0, len(items), TURN):
        batch = items[at : at + TURN]
        yield batch
        await turn_after(batch)
