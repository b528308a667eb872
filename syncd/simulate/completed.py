"""People complete a meeting in LeadSquared, before it begins or while it goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncd.simulate.story import Step
    from syncd.simulate.town import Town

SEEN = timedelta(hours=3)
"""A meeting that has stood for so long is known to syncd, and so is its length."""


def complete(town: Town, step: Step) -> str:
    """Complete a meeting that takes place later or now; what was done, '' if there is none."""
    now = town.clock.now()
    fresh = {c.event for c in town.changes if c.system == "crm" and c.at > now - SEEN}
    found = sorted(
        event
        for event, seen in town.standing("crm").items()
        if seen.kind == "appointment" and seen.busy and seen.end > now and event not in fresh
    )
    if not found:
        return ""
    event = found[step.number % len(found)]
    town.sandbox.crm.set_status(event, "showed")
    return f"complete {event}"
