"""Draw systems that take seconds to minutes to answer, also between two changes of one meeting."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.simulate.acts import SYSTEMS, EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.lab.simulate.scenario import Scenario

_SLOW = 0.4


def with_slow(scenario: Scenario, faults: Collection[str]) -> Scenario:
    """Add, on some days, a slow system, during which a meeting is moved twice elsewhere."""
    random = Random(f"slow {scenario.seed}")  # noqa: S311 - repeatable
    if FaultKind.SLOW not in faults or random.random() >= _SLOW:
        return scenario
    steps: list[SimEvent] = []
    for _ in range(random.randint(1, 2)):
        at = random.uniform(0.05, 0.85) * scenario.hours * 3600
        slow = random.choice(SYSTEMS)
        first, second = random.sample(SYSTEMS, 2)
        number = random.randrange(1000)
        steps += [
            SimEvent(
                round(at, 1),
                EventKind.FAULT,
                slow,
                slot=random.choice((0, 0, 1)),  # 1: only the calls that make blocks
                fault=str(FaultKind.SLOW),
                times=random.randint(2, 20),
                seconds=round(random.choice((2.0, 8.0, 30.0, 150.0)) * random.uniform(0.8, 1.2), 1),
            ),
            SimEvent(round(at + 60, 1), EventKind.MOVE, first, number, random.randrange(1000)),
            SimEvent(round(at + random.choice((90, 1500)), 1), EventKind.MOVE, second, number, 7),
        ]
    return replace(scenario, steps=tuple(sorted((*scenario.steps, *steps))))
