"""People complete a meeting in LeadSquared, before it begins or while it goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.sandbox.faults import FaultKind
from syncd.simulate.unmapped import Place
from syncd.systems.leadsquared.events import ASSUMED_LENGTH

if TYPE_CHECKING:
    from syncd.simulate.mass_edit import View
    from syncd.simulate.scenario import SimEvent
    from syncd.simulate.world import World

SEEN = timedelta(hours=3)
"""A meeting that has stood for so long is known to syncd, and so is its length.

Not while its calendar is left out of the configuration: nobody reads it then, and once it is
complete no row tells its length any more. What was known before that is kept.
"""


def complete(town: World, step: SimEvent) -> str:
    """Complete a meeting that takes place later or now; what was done, '' if there is none."""
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
    """Return whether a meeting stood long enough, as it stands now, where syncd reads it."""
    changes = (c.at for c in town.changes if (c.system, c.event) == ("crm", event))
    place, now = Place("crm", seen.provider), town.clock.now()
    return town.unmapped.longest_in(place, max(changes), now) >= SEEN


def is_of_assumed_length(town: World, block: View) -> bool:
    """Whether it closes the hour that is assumed of a meeting which was complete at first sight.

    It was completed while it lay beyond the window. No row tells then when it was to end.
    """
    return block.end - block.start == ASSUMED_LENGTH and any(
        seen.kind == "appointment"
        and seen.status == "showed"
        and (seen.provider, seen.start) == (block.provider, block.start)
        for seen in town.standing("crm").values()
    )


def is_hidden_by_words(town: World, system: str, event: str) -> bool:
    """Return whether a meeting is completed and shows a status word that nobody knows.

    The time of its completion is shown as its end, which may lie before its start. Only the status
    tells that, so its row stays unreadable until the word is known.
    """
    crm, seen = town.sandbox.crm, town.standing(system).get(event)
    words = crm.faults.active(FaultKind.ODD_STATUS)
    unknown = words is not None and words.spelling == "unknown"
    completed = system == "crm" and seen is not None and seen.status == "showed"
    return completed and unknown and crm.completing_changes_end
