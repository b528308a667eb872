"""The stop signal, which ends every wait and bounds the time of requests in flight.

All code that waits for a platform waits inside `Stopping.cut`, so that the signal reaches every
wait.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from syncd.model import Clock

IN_FLIGHT = 20.0
"""Seconds that requests in flight may take after the signal (docs/design.md#stopping)."""

MIN_REPORTED_WAIT = 1.0
"""Seconds: shorter waits are not reported."""


def _immediately() -> float:
    return 0.0


class Stopping(asyncio.Event):
    """The stop signal. Set once, from within the event loop, when the process must stop.

    ``on_wait`` is called with (system, text) when a call to a system has to wait: the text is the
    reason, and '' when the wait is over.
    """

    def __init__(self) -> None:
        """Start without waits."""
        super().__init__()
        self.on_wait: Callable[[str, str], None] = lambda _system, _text: None
        self._open: dict[asyncio.Timeout, Callable[[], float]] = {}

    def set(self) -> None:
        """Set the signal: shorten every wait."""
        if self.is_set():
            return
        super().set()
        for timeout, rest in tuple(self._open.items()):
            _shorten(timeout, rest())

    @asynccontextmanager
    async def cut(
        self, longest: float | None = None, rest: Callable[[], float] = _immediately
    ) -> AsyncIterator[None]:
        """Bound a block to ``longest`` seconds, and after the signal to ``rest()`` more seconds.

        Raises TimeoutError.
        """
        async with asyncio.timeout(longest) as timeout:
            self._open[timeout] = rest
            if self.is_set():
                _shorten(timeout, rest())
            try:
                yield
            finally:
                del self._open[timeout]

    @asynccontextmanager
    async def reporting_wait(self, system: str) -> AsyncIterator[Callable[[float], None]]:
        """Yield a function that reports a wait of so many seconds for a system's rate limit.

        When the block ends, the end of the wait is reported.
        """
        reported = False

        def report(seconds: float) -> None:
            nonlocal reported
            if seconds >= MIN_REPORTED_WAIT:
                reported = True
                self.on_wait(system, f"allows no more calls for {math.ceil(seconds)} s")

        try:
            yield report
        finally:
            if reported:
                self.on_wait(system, "")

    async def pause(self, clock: Clock, seconds: float) -> bool:
        """Wait for some seconds; return False if the signal ended the wait."""
        if self.is_set():
            return False
        try:
            async with self.cut():
                await clock.sleep(seconds)
        except TimeoutError:
            return False
        return not self.is_set()


def _shorten(timeout: asyncio.Timeout, seconds: float) -> None:
    """Move a timeout forward, unless it has expired."""
    if timeout.expired():
        return
    until, planned = asyncio.get_running_loop().time() + seconds, timeout.when()
    timeout.reschedule(until if planned is None else min(until, planned))
