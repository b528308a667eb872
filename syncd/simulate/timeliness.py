"""Judge whether a slow or tightly limited system keeps the others waiting (promise 8)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.core.poll_rate import per_minute
from syncd.engine.report import Report
from syncd.sandbox.faults import FaultKind

if TYPE_CHECKING:
    from syncd.daemon.jobs import Jobs
    from syncd.daemon.poll_scheduler import PollScheduler
    from syncd.simulate.world import World

MOST = 8.0
"""Seconds that a poll may take while one system is slow: a second each for what it is asked, and
what an account's budget makes it wait."""

_TWO = 2

_HARMLESS = frozenset({FaultKind.SLOW, FaultKind.HALF_EMOJI, FaultKind.ODD_STATUS})


@dataclass(slots=True)
class Timely:
    """The polls of one process, and what was wrong with the platforms in each of them."""

    town: World
    _before: dict[str, Counter[FaultKind]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with what was injected before."""
        self._before = self._injected()

    def judge(self, report: Report) -> Iterator[str]:
        """Say of a poll that took too long, while nothing was wrong but that one system is slow."""
        now = self._injected()
        hit = {name: kinds - self._before[name] for name, kinds in now.items()}
        self._before = now
        slow = [name for name, kinds in hit.items() if kinds[FaultKind.SLOW]]
        alone = all(kinds.keys() <= _HARMLESS for kinds in hit.values())
        polled = report.job in {"near", "far"} and not report.refused
        # Where a system is left out of the configuration, no two others have changes to carry.
        polled = polled and len(report.systems) > _TWO
        if polled and alone and len(slow) == 1 and report.seconds > MOST:
            yield f"8: a {report.job} poll took {report.seconds} s as {slow[0]} was slow"

    def _injected(self) -> dict[str, Counter[FaultKind]]:
        systems = self.town.sandbox.systems
        return {name: Counter(platform.faults.injected) for name, platform in systems.items()}


def judge_paces(rounds: PollScheduler) -> Iterator[str]:
    """Say of each system that it is polled less often than asked for, though its account bears it.

    And of one whose account does not, that it is polled as often all the same.
    """
    near, far = rounds.settings.near, rounds.settings.far
    for need in rounds.needs():
        own = rounds.intervals.of(need.system)
        bears = need.bearable is None or per_minute(need, near, far) <= need.bearable
        every = max(own.near, rounds.intervals.near)
        if bears and every > near:
            yield f"8: {need.system} is polled every {every}, and its account bears it every {near}"
        if not bears and (own.near, own.far) == (near, far):
            yield f"9: {need.system} is polled every {near}, and its account does not bear it"


async def until_next(work: Jobs, seconds: float) -> None:
    """Let the time to the next poll pass, with the polls that late answers bring forward."""
    until = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            async with asyncio.timeout_at(until):
                await work.wait_for_late_results()
        except TimeoutError:
            return
        await work.poll_late_results()
