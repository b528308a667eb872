"""Draw a recurring appointment and its changes."""

from __future__ import annotations

from random import Random

from syncd.lab.simulate.acts import EventKind, SimEvent


def draw_series(random: Random, span: float) -> list[SimEvent]:
    """Draw, on some days, a recurring appointment, and one or two changes of it."""
    if random.random() >= _DAYS:
        return []
    system, number = random.choice(("clinic", "clinic", "crm")), random.randrange(1000)

    def step(low: float, high: float, kind: EventKind, where: str = system) -> SimEvent:
        at = round(random.uniform(low, high) * span, 1)
        return SimEvent(at, kind, where, number, random.randrange(1000))

    steps = [step(0.03, 0.25, EventKind.BOOK_SERIES)]
    if system == "clinic" and random.random() < _TWINS:
        steps += [
            step(0.27, 0.4, EventKind.TWIN_INSTANCE, "legacy"),
            step(0.45, 0.8, EventKind.MOVE_TWIN_OF_INSTANCE, "legacy"),
        ]
    for _ in range(random.randint(1, 2)):
        steps.append(step(0.3, 0.85, random.choice(_CHANGES)))
    return steps


_DAYS, _TWINS = 0.3, 0.5
_CHANGES = (
    EventKind.MOVE_SERIES,
    EventKind.MOVE_SERIES,
    EventKind.EXTEND_SERIES,
    EventKind.DELETE_SERIES,
)
