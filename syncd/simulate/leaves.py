"""Leaves of days or weeks that have begun, and what people do with them while they run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model import floor_to
from syncd.sandbox.scenario import PEOPLE
from syncd.simulate.hosted import is_share
from syncd.simulate.scenario import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.simulate.mass_edit import View
    from syncd.simulate.world import World

DAY = timedelta(days=1)
MOST_BEFORE, MOST_LATER = 40, 6
"""How many days ago a leave begins that is there when the program starts, and one that is entered
later: those that begin earlier are found by the nightly resync, which a simulated day has not."""


def perform(town: World, step: SimEvent) -> str:
    """Do what a step says; return what was done, '' if there was nothing to do it to."""
    match step.kind:
        case EventKind.LEAVE:
            return _enter(town, step)
        case EventKind.CHANGE_LEAVE | EventKind.END_LEAVE:
            return _change(town, step)
        case _:
            return ""


def _enter(town: World, step: SimEvent) -> str:
    """Enter somebody's leave, as a block."""
    who = PEOPLE[step.number % len(PEOPLE)]
    hour = floor_to(town.clock.now(), timedelta(hours=1))
    start = hour - DAY * (1 + step.slot % (MOST_LATER if step.at else MOST_BEFORE))
    end = hour + DAY * (2 + step.number % 9)
    user = town.world.seed_users[step.system, who].user
    event = town.sandbox.systems[step.system].block(user, start, end, "Leave")
    return f"leave of {who} {event} {start:%d %b} to {end:%d %b}"


def _change(town: World, step: SimEvent) -> str:
    """Lengthen a leave that runs, cut it short by a day, or delete it."""
    running = sorted(_running(town, step.system), key=lambda found: found[0])
    if not running:
        return ""
    event, seen = running[step.number % len(running)]
    platform = town.sandbox.systems[step.system]
    if step.kind is EventKind.END_LEAVE:
        platform.remove_block(event)
        return f"delete the leave {event}"
    end = seen.end + DAY * (-1, 2)[step.slot % 2]
    platform.move_block(event, seen.start, end)
    return f"let the leave {event} end on {end:%d %b}"


def _running(town: World, system: str) -> Iterator[tuple[str, View]]:
    """The leaves that people entered, and that end no sooner than in a day and a half."""
    now = town.clock.now()
    for event, seen in town.standing(system).items():
        lasts = seen.start < now < seen.end - 1.5 * DAY and seen.end - now < 100 * DAY
        if (
            seen.kind == "block"
            and not is_share(event)
            and (system, event) not in town.ours
            and lasts
        ):
            yield event, seen
