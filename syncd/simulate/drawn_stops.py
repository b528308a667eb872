"""Draw days on which much of a calendar changes at once, as data that `story` makes steps of."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from syncd.simulate.acts import SYSTEMS, Step, What

if TYPE_CHECKING:
    from syncd.simulate.story import Story

_CLASSES, _SLICES, _CLEARED = 0.3, 0.15, 0.15
_CLEARED_EARLY = 0.06


def draw_stops(random: Random, span: float) -> list[Step]:
    """On some days a class changes as one, a calendar empties in slices, or all of it vanishes.

    Somebody else's calendar in the same system changes meanwhile.
    """
    steps: list[Step] = []
    if random.random() < _CLASSES:
        steps += _class(random, span)
    if random.random() < _SLICES:
        steps += _slices(random, span)
    if random.random() < _CLEARED:
        steps += _cleared(random, span)
    return steps


def _class(random: Random, span: float) -> list[Step]:
    system, number = random.choice(SYSTEMS), random.randrange(1000)
    what = random.choice((What.MOVE_CLASS, What.DELETE_CLASS))
    times = random.choice((11, 12, 15))
    return [
        Step(
            _at(random, span, 0.02, 0.2), What.BOOK_CLASS, system, number, _slot(random), "", times
        ),
        Step(_at(random, span, 0.4, 0.7), what, system, number, _slot(random)),
    ]


def _slices(random: Random, span: float) -> list[Step]:
    """Fill a calendar, and delete it in slices that are no accident by themselves."""
    system, number = random.choice(SYSTEMS), random.randrange(1000)
    slot, at = _slot(random), _at(random, span, 0.3, 0.5)
    size = random.choice((16, 20))
    steps = [Step(_at(random, span, 0.02, 0.2), What.FILL, system, number, slot, "", size)]
    steps += [Step(at + n * 1300, What.SLICE, system, number, 0, "", 5) for n in range(3)]
    steps.append(Step(at + 3900, What.BOOK, system, number + 1, _slot(random)))
    after = random.choice((What.ACCEPT, None))
    return steps + ([Step(at + 6000, after)] if after else [])


def _cleared(random: Random, span: float) -> list[Step]:
    """Close a person's time on v2 three times, and take all of it away."""
    number, slot = random.randrange(1000), _slot(random)
    early, late = _at(random, span, 0.02, 0.2), _at(random, span, 0.4, 0.7)
    steps = [Step(early, What.BLOCK, "clinic", number, slot + 6 * n) for n in range(3)]
    steps.append(Step(late, What.CLEAR, "clinic", number))
    return [*steps, Step(late + 30, What.BOOK, "clinic", number + 1, _slot(random))]


def _at(random: Random, span: float, low: float, high: float) -> float:
    return round(random.uniform(low, high) * span, 1)


def _slot(random: Random) -> int:
    return random.randrange(1, 30)


def with_stops(day: Story) -> Story:
    """Add what changes much of a calendar at once."""
    steps = draw_stops(Random(f"stops {day.seed}"), day.hours * 3600)  # noqa: S311
    return replace(day, steps=tuple(sorted((*day.steps, *steps))))


def with_early_clearing(day: Story) -> Story:
    """Add, on some days, a calendar that is cleared before meetings are entered in it.

    Later in a day most calendars have meetings, and cannot be cleared without a proof by id. It is
    alice's or bob's, as carol has the block that nobody touches.
    """
    random = Random(f"cleared early {day.seed}")  # noqa: S311 - chance that can be repeated
    if random.random() >= _CLEARED_EARLY:
        return day
    number, slot = 3 * random.randrange(300) + random.randrange(2), random.randrange(14, 20)
    early, late = _at(random, 3600, 0.02, 0.2), _at(random, 3600, 3.2, 4.0)
    steps = [Step(early, What.BLOCK, "clinic", number, slot + 6 * n) for n in range(3)]
    steps.append(Step(late, What.CLEAR, "clinic", number))
    return replace(day, steps=tuple(sorted((*day.steps, *steps))))
