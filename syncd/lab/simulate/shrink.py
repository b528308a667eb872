"""Find the shortest scenario that still breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.lab.simulate.scenario import Scenario, SimEvent

if TYPE_CHECKING:
    from syncd.lab.simulate.run_result import RunResult

MAX_PLAYS = 200
"""The most scenarios that are played."""


def shortest(
    outcome: RunResult, play: Callable[[Scenario], RunResult], most: int = MAX_PLAYS
) -> Scenario:
    """Return the shortest scenario that breaks the same promise as this one did first."""
    promise = outcome.broken[0].partition(":")[0]
    return shrink(
        outcome.scenario,
        lambda scenario: any(line.partition(":")[0] == promise for line in play(scenario).broken),
        most,
    )


def shrink(
    scenario: Scenario, breaks: Callable[[Scenario], bool], most: int = MAX_PLAYS
) -> Scenario:
    """Remove steps, in ever smaller groups, as long as ``breaks`` returns true."""
    steps, tries = list(scenario.steps), 0
    size = max(1, len(steps) // 2)
    while size and tries < most:
        at = 0
        while at < len(steps) and tries < most:
            shorter: list[SimEvent] = steps[:at] + steps[at + size :]
            tries += 1
            if breaks(replace(scenario, steps=tuple(shorter))):
                steps = shorter
            else:
                at += size
        size //= 2
    return replace(scenario, steps=tuple(steps))
