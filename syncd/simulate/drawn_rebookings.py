"""Draw who cancels and books anew on a day, and which platforms do not say when."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from syncd.simulate.acts import SYSTEMS, Step, What

_REBOOKING, _WEEKLY, _TWICE, _UNTOLD = 0.5, 0.3, 0.15, 0.15
_GAPS = (0.5, 45.0, 300.0, 780.0)
"""Seconds between the two halves of a reschedule."""


def draw_rebookings(random: Random, span: float) -> Sequence[Step]:
    """On some days a client cancels and books anew, or a weekly client cancels once."""
    acts: list[Step] = []

    def act(at: float, what: What, system: str, times: int = 1) -> float:
        at = round(at, 1)
        number, slot = random.randrange(1000), random.randrange(1000)
        acts.append(Step(at, what, system, number, slot, times=times))
        return at

    if random.random() < _REBOOKING:
        system, other = random.sample(SYSTEMS, 2)
        at = act(random.uniform(0.05, 0.3) * span, What.BOOK, system)
        act(at + random.uniform(300, 3600), What.TWIN, other)
        at = act(at + random.uniform(0.2, 0.5) * span, What.REBOOK, system)
        times = 2 if random.random() < _TWICE else 1
        act(at + random.choice(_GAPS), What.REBOOK, system, times)
    if random.random() < _WEEKLY:
        system = random.choice(SYSTEMS)
        at = act(random.uniform(0.05, 0.3) * span, What.WEEKLY, system)
        act(at + random.uniform(0.2, 0.5) * span, What.CANCEL_WEEKLY, system)
    return acts


def draw_untold(random: Random) -> tuple[str, ...]:
    """Draw the systems whose rows do not say when they were made or changed."""
    return tuple(system for system in SYSTEMS if random.random() < _UNTOLD)
