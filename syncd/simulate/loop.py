"""An event loop whose time passes only while nobody has anything to do.

With no real sockets in the process, a wait of ten minutes costs nothing, and the order of all that
happens follows from the program alone.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    """Instead of waiting, it lets the loop's time pass."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout:
            self.passed += timeout
        elif timeout is None:
            message = "nothing is left to happen: the simulation is stuck"
            raise RuntimeError(message)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time begins at 0."""

    def __init__(self) -> None:
        """Begin."""
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Seconds since the beginning."""
        return self._virtual.passed


def run_virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a loop of its own."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


class VirtualClock:
    """The loop's time as a clock, for the program and for the platforms.

    ``offset`` is what the host's clock is wrong by; the platforms have a clock of their own.
    """

    def __init__(self, start: datetime) -> None:
        """Begin at an instant."""
        self._start = start
        self.offset = timedelta(0)
        self._told = (0.0, self.offset, start)

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        passed, offset, told = self._told
        if passed != (now := self.monotonic()) or offset is not self.offset:
            told = self._start + timedelta(seconds=now) + self.offset
            self._told = (now, self.offset, told)
        return told

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(max(0.0, seconds))
