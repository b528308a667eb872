"""Split long work on the event loop into slices, so that other tasks and signals can run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence, Sized

T = TypeVar("T")

SLICE_SIZE = 500
"""Rows or records that are handled before other tasks may run."""


async def yield_after(*work: Sized) -> None:
    """Let other tasks run if this was much work, measured by the size of ``work``."""
    if sum(map(len, work)) >= SLICE_SIZE:
        await asyncio.sleep(0)


class SlicedWork:
    """Lets other tasks run from time to time during many small pieces of work."""

    def __init__(self) -> None:
        """Start at zero."""
        self._done = 0

    async def after(self, *work: Sized) -> None:
        """Count this work, and let other tasks run if it was much since they ran last."""
        self._done += sum(map(len, work))
        if self._done >= SLICE_SIZE:
            self._done = 0
            await asyncio.sleep(0)


async def in_slices(items: Sequence[T]) -> AsyncIterator[Sequence[T]]:
    """Yield the items in slices; after each full slice, other tasks may run."""
    for at in range(0, len(items), SLICE_SIZE):
        batch = items[at : at + SLICE_SIZE]
        yield batch
        await yield_after(batch)
