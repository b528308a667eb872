"""When a resync ends, and how long it waits before it looks again.

A run ends when a further cycle would ask nothing new, confirm nothing and write nothing. So it goes
on as long as the last cycle

- wrote something, was refused a write, or got to know a calendar or a part of a list as whole: the
  next one decides and reads on from there;
- left a write to be confirmed by a platform that answers;
- left a system that was slower than the others: the run waits for it, and a daemon for as long as
  it has nothing else to do;
- left an event of which another look can tell more: one that was not asked for yet, one of which a
  proof takes a second cycle, one that lists may show later. Each id is asked for once in a run, or
  until its proof is complete, so these come to an end.

Where a platform allows no more calls for a short while, the run waits for that long, and goes on.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from syncd.engine.report import Report
from syncd.engine.run_pause import RunPause
from syncd.engine.system_tasks import SystemTasks
from syncd.model import Clock
from syncd.systems.stopping import Stopping

MAX_CYCLES = 12
"""A run that waits for confirmation ends after so many cycles: the next one takes it up."""

RETRY_DELAYS = (0.3, 0.6, 1.0, 2.0, 5.0, 10.0, 15.0, 15.0, 15.0)
"""Seconds between two cycles of a run that waits for a platform to confirm."""

MAX_LIST_WAIT = 60.0
"""Seconds: the longest wait for a list to show what is known."""

MAX_LIMIT_WAIT = 120.0
"""Seconds: the longest wait for a platform that allows no more calls; a day's quota is no such."""

MAX_IDLE_WAIT = 300.0
"""Seconds: the longest that a run waits like that without having written anything meanwhile."""

Progress = Callable[[str], None]


@dataclass(slots=True)
class ResyncEnd:
    """The end of one run, judged after each of its cycles."""

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

    async def goes_on(self, report: Report, lanes: SystemTasks, *, unconfirmed: bool) -> bool:
        """Wait as long as is of use, and return whether another cycle is; not after a signal."""
        if report.converged or self.stopping.is_set():
            return False
        if (wait := self._allowed_in(report)) is not None:
            names = " and ".join(sorted(report.refused))
            verb = "allows" if len(report.refused) == 1 else "allow"
            self.progress(f"{names} {verb} no more calls for {math.ceil(wait)} s: waiting")
            return await self.stopping.pause(self.clock, wait)
        if report.dry_run or report.cycles - self._refusals - self._early >= MAX_CYCLES:
            return False
        stirred = self._has_stirred(report)
        if unconfirmed or report.recheck_at is not None:
            self.progress("waiting for a platform to confirm")
            pause = self._pause(report, unconfirmed=unconfirmed)
            return await self._wait(lanes.run_pause, pause)
        if stirred or not lanes.pending:
            return stirred or lanes.has_late_results
        verb = "has" if len(lanes.pending) == 1 else "have"
        self.progress(f"{' and '.join(lanes.pending)} {verb} not answered yet: waiting")
        return await lanes.next_arrival()

    async def _wait(self, run_pause: RunPause, pause: float) -> bool:
        """Wait before the next cycle; after a pause that was ended early, wait for its rest."""
        now = self.clock.monotonic()
        if self._early and run_pause.ended_early:
            pause = min(pause, max(RETRY_DELAYS[0], self._due - now))
        self._due = now + pause
        goes_on = await run_pause.wait(self.stopping, self.clock, pause)
        self._early += run_pause.ended_early
        return goes_on

    def _has_stirred(self, report: Report) -> bool:
        """Whether the last cycle wrote something, or got to know more than any before it."""
        before, done = self._before, _done(report)
        first = report.cycles == 1
        grown = not first and any(n > self._covered[where] for where, n in report.covered.items())
        self._before, self._covered = done, Counter(report.covered)
        # What is read in parts is not all asked for in one cycle.
        return done != before or grown or (first and report.cut)

    def _allowed_in(self, report: Report) -> float | None:
        """Return the seconds until a platform that refused calls allows them again.

        None where none did, or where that is not to be waited for.
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
        left = (report.recheck_at - self.clock.now()) / timedelta(seconds=1)
        return min(max(left, RETRY_DELAYS[0]), MAX_LIST_WAIT)


def _done(report: Report) -> tuple[int, int, int]:
    return (report.operations.total(), len(report.failures), report.settled)
