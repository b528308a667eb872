"""Leaves of days or weeks that have begun, and changes to them while they run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.lab.sandbox.scenario import PEOPLE
from syncd.lab.simulate.hosted import is_share
from syncd.lab.simulate.scenario import EventKind, SimEvent
from syncd.model import floor_to

if TYPE_CHECKING:
    from syncd.lab.simulate.mass_edit import EventView
    from syncd.lab.simulate.world import World

DAY = timedelta(days=1)
MAX_DAYS_BEFORE, MAX_DAYS_LATER = 40, 6
"""The most days since a leave began: one that exists at the start, and one entered later.

Only the nightly resync finds leaves that began earlier, and a simulated day has none.
"""


def perform(world: World, step: SimEvent) -> str:
    """Perform a step; return what was done, '' if nothing was."""
    match step.kind:
        case EventKind.LEAVE:
            return _enter(world, step)
        case EventKind.CHANGE_LEAVE | EventKind.END_LEAVE:
            return _change(world, step)
        case _:
            return ""


def _enter(world: World, step: SimEvent) -> str:
    """Enter a leave of a provider, as a block."""
    provider = PEOPLE[step.number % len(PEOPLE)]
    hour = floor_to(world.clock.now(), timedelta(hours=1))
    start = hour - DAY * (1 + step.slot % (MAX_DAYS_LATER if step.at else MAX_DAYS_BEFORE))
    end = hour + DAY * (2 + step.number % 9)
    user = world.seeded.seed_users[step.system, provider].user
    event = world.sandbox.systems[step.system].block(user, start, end, "Leave")
    return f"leave of {provider} {event} {start:%d %b} to {end:%d %b}"


def _change(world: World, step: SimEvent) -> str:
    """Lengthen a running leave, shorten it by a day, or delete it."""
    running = sorted(_running_leaves(world, step.system), key=lambda item: item[0])
    if not running:
        return ""
    event, view = running[step.number % len(running)]
    platform = world.sandbox.systems[step.system]
    if step.kind is EventKind.END_LEAVE:
        platform.remove_block(event)
        return f"delete the leave {event}"
    end = view.end + DAY * (-1, 2)[step.slot % 2]
    platform.move_block(event, view.start, end)
    return f"end the leave {event} on {end:%d %b}"


def _running_leaves(world: World, system: str) -> Iterator[tuple[str, EventView]]:
    """Yield the leaves that people entered and that end in a day and a half or later."""
    now = world.clock.now()
    for event, view in world.events(system).items():
        lasts = view.start < now < view.end - 1.5 * DAY and view.end - now < 100 * DAY
        if (
            view.kind == "block"
            and not is_share(event)
            and (system, event) not in world.ours
            and lasts
        ):
            yield event, view
