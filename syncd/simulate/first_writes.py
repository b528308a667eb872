"""Platforms whose updates change more of an appointment than they are to, on some days.

At most one appointment of each account may ever be damaged so (DESIGN 4, 6), until a person lets
such writes go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from syncd.sandbox.damage import Damage
from syncd.simulate.acts import SYSTEMS, Step, What

if TYPE_CHECKING:
    from syncd.sandbox.server import Sandbox
    from syncd.simulate.story import Story
    from syncd.simulate.town import Town

_DAMAGES, _TWINNED = 0.05, 2


def with_damage(day: Story) -> Story:
    """Draw, for each platform, whether its updates damage appointments; some are moved there."""
    random = Random(f"first writes {day.seed}")  # noqa: S311 - chance that can be repeated
    damaging = tuple(system for system in SYSTEMS if random.random() < _DAMAGES)
    span = day.hours * 3600
    steps: list[Step] = []
    for system in damaging:
        elsewhere = "clinic" if system != "clinic" else random.choice(("crm", "legacy"))
        for _ in range(_TWINNED):
            at, number = random.uniform(0.05, 0.4) * span, random.randrange(1000)
            moved = random.uniform(0.45, 0.8) * span
            slot = random.randrange(1000)
            steps += [
                Step(round(at, 1), What.BOOK, elsewhere, number, slot),
                Step(round(at + 60, 1), What.TWIN_AS, system, number, slot),
                Step(round(moved, 1), What.MOVE_TWINNED, elsewhere, number, slot),
            ]
    return replace(day, damaging=damaging, steps=tuple(sorted((*day.steps, *steps))))


def set_damage(sandbox: Sandbox, story: Story) -> None:
    """Let updates write a note into the record, on the platforms that the story names."""
    for name in story.damaging:
        platform = sandbox.systems[name]
        platform.update_damage = platform.status_damage = Damage.NOTED


def any_damage(town: Town) -> bool:
    """Return whether writes may have waited for a person because an appointment was damaged."""
    return any(platform.damaged for platform in town.sandbox.systems.values())


def judge_damage(town: Town) -> Iterator[str]:
    """Say where more than one appointment was damaged, and heal the platforms.

    A lost state knows nothing of an earlier damage.
    """
    for name, platform in town.sandbox.systems.items():
        most = 1 + len(town.forgotten)
        if len(platform.damaged) > most and name not in town.released:
            yield f"6: {len(platform.damaged)} appointments of {name} damaged by our writes"
        platform.update_damage = platform.status_damage = None
