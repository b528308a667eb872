"""Draw changes of the configuration during a day, and merged users."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from syncd.lab.simulate.acts import SYSTEMS, EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.lab.simulate.scenario import Scenario

_LEFT_OUT, _ADDED, _PUT_BACK, _RULES, _MERGED = 0.3, 0.3, 0.6, 0.2, 0.2
_LEAVES_OUT = (
    EventKind.LEAVE_OUT_PROVIDER,
    EventKind.LEAVE_OUT_SYSTEM,
    EventKind.LEAVE_OUT_CALENDAR,
)


def with_changes(scenario: Scenario) -> Scenario:
    """Add, on some days, changes of the configuration, and two users that are merged."""
    span = scenario.hours * 3600
    random = Random(f"configuration {scenario.seed}")  # noqa: S311 - chance that can be repeated
    steps: list[SimEvent] = []
    before = list(scenario.before)

    def step(low: float, high: float, kind: EventKind) -> SimEvent:
        at = round(random.uniform(low, high) * span, 1)
        system = random.choice(SYSTEMS)
        return SimEvent(at, kind, system, random.randrange(1000), random.randrange(1000))

    if random.random() < _LEFT_OUT:
        out = step(0.05, 0.5, random.choice(_LEAVES_OUT))
        if random.random() < _ADDED:
            # The place is missing from the file when the program first reads it.
            before.append(replace(out, at=0.0))
        else:
            steps.append(out)
        if random.random() < _PUT_BACK:
            steps.append(step(0.52, 0.7, EventKind.PUT_BACK))
    if random.random() < _RULES:
        steps.append(step(0.2, 0.8, EventKind.CHANGE_RULES))
    merged = Random(f"merged users {scenario.seed}")  # noqa: S311
    if merged.random() < _MERGED:
        at = round(merged.uniform(0.1, 0.7) * span, 1)
        where = merged.choice(SYSTEMS)
        number, slot = merged.randrange(1000), merged.randrange(1000)
        steps.append(SimEvent(at, EventKind.MERGE_USERS, where, number, slot))
    return replace(scenario, steps=tuple(sorted((*scenario.steps, *steps))), before=tuple(before))
