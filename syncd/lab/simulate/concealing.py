"""Lists that hide events which are shown by id, and ids that cannot be read, for some hours."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.lab.sandbox.scenario import PEOPLE
from syncd.lab.simulate.scenario import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.lab.simulate.scenario import Scenario
    from syncd.lab.simulate.world import World

_AWAY = timedelta(days=40)
_HALF_HOUR = timedelta(minutes=30)


def perform(world: World, step: SimEvent) -> str:
    """Conceal an event on one platform; return what was done, '' if there is nothing to conceal."""
    concealed = world.sandbox.systems[step.system].hidden
    standing = sorted(world.events(step.system))
    if step.kind not in {EventKind.HIDE_LIST, EventKind.REFUSE_ID} or not standing:
        return ""
    world.concealed.add(step.system)
    world.staff.since.append(world.clock.now())
    if step.kind is EventKind.REFUSE_ID:
        event = standing[step.number % len(standing)]
        concealed.refused[event] = "Bad request"
        return f"refuse {event}"
    hours = 1 + step.slot % 5
    concealed.until = world.clock.now() + timedelta(hours=hours)
    concealed.everything = step.number % 2 == 0
    if concealed.everything:
        return f"hide all in lists for {hours} hours"
    # If only lists show the blocks of v2, a block that a list hides would count as removed.
    only_lists = step.system == "clinic"
    shown = world.events(step.system)
    concealed.ids = {
        event
        for n, event in enumerate(standing)
        if (n + step.slot) % 3 and not (only_lists and shown[event].kind == "block")
    }
    return f"hide {len(concealed.ids)} of {len(standing)} in lists for {hours} hours"


def prepare(world: World, scenario: Scenario) -> None:
    """Add a block to each v1 calendar if v1 answers 400 for deleted events.

    syncd can tell a deleted event from a failing calendar only by other events of that calendar, so
    each needs an event that nobody touches, as every real location has.
    """
    if not scenario.refuses_deleted:
        return
    legacy = world.sandbox.legacy
    away = world.clock.now() + _AWAY
    for number, provider in enumerate(PEOPLE):
        start = away + number * 4 * _HALF_HOUR
        user = world.seeded.seed_users["legacy", provider].user
        world.fixed.add(legacy.block(user, start, start + _HALF_HOUR, "Closed"))
    world.observe("legacy", by_hand=True)
