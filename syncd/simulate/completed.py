"""Meetings that people complete in LeadSquared, before they begin or while they run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.simulate.unmapped import Place
from syncd.systems.leadsquared.events import ASSUMED_LENGTH

if TYPE_CHECKING:
    from syncd.simulate.mass_edit import View
    from syncd.simulate.scenario import SimEvent
    from syncd.simulate.world import World

SEEN = timedelta(hours=3)
"""After this time a meeting is known to syncd, with its length.

This does not hold while its calendar is left out of the configuration: nothing reads it then, and
the row of a completed meeting does not carry its length. What was known before is kept.
"""


def complete(town: World, step: SimEvent) -> str:
    """Complete a meeting that runs now or later; return what was done, '' if there is none."""
    now = town.clock.now()
    found = sorted(
        event
        for event, seen in town.standing("crm").items()
        if seen.kind == "appointment" and seen.busy and seen.end > now
        if _is_known(town, event, seen)
    )
    if not found:
        return ""
    event = found[step.number % len(found)]
    town.sandbox.crm.set_status(event, "showed")
    return f"complete {event}"


def _is_known(town: World, event: str, seen: View) -> bool:
    """Return true if a meeting existed long enough, unchanged, in a calendar that syncd reads."""
    changes = (c.at for c in town.changes if (c.system, c.event) == ("crm", event))
    place, now = Place("crm", seen.provider), town.clock.now()
    return town.unmapped.longest_in(place, max(changes), now) >= SEEN


def is_of_assumed_length(town: World, block: View) -> bool:
    """Return true if a block closes the assumed hour of a meeting that was first read complete.

    It was completed while it lay beyond the window, and its row does not carry the planned end.
    """
    return block.end - block.start == ASSUMED_LENGTH and any(
        seen.kind == "appointment"
        and seen.status == "showed"
        and (seen.provider, seen.start) == (block.provider, block.start)
        for seen in town.standing("crm").values()
    )
