"""Meetings that people complete in LeadSquared, before they begin or while they run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.simulate.unmapped import ConfigPlace
from syncd.systems.leadsquared.events import ASSUMED_LENGTH

if TYPE_CHECKING:
    from syncd.lab.simulate.mass_edit import EventView
    from syncd.lab.simulate.scenario import SimEvent
    from syncd.lab.simulate.world import World

LENGTH_KNOWN_AFTER = timedelta(hours=3)
"""After this time a meeting is known to syncd, with its length.

This does not hold while its calendar is left out of the configuration: nothing reads it then, and
the row of a completed meeting does not carry its length. What was known before is kept.
"""


def complete(world: World, step: SimEvent) -> str:
    """Complete a meeting that runs now or later; return what was done, '' if there is none."""
    now = world.clock.now()
    candidates = sorted(
        event
        for event, view in world.events("crm").items()
        if view.kind == "appointment" and view.busy and view.end > now
        if _is_known(world, event, view)
    )
    if not candidates:
        return ""
    event = candidates[step.number % len(candidates)]
    world.sandbox.crm.set_status(event, "showed")
    return f"complete {event}"


def _is_known(world: World, event: str, view: EventView) -> bool:
    """Return true if a meeting existed long enough, unchanged, in a calendar that syncd reads."""
    changes = (c.at for c in world.changes if (c.system, c.event) == ("crm", event))
    place, now = ConfigPlace("crm", view.provider), world.clock.now()
    return world.unmapped.longest_mapped(place, max(changes), now) >= LENGTH_KNOWN_AFTER


def is_of_assumed_length(world: World, block: EventView) -> bool:
    """Return true if a block closes the assumed hour of a meeting that was first read complete.

    It was completed while it lay beyond the window, and its row does not carry the planned end.
    """
    return block.end - block.start == ASSUMED_LENGTH and any(
        view.kind == "appointment"
        and view.status == "showed"
        and (view.provider, view.start) == (block.provider, block.start)
        for view in world.events("crm").values()
    )


def is_hidden_by_words(world: World, system: str, event: str) -> bool:
    """Return whether a meeting is completed and shows a status word that nobody knows.

    The time of its completion is shown as its end, which may lie before its start. Only the status
    tells that, so its row stays unreadable until the word is known.
    """
    crm, seen = world.sandbox.crm, world.events(system).get(event)
    words = crm.faults.active(FaultKind.ODD_STATUS)
    unknown = words is not None and words.spelling == "unknown"
    completed = system == "crm" and seen is not None and seen.status == "showed"
    return completed and unknown and crm.completing_changes_end
