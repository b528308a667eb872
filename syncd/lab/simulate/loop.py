"""An event loop whose time advances only while no task can run.

Without real sockets in the process, a wait of ten minutes costs nothing, and the order of all
events follows from the program alone.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    """A selector that advances the loop's time instead of waiting."""

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
    """An event loop with virtual time that begins at 0."""

    def __init__(self) -> None:
        """Create the loop with its own selector."""
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Return the seconds since the beginning."""
        return self._virtual.passed


def run_virtually(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a virtual loop of its own."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


class VirtualClock:
    """The loop's time as a clock, for the program and for the platforms.

    ``offset`` is the error of the host's clock. The platforms have a clock of their own.
    """

    def __init__(self, start: datetime) -> None:
        """Start the clock at this time."""
        self._start = start
        self.offset = timedelta(0)
        self._last_reading = (0.0, self.offset, start)

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        monotonic, offset, current = self._last_reading
        if monotonic != (now := self.monotonic()) or offset is not self.offset:
            current = self._start + timedelta(seconds=now) + self.offset
            self._last_reading = (now, self.offset, current)
        return current

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Sleep in virtual time."""
        await asyncio.sleep(max(0.0, seconds))
