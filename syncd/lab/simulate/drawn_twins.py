"""Draw changes to meetings of two systems, and removals of blocks that a rule releases."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from syncd.core.merging.rules import CHOICES
from syncd.lab.simulate.acts import SYSTEMS, EventKind, SimEvent
from syncd.model import ConflictKind

if TYPE_CHECKING:
    from syncd.lab.simulate.scenario import Scenario

_DELETED, _CANCELLED, _RESTORED, _RELEASED = 0.5, 0.3, 0.7, 0.25


def with_twins(scenario: Scenario) -> Scenario:
    """Add a rule for deleted twins, and on some days such deletions and removed blocks."""
    random = Random(f"deleted twins {scenario.seed}")  # noqa: S311 - chance that can be repeated
    rules: tuple[tuple[str, str], ...] = ((str(ConflictKind.TWIN_DELETED), str(_choice(random))),)
    span = scenario.hours * 3600
    steps: list[SimEvent] = []
    if random.random() < _DELETED:
        steps += _one_deleted(random, span)
    if random.random() < _RELEASED:
        if str(ConflictKind.BLOCK_EDITED) not in dict(scenario.rules):
            rules += ((str(ConflictKind.BLOCK_EDITED), "release"),)
        steps += _removed_block(random, span)
    return replace(
        scenario, rules=scenario.rules + rules, steps=tuple(sorted((*scenario.steps, *steps)))
    )


def _choice(random: Random) -> str:
    return random.choice(CHOICES[ConflictKind.TWIN_DELETED])


def _one_deleted(random: Random, span: float) -> list[SimEvent]:
    """Draw a meeting in two systems, one record of which is deleted and often restored."""
    first, second = random.sample(SYSTEMS, 2)
    number = random.randrange(1000)
    at = round(random.uniform(0.05, 0.4) * span, 1)
    deleted = round(at + random.uniform(0.05, 0.2) * span, 1)
    deleted_in, other = random.sample((first, second), 2)
    steps = [
        SimEvent(at, EventKind.BOOK, first, number, random.randrange(8, 60)),
        SimEvent(round(at + 20, 1), EventKind.TWIN, second, random.randrange(1000), 1),
        SimEvent(deleted, EventKind.DELETE_ONE, deleted_in, random.randrange(1000)),
    ]
    if random.random() < _CANCELLED:
        later = round(deleted + random.choice((1.0, 40.0, 4000.0)), 1)
        steps.append(SimEvent(later, EventKind.CANCEL_OTHER, other))
    if random.random() < _RESTORED:
        later = round(deleted + random.uniform(0.01, 0.3) * span, 1)
        steps.append(SimEvent(later, EventKind.UNDELETE, deleted_in))
    return steps


def _removed_block(random: Random, span: float) -> list[SimEvent]:
    """Draw a block of syncd that somebody removes, and other changes at about that time."""
    at = round(random.uniform(0.2, 0.6) * span, 1)
    slot = random.randrange(8, 60)
    return [
        SimEvent(round(at - 0.15 * span, 1), EventKind.BOOK, random.choice(SYSTEMS), slot=slot),
        SimEvent(at, EventKind.REMOVE_OURS, random.choice(SYSTEMS), random.randrange(1000)),
        SimEvent(round(at + 2000, 1), EventKind.STATUS, "clinic", random.randrange(1000), 1),
        SimEvent(round(at + 4000, 1), EventKind.BOOK, random.choice(SYSTEMS), slot=slot),
    ]
