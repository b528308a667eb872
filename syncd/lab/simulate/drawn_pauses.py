"""Draw when the operator pauses a system or a provider, and when the pause ends."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from syncd.lab.simulate.acts import SYSTEMS, EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.lab.simulate.scenario import Scenario

_PAUSES, _UNPAUSES, _AGAIN = 0.3, 0.6, 0.3


def with_pauses(scenario: Scenario) -> Scenario:
    """Add, on some days, one or two pauses. Some end during the day, all of them at its end."""
    span = scenario.hours * 3600
    random = Random(f"pauses {scenario.seed}")  # noqa: S311 - chance that can be repeated
    if random.random() >= _PAUSES:
        return scenario

    def step(low: float, high: float, kind: EventKind) -> SimEvent:
        at = round(random.uniform(low, high) * span, 1)
        return SimEvent(
            at, kind, random.choice(SYSTEMS), random.randrange(1000), random.randrange(3)
        )

    steps = [step(0.05, 0.6, EventKind.PAUSE)]
    if random.random() < _AGAIN:
        steps.append(step(0.2, 0.8, EventKind.PAUSE))
    if random.random() < _UNPAUSES:
        steps.append(step(0.6, 0.9, EventKind.UNPAUSE))
    return replace(scenario, steps=tuple(sorted((*scenario.steps, *steps))))
