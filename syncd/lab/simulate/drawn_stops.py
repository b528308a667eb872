"""Draw days on which much of a calendar changes at once."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from syncd.lab.simulate.acts import SYSTEMS, EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.lab.simulate.scenario import Scenario

_CLASSES, _SLICES, _CLEARED = 0.3, 0.15, 0.15
_CLEARED_EARLY = 0.06


def draw_stops(random: Random, span: float) -> list[SimEvent]:
    """Draw, on some days, a class that changes at once, a calendar emptied in slices, or cleared.

    Another provider's calendar in the same system changes meanwhile.
    """
    steps: list[SimEvent] = []
    if random.random() < _CLASSES:
        steps += _class(random, span)
    if random.random() < _SLICES:
        steps += _slices(random, span)
    if random.random() < _CLEARED:
        steps += _cleared(random, span)
    return steps


def _class(random: Random, span: float) -> list[SimEvent]:
    system, number = random.choice(SYSTEMS), random.randrange(1000)
    kind = random.choice((EventKind.MOVE_CLASS, EventKind.DELETE_CLASS))
    times = random.choice((11, 12, 15))
    return [
        SimEvent(
            _at(random, span, 0.02, 0.2),
            EventKind.BOOK_CLASS,
            system,
            number,
            _slot(random),
            "",
            times,
        ),
        SimEvent(_at(random, span, 0.4, 0.7), kind, system, number, _slot(random)),
    ]


def _slices(random: Random, span: float) -> list[SimEvent]:
    """Draw a calendar that is filled, then deleted in slices, each below the guard's limits."""
    system, number = random.choice(SYSTEMS), random.randrange(1000)
    slot, at = _slot(random), _at(random, span, 0.3, 0.5)
    size = random.choice((16, 20))
    steps = [SimEvent(_at(random, span, 0.02, 0.2), EventKind.FILL, system, number, slot, "", size)]
    steps += [SimEvent(at + n * 1300, EventKind.SLICE, system, number, 0, "", 5) for n in range(3)]
    steps.append(SimEvent(at + 3900, EventKind.BOOK, system, number + 1, _slot(random)))
    after = random.choice((EventKind.ACCEPT, None))
    return steps + ([SimEvent(at + 6000, after)] if after else [])


def _cleared(random: Random, span: float) -> list[SimEvent]:
    """Draw three blocks of a provider on v2, all of which are removed at once."""
    number, slot = random.randrange(1000), _slot(random)
    early, late = _at(random, span, 0.02, 0.2), _at(random, span, 0.4, 0.7)
    steps = [SimEvent(early, EventKind.BLOCK, "clinic", number, slot + 6 * n) for n in range(3)]
    steps.append(SimEvent(late, EventKind.CLEAR, "clinic", number))
    return [*steps, SimEvent(late + 30, EventKind.BOOK, "clinic", number + 1, _slot(random))]


def _at(random: Random, span: float, low: float, high: float) -> float:
    return round(random.uniform(low, high) * span, 1)


def _slot(random: Random) -> int:
    return random.randrange(1, 30)


def with_stops(scenario: Scenario) -> Scenario:
    """Add changes of much of a calendar at once."""
    steps = draw_stops(Random(f"stops {scenario.seed}"), scenario.hours * 3600)  # noqa: S311
    return replace(scenario, steps=tuple(sorted((*scenario.steps, *steps))))


def with_early_clearing(scenario: Scenario) -> Scenario:
    """Add, on some days, a calendar that is cleared before meetings are entered in it.

    Later in a day most calendars have meetings, and cannot be cleared without a proof by id. The
    calendar is alice's or bob's, as carol has the block that nobody touches.
    """
    random = Random(f"cleared early {scenario.seed}")  # noqa: S311 - chance that can be repeated
    if random.random() >= _CLEARED_EARLY:
        return scenario
    number, slot = 3 * random.randrange(300) + random.randrange(2), random.randrange(14, 20)
    early, late = _at(random, 3600, 0.02, 0.2), _at(random, 3600, 3.2, 4.0)
    steps = [SimEvent(early, EventKind.BLOCK, "clinic", number, slot + 6 * n) for n in range(3)]
    steps.append(SimEvent(late, EventKind.CLEAR, "clinic", number))
    return replace(scenario, steps=tuple(sorted((*scenario.steps, *steps))))
