"""Asynchronous jobs: each is run at the first access after its due time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncd.lab.sandbox.clock import SandboxClock


class JobClock:
    """The clock of an account's records: during a job it shows the time at which the job was due.

    A job that runs late, because nothing accessed the account, is thus dated as if it ran on time.
    """

    def __init__(self, clock: SandboxClock) -> None:
        """Follow this clock."""
        self._clock = clock
        self.at: datetime | None = None

    def now(self) -> datetime:
        """Return the current time, or the due time of the running job (aware, UTC)."""
        return self.at or self._clock.now()

    async def sleep(self, seconds: float) -> None:
        """Wait for this many seconds of the followed clock."""
        await self._clock.sleep(seconds)


class JobQueue:
    """Jobs sorted by due time; jobs due at the same time run in the order of their creation."""

    def __init__(self, clock: JobClock) -> None:
        """Start empty."""
        self._clock = clock
        self._waiting: list[tuple[datetime, int, Callable[[], object]]] = []
        self._number = 5_812_944

    def add(self, due: datetime, work: Callable[[], object]) -> str:
        """Add a job and return its id, a string of digits.

        See docs/platforms/leadsquared.md#moving-appointments.
        """
        self._number += 1
        self._waiting.append((due, self._number, work))
        return str(self._number)

    def run(self) -> None:
        """Run the jobs that are due."""
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
        """Return the number of jobs that have not run."""
        return len(self._waiting)
