"""Draw clients who cancel and rebook, and platforms whose rows carry no times of change."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from syncd.lab.simulate.acts import SYSTEMS, EventKind, SimEvent

_REBOOKING, _WEEKLY, _TWICE, _UNTOLD = 0.5, 0.3, 0.15, 0.15
_GAPS = (0.5, 45.0, 300.0, 780.0)
"""Seconds between the two halves of a reschedule."""


def draw_rebookings(random: Random, span: float, steps: Sequence[SimEvent]) -> Sequence[SimEvent]:
    """Draw, on some days, a client who cancels and rebooks, or a weekly client who cancels once.

    On days on which v2 meetings get further hosts, this happens in the two other systems.
    """
    hosts = any(step.kind is EventKind.ADD_HOST for step in steps)
    systems = [s for s in SYSTEMS if s != "clinic"] if hosts else SYSTEMS
    acts: list[SimEvent] = []

    def act(at: float, kind: EventKind, times: int = 1) -> float:
        at = round(at, 1)
        number, slot = random.randrange(1000), random.randrange(1000)
        acts.append(SimEvent(at, kind, system, number, slot, times=times, spelling=other))
        return at

    system, other = random.sample(systems, 2)

    if random.random() < _REBOOKING:
        at = act(random.uniform(0.05, 0.3) * span, EventKind.BOOK_BOTH)
        at = act(at + random.uniform(0.2, 0.5) * span, EventKind.REBOOK)
        times = 2 if random.random() < _TWICE else 1
        act(at + random.choice(_GAPS), EventKind.REBOOK, times)
    if random.random() < _WEEKLY:
        at = act(random.uniform(0.05, 0.3) * span, EventKind.WEEKLY)
        act(at + random.uniform(0.2, 0.5) * span, EventKind.CANCEL_WEEKLY)
    return acts


def draw_without_times(random: Random) -> tuple[str, ...]:
    """Draw the systems whose rows do not say when they were created or changed."""
    return tuple(system for system in SYSTEMS if random.random() < _UNTOLD)
