"""The shortest story that still breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.simulate.scenario import Scenario, SimEvent

if TYPE_CHECKING:
    from syncd.simulate.runner import RunResult

MOST = 200
"""So many stories are played at the most."""


def shortest(
    outcome: RunResult, play: Callable[[Scenario], RunResult], most: int = MOST
) -> Scenario:
    """Return the shortest story that breaks the same promise as this one did first."""
    promise = outcome.broken[0].partition(":")[0]
    return shrink(
        outcome.scenario,
        lambda story: any(line.partition(":")[0] == promise for line in play(story).broken),
        most,
    )


def shrink(story: Scenario, breaks: Callable[[Scenario], bool], most: int = MOST) -> Scenario:
    """Take out steps, in ever smaller handfuls, as long as ``breaks`` still says yes."""
    steps, tries = list(story.steps), 0
    size = max(1, len(steps) // 2)
    while size and tries < most:
        at = 0
        while at < len(steps) and tries < most:
            shorter: list[SimEvent] = steps[:at] + steps[at + size :]
            tries += 1
            if breaks(replace(story, steps=tuple(shorter))):
                steps = shorter
            else:
                at += size
        size //= 2
    return replace(story, steps=tuple(steps))
