"""Work that the platform promises to do later, done when somebody looks after its time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncd.sandbox.clock import Clock


class JobClock:
    """The clock of an account's records: during a job it stands at the time the job was due.

    So a job that is done late, because nobody looked before, is dated as if it had been on time.
    """

    def __init__(self, clock: Clock) -> None:
        """Follow this clock."""
        self._clock = clock
        self.at: datetime | None = None

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        return self.at or self._clock.now()

    async def sleep(self, seconds: float) -> None:
        """Wait that long by the clock that it follows."""
        await self._clock.sleep(seconds)


class Jobs:
    """Jobs by due time; equal ones in the order in which they came."""

    def __init__(self, clock: JobClock) -> None:
        """Start with nothing to do."""
        self._clock = clock
        self._waiting: list[tuple[datetime, int, Callable[[], object]]] = []
        self._number = 5_812_944

    def add(self, due: datetime, work: Callable[[], object]) -> str:
        """Promise work; returns the job's id, a string of digits.

        See docs/platforms/leadsquared.md#moving-appointments.
        """
        self._number += 1
        self._waiting.append((due, self._number, work))
        return str(self._number)

    def run(self) -> None:
        """Do what is due by now."""
        now = self._clock.now()
        due = sorted((job for job in self._waiting if job[0] <= now), key=lambda job: job[:2])
        self._waiting = [job for job in self._waiting if job[0] > now]
        for at, _, work in due:
            self._clock.at = at
            try:
                work()
            finally:
                self._clock.at = None

    @property
    def waiting(self) -> int:
        """How many jobs are not done yet."""
        return len(self._waiting)
