"""The shortest story that still breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.simulate.story import Step, Story

if TYPE_CHECKING:
    from syncd.simulate.play import Outcome

MOST = 200
"""So many stories are played at the most."""


def shortest(outcome: Outcome, play: Callable[[Story], Outcome], most: int = MOST) -> Story:
    """Return the shortest story that breaks the same promise as this one did first."""
    promise = outcome.broken[0].partition(":")[0]
    return shrink(
        outcome.story,
        lambda story: any(line.partition(":")[0] == promise for line in play(story).broken),
        most,
    )


def shrink(story: Story, breaks: Callable[[Story], bool], most: int = MOST) -> Story:
    """Take out steps, in ever smaller handfuls, as long as ``breaks`` still says yes."""
    steps, tries = list(story.steps), 0
    size = max(1, len(steps) // 2)
    while size and tries < most:
        at = 0
        while at < len(steps) and tries < most:
            shorter: list[Step] = steps[:at] + steps[at + size :]
            tries += 1
            if breaks(replace(story, steps=tuple(shorter))):
                steps = shorter
            else:
                at += size
        size //= 2
    return replace(story, steps=tuple(steps))
