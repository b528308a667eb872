"""The signal to end: it cuts every wait short, and bounds what is in flight.

Everything that waits for a platform waits inside `Stopping.cut`, so that a signal needs no other
way to reach it. Without a signal it costs nothing but an entry in a dict.
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


WORTH_TELLING = 1.0
"""Seconds: who waits for less is not told of."""


def _at_once() -> float:
    return 0.0


class Stopping(asyncio.Event):
    """Set once, from within the event loop, when the process is to end.

    ``on_wait`` hears (system, text) when a call to a system has to wait, and why; the text is empty
    when the wait is over.
    """

    def __init__(self) -> None:
        """Nobody waits yet."""
        super().__init__()
        self.on_wait: Callable[[str, str], None] = lambda _system, _text: None
        self._open: dict[asyncio.Timeout, Callable[[], float]] = {}

    def set(self) -> None:
        """End every wait."""
        if self.is_set():
            return
        super().set()
        for timeout, rest in tuple(self._open.items()):
            _shorten(timeout, rest())

    @asynccontextmanager
    async def cut(
        self, longest: float | None = None, rest: Callable[[], float] = _at_once
    ) -> AsyncIterator[None]:
        """Let a block take ``longest`` seconds, and ``rest()`` seconds once the signal has come.

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
        """Tell of a wait for room in the budget of a system, while a block lasts."""
        said = False

        def waits(seconds: float) -> None:
            nonlocal said
            if seconds >= WORTH_TELLING:
                said = True
                self.on_wait(system, f"allows no more calls for {math.ceil(seconds)} s")

        try:
            yield waits
        finally:
            if said:
                self.on_wait(system, "")

    async def pause(self, clock: Clock, seconds: float) -> bool:
        """Wait; return whether that was possible to the end."""
        if self.is_set():
            return False
        try:
            async with self.cut():
                await clock.sleep(seconds)
        except TimeoutError:
            return False
        return not self.is_set()


def _shorten(timeout: asyncio.Timeout, seconds: float) -> None:
    """Let a timeout come earlier, unless it has come already."""
    if timeout.expired():
        return
    until, planned = asyncio.get_running_loop().time() + seconds, timeout.when()
    timeout.reschedule(until if planned is None else min(until, planned))
