"""Draw who cancels and books anew on a day, and which platforms do not say when."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from syncd.simulate.acts import SYSTEMS, Step, What

_REBOOKING, _WEEKLY, _TWICE, _UNTOLD = 0.5, 0.3, 0.15, 0.15
_GAPS = (0.5, 45.0, 300.0, 780.0)
"""Seconds between the two halves of a reschedule."""


def draw_rebookings(random: Random, span: float, steps: Sequence[Step]) -> Sequence[Step]:
    """On some days a client cancels and books anew, or a weekly client cancels once.

    On days on which meetings of v2 get further hosts, that happens in the two other systems.
    """
    hosts = any(step.what is What.ADD_HOST for step in steps)
    systems = [s for s in SYSTEMS if s != "clinic"] if hosts else SYSTEMS
    acts: list[Step] = []

    def act(at: float, what: What, times: int = 1) -> float:
        at = round(at, 1)
        number, slot = random.randrange(1000), random.randrange(1000)
        acts.append(Step(at, what, system, number, slot, times=times, spelling=other))
        return at

    system, other = random.sample(systems, 2)

    if random.random() < _REBOOKING:
        at = act(random.uniform(0.05, 0.3) * span, What.BOOK_BOTH)
        at = act(at + random.uniform(0.2, 0.5) * span, What.REBOOK)
        times = 2 if random.random() < _TWICE else 1
        act(at + random.choice(_GAPS), What.REBOOK, times)
    if random.random() < _WEEKLY:
        at = act(random.uniform(0.05, 0.3) * span, What.WEEKLY)
        act(at + random.uniform(0.2, 0.5) * span, What.CANCEL_WEEKLY)
    return acts


def draw_untold(random: Random) -> tuple[str, ...]:
    """Draw the systems whose rows do not say when they were made or changed."""
    return tuple(system for system in SYSTEMS if random.random() < _UNTOLD)
