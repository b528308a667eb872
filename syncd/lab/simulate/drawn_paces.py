"""Draw accounts that allow so few calls that their system must be polled less often."""

from __future__ import annotations

from random import Random

from syncd.lab.simulate.acts import SYSTEMS, EventKind, SimEvent

_TIGHT = 0.15
_HOUR = 3600.0


def draw_paces(random: Random, span: float) -> list[SimEvent]:
    """Draw, on some days, one account that allows few calls an hour, from some hour on."""
    if random.random() >= _TIGHT:
        return []
    at = round(random.uniform(0.02, 0.6) * span, 1)
    calls, number, slot = random.randint(16, 60), random.randrange(1000), random.randrange(1000)
    step = SimEvent(
        at, EventKind.LOWER_LIMIT, random.choice(SYSTEMS), number, slot, times=calls, seconds=_HOUR
    )
    return [step]
