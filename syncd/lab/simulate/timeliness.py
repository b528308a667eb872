"""Judge whether a slow or tightly limited system delays the others (promise 8)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.core.polling.rate import per_minute
from syncd.engine.report.run_report import Report
from syncd.lab.sandbox.faults import FaultKind

if TYPE_CHECKING:
    from syncd.daemon.jobs import Jobs
    from syncd.daemon.poll_scheduler import PollScheduler
    from syncd.lab.simulate.world import World

MAX_POLL_SECONDS = 8.0
"""The longest poll, in seconds, while one system is slow.

A second for each request, and the wait that the rate budget of an account needs.
"""

_MIN_OTHERS = 2

_HARMLESS = frozenset({FaultKind.SLOW, FaultKind.HALF_EMOJI, FaultKind.ODD_STATUS})


@dataclass(slots=True)
class TimelinessJudge:
    """The polls of one process, and the faults of the platforms in each of them."""

    world: World
    _before: dict[str, Counter[FaultKind]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start with the faults injected before."""
        self._before = self._injected()

    def judge(self, report: Report) -> Iterator[str]:
        """Yield a poll that took too long although only one system was slow."""
        now = self._injected()
        new_faults = {name: kinds - self._before[name] for name, kinds in now.items()}
        self._before = now
        slow = [name for name, kinds in new_faults.items() if kinds[FaultKind.SLOW]]
        is_undisturbed = all(kinds.keys() <= _HARMLESS for kinds in new_faults.values())
        polled = report.job in {"near", "far"} and not report.refused
        # If a system is left out of the configuration, no two others exchange changes.
        polled = polled and len(report.systems) > _MIN_OTHERS
        if polled and is_undisturbed and len(slow) == 1 and report.seconds > MAX_POLL_SECONDS:
            yield f"8: a {report.job} poll took {report.seconds} s because {slow[0]} was slow"

    def _injected(self) -> dict[str, Counter[FaultKind]]:
        systems = self.world.sandbox.systems
        return {name: Counter(platform.faults.injected) for name, platform in systems.items()}


def judge_paces(rounds: PollScheduler) -> Iterator[str]:
    """Yield systems that are polled less often than configured although their account allows it.

    Also yields systems that are polled as configured although their account does not allow it.
    """
    near, far = rounds.settings.near, rounds.settings.far
    for need in rounds.needs():
        interval = rounds.intervals.of(need.system)
        is_affordable = need.bearable is None or per_minute(need, near, far) <= need.bearable
        every = max(interval.near, rounds.intervals.near)
        if is_affordable and every > near:
            yield f"8: {need.system} is polled every {every}, but its account allows {near}"
        if not is_affordable and (interval.near, interval.far) == (near, far):
            yield f"9: {need.system} is polled every {near}, which its account does not allow"


async def wait_for_poll(jobs: Jobs, seconds: float) -> None:
    """Wait for the next poll, or for the earlier poll that a late answer causes."""
    until = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            async with asyncio.timeout_at(until):
                await jobs.wait_for_late_results()
        except TimeoutError:
            return
        await jobs.poll_late_results()
