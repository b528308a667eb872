"""Draw meetings far beyond the window, one record of which somebody drags into it."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from syncd.lab.simulate.acts import SYSTEMS, EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.lab.simulate.scenario import Scenario

_FAR, _SECOND, _ALONE = 0.4, 0.4, 0.4
ALONE = "alone"
"""The ``spelling`` of a booking in one system only."""


def with_far_meetings(scenario: Scenario) -> Scenario:
    """Add, on some days, a meeting far ahead in two systems, of which one record is dragged in.

    The same client may have a second meeting there, in both systems or in one.
    """
    random = Random(f"far meetings {scenario.seed}")  # noqa: S311 - chance that can be repeated
    if random.random() >= _FAR:
        return scenario
    span = scenario.hours * 3600
    first, second = random.sample(SYSTEMS, 2)
    number, slot = random.randrange(1000), random.randrange(1000)
    at = round(random.uniform(0.01, 0.1) * span, 1)
    steps = [SimEvent(at, EventKind.BOOK_FAR, first, number, slot, spelling=second)]
    if random.random() < _SECOND:
        alone = random.random() < _ALONE
        later, where = slot + 2 * random.randrange(1, 20), second if alone else first
        spelling = ALONE if alone else second
        steps.append(SimEvent(at + 60, EventKind.BOOK_FAR, where, number, later, spelling=spelling))
    dragged = round(at + random.uniform(0.4, 0.7) * span, 1)
    where = random.choice((first, second))
    steps.append(SimEvent(dragged, EventKind.DRAG_IN, where, 0, random.randrange(8, 80)))
    return replace(scenario, steps=tuple(sorted((*scenario.steps, *steps))))
