"""Status words that platforms spell differently, and whole days that somebody closes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.lab.sandbox.scenario import PEOPLE
from syncd.lab.simulate.scenario import EventKind, SimEvent
from syncd.model.statuses import LEADCONNECTOR

if TYPE_CHECKING:
    from syncd.lab.simulate.world import World


def perform(world: World, step: SimEvent) -> str:
    """Perform a step; return what was done, '' if nothing was."""
    match step.kind:
        case EventKind.OTHER_WORDS | EventKind.UNKNOWN_WORDS:
            return _respell(world, step)
        case EventKind.ALL_DAY if step.system == "clinic":
            return _close_day(world, step)
        case _:
            return ""


def _respell(world: World, step: SimEvent) -> str:
    """Spell statuses differently in all reads from now on, or show unknown words in some."""
    unknown = step.kind is EventKind.UNKNOWN_WORDS
    times = 1 + step.number % 200 if unknown else None
    fault = Fault(FaultKind.ODD_STATUS, times=times, spelling="unknown" if unknown else "")
    world.sandbox.systems[step.system].faults.add(fault)
    if unknown:
        world.unspelt.setdefault(step.system, world.clock.now())
    return f"{step.kind} in {times or 'all'} reads"


def refused_words(world: World) -> Iterator[str]:
    """Yield status words that updates sent in a spelling which v2 only uses in answers.

    An unknown word is sent back unchanged: without it, the status would be reset.
    """
    for word in world.sandbox.clinic.refused_words:
        if LEADCONNECTOR.read(word) is not None:
            yield f"5: an update was refused for the spelling of a status: {word}"


def _close_day(world: World, step: SimEvent) -> str:
    """Close a whole day of a provider; the location shows it by its midnight only."""
    clinic = world.sandbox.clinic
    provider = PEOPLE[step.number % len(PEOPLE)]
    day = world.clock.now().astimezone(clinic.zone).date() + timedelta(days=1 + step.slot % 5)
    event = clinic.close_day(world.seeded.seed_users["clinic", provider].user, day, "Day off")
    return f"close {day:%d %b} for {provider}: {event}"
