"""Clocks of the emulated platforms: real time, or virtual time that a test advances."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class SandboxClock(Protocol):
    """The clock that is passed in to a platform."""

    def now(self) -> datetime:
        """Return the current time (aware, UTC)."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for this many seconds."""
        ...


class WallClock:
    """The host's clock."""

    def now(self) -> datetime:
        """Return the current time (aware, UTC)."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds from a clock that never goes backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for this many seconds of real time."""
        await asyncio.sleep(max(0.0, seconds))


class ManualClock:
    """Virtual time, for tests and the simulator.

    ``sleep`` advances the clock by the requested seconds and yields to the event loop once. No test
    has to drive the clock, and a wait of ten minutes takes no real time. Two tasks that sleep at
    the same time therefore wait one after the other.
    """

    def __init__(self, now: datetime) -> None:
        """Start at an aware instant. Raises ValueError for a naive one."""
        if now.tzinfo is None:
            message = "the start time of the clock needs a time zone"
            raise ValueError(message)
        self._start = self._now = now.astimezone(UTC)

    def now(self) -> datetime:
        """Return the current virtual time (aware, UTC)."""
        return self._now

    def monotonic(self) -> float:
        """Return the virtual seconds since this clock was created."""
        return (self._now - self._start).total_seconds()

    def advance(self, seconds: float) -> None:
        """Advance the clock by this many seconds. Raises ValueError for a negative number."""
        if seconds < 0:
            message = "the clock cannot go back"
            raise ValueError(message)
        self._now += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """Advance the clock by this many seconds at once."""
        self.advance(max(0.0, seconds))
        await asyncio.sleep(0)
