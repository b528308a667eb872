"""Draw gateways that allow fewer calls than the platform states, and later crashes."""

from __future__ import annotations

from random import Random

from syncd.lab.simulate.acts import SYSTEMS, EventKind, SimEvent

_GATEWAYS = 0.3


def draw_limits(random: Random, span: float) -> list[SimEvent]:
    """Draw, on some days, a gateway that refuses calls, and a later crash."""
    if random.random() >= _GATEWAYS:
        return []
    at = round(random.uniform(0.02, 0.6) * span, 1)
    number, slot = random.randrange(1000), random.randrange(1000)
    steps = [SimEvent(at, EventKind.LOWER_LIMIT, random.choice(SYSTEMS), number, slot)]
    for _ in range(random.randint(0, 2)):
        died = round(random.uniform(at, 0.9 * span), 1)
        steps.append(SimEvent(died, EventKind.CRASH, number=random.randint(1, 25)))
    return steps
