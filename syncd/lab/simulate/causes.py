"""Find what may have caused a change by syncd, in what people did before it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from syncd.lab.simulate.unproven import waits_for_night

if TYPE_CHECKING:
    from syncd.lab.simulate.mass_edit import Change, EventView, Key
    from syncd.lab.simulate.world import World


def times_of(world: World, events: Collection[tuple[str, str]]) -> set[Key]:
    """Return the providers and intervals that these events ever had."""
    return {
        past.after.key
        for past in world.changes
        if past.after is not None and (past.system, past.event) in events
    }


def find_sources(
    world: World, change: Change, view: EventView, since: datetime
) -> Iterator[tuple[str, str]]:
    """Yield events of people in other systems that took this time at or after ``since``."""
    for system in SYSTEM_NAMES:
        if system == change.system:
            continue
        for event, other in world.events(system).items():
            if (system, event) not in world.ours and other.busy and other.key == view.key:
                yield system, event
    if since == change.at:
        return
    since = oldest_cause(world, since)
    for past in world.changes:
        late = past.at < since and not waits_for_night(world, past)
        if past.system != change.system and not late and past.before is not None:
            foreign = (past.system, past.event) not in world.ours
            if foreign and past.before.busy and past.before.key == view.key:
                yield past.system, past.event


def oldest_cause(world: World, since: datetime) -> datetime:
    """Return how old a cause may be: mass edits wait, and a renamed user hides events."""
    return min([since, *(mass_edit.at for mass_edit in world.mass_edits), *world.staff.since])


def unchanged_since(world: World, system: str, event: str) -> datetime:
    """Return when an event got its time; a change between busy statuses does not count."""
    return max(
        c.at for c in world.changes if (c.system, c.event) == (system, event) and not c.keeps_time
    )
