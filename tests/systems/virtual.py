"""Virtual time for many tasks: it jumps to the next wake-up when no task can run."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

T = TypeVar("T")

EPOCH = datetime(2026, 7, 1, tzinfo=UTC)


class VirtualClock:
    """Implements `model.Clock`; `drive` advances it."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self._start = start
        self._seconds = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._seconds + seconds, next(self._order), future))
        await future

    async def drive(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end, and advance time whenever every task waits for it."""
        task = asyncio.create_task(work)
        while not task.done():
            for _ in range(20):
                await asyncio.sleep(0)
            if not task.done() and self._sleepers:
                at, _, future = heapq.heappop(self._sleepers)
                self._seconds = max(self._seconds, at)
                if not future.done():
                    future.set_result(None)
        return await task
