"""Draw operator commands: a plan that is executed later, erasing a customer, a cleanup."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from syncd.lab.simulate.acts import SYSTEMS, EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.lab.simulate.scenario import Scenario

_PLANS, _FORGETS, _CLEANS = 0.08, 0.06, 0.06
_AT_ONCE, _CHANGES, _UNPAUSES = 0.6, 0.4, 0.5


def with_errands(scenario: Scenario) -> Scenario:
    """Add, on some days, a plan in a file and its execution, an erased customer, and a cleanup."""
    random, span = Random(f"errands {scenario.seed}"), scenario.hours * 3600  # noqa: S311
    steps: list[SimEvent] = []
    if random.random() < _PLANS:
        steps += _plan(random, span)
    if random.random() < _FORGETS:
        at = round(random.uniform(0.1, 0.9) * span, 1)
        steps.append(SimEvent(at, EventKind.FORGET_PERSON, number=random.randrange(1000)))
    if random.random() < _CLEANS:
        steps += _cleanup(random, span)
    return replace(scenario, steps=tuple(sorted((*scenario.steps, *steps))))


def _plan(random: Random, span: float) -> list[SimEvent]:
    """Draw a booking, a plan, and its execution: at once or later, often after another booking."""
    at = round(random.uniform(0.1, 0.8) * span, 1)

    def book(at: float) -> SimEvent:
        slot = random.randrange(8, 60)
        return SimEvent(
            round(at, 1), EventKind.BOOK, random.choice(SYSTEMS), random.randrange(1000), slot
        )

    steps = [book(at), SimEvent(round(at + 10, 1), EventKind.PLAN_OUT)]
    used = at + (60 if random.random() < _AT_ONCE else random.uniform(0.02, 0.15) * span)
    if random.random() < _CHANGES:
        steps.append(book(random.uniform(at + 30, used - 20)))
    return [*steps, SimEvent(round(used, 1), EventKind.RESYNC_PLAN)]


def _cleanup(random: Random, span: float) -> list[SimEvent]:
    """Draw a cleanup of a provider, a system or everything, and sometimes its pause's end."""
    at = random.uniform(0.2, 0.7) * span
    number, slot = random.randrange(1000), random.randrange(1000)
    steps = [
        SimEvent(round(at, 1), EventKind.CLEAN_UP_BESIDE, random.choice(SYSTEMS), number, slot)
    ]
    if random.random() < _UNPAUSES:
        steps.append(SimEvent(round(at + random.uniform(0.05, 0.2) * span, 1), EventKind.UNPAUSE))
    return steps
