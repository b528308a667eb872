"""Lists that hide what is shown by id, and ids that cannot be read, for some hours."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.sandbox.scenario import PEOPLE
from syncd.simulate.scenario import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.simulate.scenario import Scenario
    from syncd.simulate.world import World

_AWAY = timedelta(days=40)
_HALF_HOUR = timedelta(minutes=30)


def perform(town: World, step: SimEvent) -> str:
    """Conceal something on one platform; what was done, '' if there was nothing to conceal."""
    concealed = town.sandbox.systems[step.system].hidden
    standing = sorted(town.standing(step.system))
    if step.kind not in {EventKind.HIDE_LIST, EventKind.REFUSE_ID} or not standing:
        return ""
    town.concealed.add(step.system)
    town.staff.since.append(town.clock.now())
    if step.kind is EventKind.REFUSE_ID:
        event = standing[step.number % len(standing)]
        concealed.refused[event] = "Bad request"
        return f"refuse {event}"
    hours = 1 + step.slot % 5
    concealed.until = town.clock.now() + timedelta(hours=hours)
    concealed.everything = step.number % 2 == 0
    if concealed.everything:
        return f"hide all in lists for {hours} hours"
    # Where nothing but lists shows the blocks of v2, one that a list hides is a removed one.
    only_lists = step.system == "clinic"
    shown = town.standing(step.system)
    concealed.ids = {
        event
        for n, event in enumerate(standing)
        if (n + step.slot) % 3 and not (only_lists and shown[event].kind == "block")
    }
    return f"hide {len(concealed.ids)} of {len(standing)} in lists for {hours} hours"


def prepare(town: World, story: Scenario) -> None:
    """Let each calendar of v1 have a block, where v1 answers 400 for what was deleted.

    It tells a deleted event from any other trouble only by the other events of its calendar, so
    there is one in each that nobody touches, as there is in every real location.
    """
    if not story.refuses_deleted:
        return
    legacy = town.sandbox.legacy
    away = town.clock.now() + _AWAY
    for number, person in enumerate(PEOPLE):
        start = away + number * 4 * _HALF_HOUR
        user = town.world.seed_users["legacy", person].user
        town.fixed.add(legacy.block(user, start, start + _HALF_HOUR, "Closed"))
    town.observe("legacy", by_hand=True)
