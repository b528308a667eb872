"""A clock that sleeps in no time, for tests with real sockets, threads or files."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta


class FastClock:
    """Real time, plus the seconds that were slept: `sleep` returns at once."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    async def sleep(self, seconds: float) -> None:
        self._ahead += max(0.0, seconds)
        await asyncio.sleep(0)
