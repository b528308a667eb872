"""Draw keys that may not write for a while, and a host clock that is hours or days off."""

from __future__ import annotations

from collections.abc import Collection
from random import Random

from syncd.lab.simulate.acts import SYSTEMS, EventKind, SimEvent

_FORBIDDEN, _ALLOWED_AGAIN, _WRONG, _SET_RIGHT = 0.25, 0.5, 0.2, 0.5
_JUMPS = (-259_200.0, -14_400.0, -900.0, 900.0, 14_400.0, 259_200.0)


def draw_waits(seed: int, span: float, faults: Collection[str]) -> list[SimEvent]:
    """Draw, on some days, a key that loses its right to write, and a host clock that jumps.

    Half of these end during the day.
    """
    random = Random(f"waits {seed}")  # noqa: S311 - repeatable
    steps: list[SimEvent] = []

    def at(low: float, high: float) -> float:
        return round(random.uniform(low, high) * span, 1)

    if random.random() < _FORBIDDEN and "unauthorised" in faults:
        system = random.choice(SYSTEMS)
        steps.append(SimEvent(at(0.05, 0.6), EventKind.FORBID_WRITES, system))
        if random.random() < _ALLOWED_AGAIN:
            steps.append(SimEvent(at(0.6, 0.9), EventKind.ALLOW_WRITES, system))
    if random.random() < _WRONG and "host-clock" in faults:
        jump = random.choice(_JUMPS)
        steps.append(SimEvent(at(0.05, 0.6), EventKind.HOST_CLOCK, seconds=jump))
        if random.random() < _SET_RIGHT:
            steps.append(SimEvent(at(0.6, 0.9), EventKind.HOST_CLOCK, seconds=-jump))
    return steps
