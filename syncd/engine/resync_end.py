"""Decide when a resync ends, and how long it waits between two cycles.

A resync ends when a further cycle would read nothing new, confirm nothing and write nothing. It
continues as long as the last cycle

- wrote something, had a write rejected, or read a calendar or a part of a list completely for the
  first time;
- left a write that a responding platform has to confirm;
- left a late system: the resync waits for that system, but in a daemon only until another job is
  due;
- left an event that needs another read: the event was not looked up yet, the proof that it is gone
  needs a second cycle, or lists may show it later. Each event is looked up once in a resync, or
  until its proof is complete, so the resync ends.

Where a platform allows no more calls for a short time, the resync waits for that time and
continues.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from syncd.engine.report.progress import Progress
from syncd.engine.report.run_report import Report
from syncd.engine.tasks.run_pause import RunPause
from syncd.engine.tasks.system_tasks import SystemTasks
from syncd.model import Clock
from syncd.systems.stopping import Stopping

MAX_CYCLES = 12
"""The maximum number of cycles of a resync that waits for confirmation; the next one continues."""

RETRY_DELAYS = (0.3, 0.6, 1.0, 2.0, 5.0, 10.0, 15.0, 15.0, 15.0)
"""Seconds between two cycles of a run that waits for a platform to confirm."""

MAX_LIST_WAIT = 60.0
"""The longest wait for a list to show a known event, in seconds."""

MAX_LIMIT_WAIT = 120.0
"""The longest wait for a rate limit, in seconds. A daily limit is not waited for."""

MAX_IDLE_WAIT = 300.0
"""The longest total wait for rate limits without a write in between, in seconds."""


@dataclass(slots=True)
class ResyncEnd:
    """The decision after each cycle of one resync whether a further cycle follows.

    ``patient``: the resync waits for rate limits. ``progress`` shows why it waits.
    """

    clock: Clock
    stopping: Stopping
    progress: Progress
    patient: bool = True
    _before: object = (0, 0, 0)
    _covered: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _refused: float = 0.0
    _refusals: int = 0
    _written: int = 0
    _early: int = 0
    """The number of cycles that a due poll brought forward."""
    _due: float = 0.0

    async def continues(self, report: Report, tasks: SystemTasks, *, unconfirmed: bool) -> bool:
        """Wait before the next cycle and return true, or return false if the resync ends.

        ``report`` is the report after the last cycle. ``unconfirmed``: that cycle left a write that
        a responding platform has to confirm.
        """
        if report.converged or self.stopping.is_set():
            return False
        if (wait := self._allowed_in(report)) is not None:
            names = " and ".join(sorted(report.refused))
            verb = "allows" if len(report.refused) == 1 else "allow"
            self.progress(f"{names} {verb} no more calls for {math.ceil(wait)} s: waiting")
            return await self.stopping.pause(self.clock, wait)
        if report.dry_run or report.cycles - self._refusals - self._early >= MAX_CYCLES:
            return False
        progressed = self._made_progress(report)
        if unconfirmed or report.recheck_at is not None:
            self.progress("waiting for a platform to confirm writes")
            pause = self._pause(report, unconfirmed=unconfirmed)
            return await self._wait(tasks.run_pause, pause)
        if progressed or not tasks.pending:
            return progressed or tasks.has_late_results
        verb = "has" if len(tasks.pending) == 1 else "have"
        self.progress(f"{' and '.join(tasks.pending)} {verb} not answered yet: waiting")
        return await tasks.next_arrival()

    async def _wait(self, run_pause: RunPause, pause: float) -> bool:
        """Wait for so many seconds; return false if syncd must stop.

        If a due poll ended the last pause early, wait only for the remaining time of that pause.
        """
        now = self.clock.monotonic()
        if self._early and run_pause.ended_early:
            pause = min(pause, max(RETRY_DELAYS[0], self._due - now))
        self._due = now + pause
        continues = await run_pause.wait(self.stopping, self.clock, pause)
        self._early += run_pause.ended_early
        return continues

    def _made_progress(self, report: Report) -> bool:
        """Return true if the last cycle made progress: a write, or wider coverage."""
        before, done = self._before, _done(report)
        first = report.cycles == 1
        grown = not first and any(n > self._covered[where] for where, n in report.covered.items())
        self._before, self._covered = done, Counter(report.covered)
        # A list that is read in parts takes more than one cycle.
        return done != before or grown or (first and report.cut)

    def _allowed_in(self, report: Report) -> float | None:
        """Return the seconds until a rate-limited platform allows calls again.

        None if there is no such platform, or if the wait would be too long.
        """
        waits = [wait for wait in report.refused.values() if wait <= MAX_LIMIT_WAIT]
        if not self.patient or not waits:
            return None
        wait, written = max(1.0, *waits), report.operations.total()
        if written != self._written:
            self._refused, self._written = 0.0, written
        if self._refused + wait > MAX_IDLE_WAIT:
            return None
        self._refused += wait
        self._refusals += 1
        return wait

    def _pause(self, report: Report, *, unconfirmed: bool) -> float:
        pause = RETRY_DELAYS[min(report.cycles - self._early - 1, len(RETRY_DELAYS) - 1)]
        if unconfirmed or report.recheck_at is None:
            return pause
        until_recheck = (report.recheck_at - self.clock.now()) / timedelta(seconds=1)
        return min(max(until_recheck, RETRY_DELAYS[0]), MAX_LIST_WAIT)


def _done(report: Report) -> tuple[int, int, int]:
    return (report.operations.total(), len(report.failures), report.settled)
