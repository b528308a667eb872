"""Status words that platforms spell otherwise, and whole days that somebody closes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model.statuses import LEADCONNECTOR
from syncd.sandbox.faults import Fault, FaultKind
from syncd.sandbox.scenario import PEOPLE
from syncd.simulate.scenario import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.simulate.world import World


def perform(town: World, step: SimEvent) -> str:
    """Do what a step says; what was done, '' if there was nothing to do it to."""
    match step.kind:
        case EventKind.OTHER_WORDS | EventKind.UNKNOWN_WORDS:
            return _respell(town, step)
        case EventKind.ALL_DAY if step.system == "clinic":
            return _close_day(town, step)
        case _:
            return ""


def _respell(town: World, step: SimEvent) -> str:
    """Let all reads from now on spell statuses otherwise, or some show words that nobody knows."""
    unknown = step.kind is EventKind.UNKNOWN_WORDS
    times = 1 + step.number % 200 if unknown else None
    fault = Fault(FaultKind.ODD_STATUS, times=times, spelling="unknown" if unknown else "")
    town.sandbox.systems[step.system].faults.add(fault)
    if unknown:
        town.unspelt.setdefault(step.system, town.clock.now())
    return f"{step.kind} in {times or 'all'} reads"


def refused_words(town: World) -> Iterator[str]:
    """Name the status words that updates sent in a spelling which v2 only answers.

    A word that nobody knows goes back as it came: left out, the status would be reset.
    """
    for word in town.sandbox.clinic.refused_words:
        if LEADCONNECTOR.read(word) is not None:
            yield f"5: an update was refused for the spelling of its status: {word}"


def _close_day(town: World, step: SimEvent) -> str:
    """Close a whole day of somebody's; the location shows it by its midnight only."""
    clinic = town.sandbox.clinic
    who = PEOPLE[step.number % len(PEOPLE)]
    day = town.clock.now().astimezone(clinic.zone).date() + timedelta(days=1 + step.slot % 5)
    event = clinic.close_day(town.world.seed_users["clinic", who].user, day, "Day off")
    return f"close {day:%d %b} for {who}: {event}"
