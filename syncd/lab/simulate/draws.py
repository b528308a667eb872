"""Draw from random streams of their own: odd answers, status words, all-day blocks."""

from __future__ import annotations

from random import Random

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.sandbox.odd_responses import ODD_RESPONSES
from syncd.lab.simulate.acts import SYSTEMS, EventKind, SimEvent

_LASTING = frozenset({"rate-spent", "deep-refusal"})
"""Odd answers that outlast the day: a learned rate, and refusals that the operator must look at."""
_ODD = tuple(name for name in ODD_RESPONSES if name not in _LASTING)


def odd_responses(random: Random, span: float, near: list[float]) -> list[SimEvent]:
    """Draw up to two periods of odd answers, mostly during reads or writes."""
    return [
        SimEvent(
            round(max(0.0, random.choice(near or [span / 2]) - random.uniform(-1200, 60)), 1),
            EventKind.FAULT,
            random.choice(SYSTEMS),
            slot=random.randrange(2),  # 1: only the calls that make blocks are answered oddly
            fault=str(FaultKind.ODD_ANSWER),
            times=random.choice((1, 2, 4, 8, 30)),
            spelling=random.choice(_ODD),
        )
        for _ in range(random.randint(0, 2))
    ]


_DAYS_OFF = 0.4


def words(random: Random, span: float) -> list[SimEvent]:
    """Draw, on some days, a platform with other status words, or an all-day block on v2."""

    def step(kind: EventKind, system: str) -> SimEvent:
        at = round(random.uniform(0.02, 0.8) * span, 1)
        return SimEvent(at, kind, system, random.randrange(1000), random.randrange(1000))

    spelt = random.choice((EventKind.OTHER_WORDS, EventKind.UNKNOWN_WORDS, None))
    steps = [step(spelt, random.choice(SYSTEMS))] if spelt else []
    return steps + ([step(EventKind.ALL_DAY, "clinic")] if random.random() < _DAYS_OFF else [])
