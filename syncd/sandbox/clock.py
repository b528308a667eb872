"""The time that an emulated platform lives in: the real one, or one that tests turn by hand."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Time as it is handed to a platform."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long by this clock."""
        ...


class RealClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        await asyncio.sleep(max(0.0, seconds))


class ManualClock:
    """Virtual time, for tests and the simulator.

    ``sleep`` advances the clock itself by the seconds asked for and yields to the event loop once:
    nobody has to drive it, and a wait of ten minutes costs nothing. Two tasks that sleep at the
    same time therefore wait one after the other.
    """

    def __init__(self, now: datetime) -> None:
        """Start at an aware instant; ValueError for a naive one."""
        if now.tzinfo is None:
            message = "a clock needs an aware instant"
            raise ValueError(message)
        self._start = self._now = now.astimezone(UTC)

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return (self._now - self._start).total_seconds()

    def advance(self, seconds: float) -> None:
        """Let time pass. Negative seconds raise ValueError: time does not run backwards."""
        if seconds < 0:
            message = "time does not run backwards"
            raise ValueError(message)
        self._now += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.advance(max(0.0, seconds))
        await asyncio.sleep(0)
