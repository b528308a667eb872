"""Meetings that LeadSquared cancels for syncd, and how many calls syncd makes of its writes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.simulate.hosted import is_share
from syncd.simulate.scenario import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.sandbox.leadsquared import EmulatedLeadSquared
    from syncd.simulate.mass_edit import Change
    from syncd.simulate.world import World

_LIST = "/Task.svc/RetrieveAppointments/ByUserEmailAddress"
_BULK = ("/Task.svc/BulkUpdateAppointmentTime", "/Task.svc/DeleteTasks")
_DONE = 200
_NEVER = -1000
LATE = timedelta(hours=3)
"""How long a meeting that was called off may have been changed elsewhere before."""


def perform(town: World, step: SimEvent) -> str:
    """Call off a meeting that LeadSquared has, too; what was done, '' if there is none."""
    if step.kind is not EventKind.CANCEL_TWINNED:
        return ""
    crm = town.standing("crm").values()
    times = {(s.key, town.person("crm", s)) for s in crm if s.kind == "appointment" and s.busy}
    found = sorted(
        event
        for event, seen in town.standing(step.system).items()
        if seen.kind == "appointment"
        and seen.busy
        and seen.start > town.clock.now()
        and not is_share(event)
        and (seen.key, town.person(step.system, seen)) in times
    )
    if not found:
        return ""
    event = found[step.number % len(found)]
    town.sandbox.systems[step.system].cancel(event)
    return f"cancel {event}, which stands in crm"


def bulk_calls(town: World) -> Iterator[str]:
    """Judge the bulk calls of a day: what was in them, and how many there were."""
    yield from _cancelled_blocks(town)
    yield from _divided_calls(town)


def revived(town: World, change: Change) -> bool:
    """Whether syncd put a meeting on again that nobody put on, after a cancellation in crm.

    Reading there that a cancellation came to nothing says nothing about the meeting.
    """
    before, after = change.before, change.after
    if before is None or after is None or before.busy or not after.busy:
        return False
    path = f"/{town.sandbox.crm.cancel_path}"
    if not any(call.path == path and call.at > change.at - LATE for call in town.sandbox.crm.calls):
        return False
    off = [c.at for c in town.changes if c.by_hand and c.event == change.event]
    person = town.person(change.system, before)
    return not any(
        other.by_hand
        and other.system != change.system
        and other.after is not None
        and other.at > max(off) - LATE
        and town.person(other.system, other.after) == person
        for other in town.changes
    )


def _cancelled_blocks(town: World) -> Iterator[str]:
    """Say which blocks were sent to the bulk cancel: it is for appointments only (promise 6)."""
    crm = town.sandbox.crm
    blocks = {block.id for block in crm.blocks()}
    for event in sorted(blocks.intersection(crm.cancelled)):
        yield f"6: a block was cancelled instead of deleted: crm {event}"


def _divided_calls(town: World) -> Iterator[str]:
    """Say where two bulk calls of a kind were made and answered after one read (promise 9).

    A call that was refused is divided, and one that was not answered says nothing.
    """
    crm = town.sandbox.crm
    # Where something else is at that path, its answers with status 200 are refusals, too.
    cancels = [] if crm.cancel_answer in {"error", "html"} else [f"/{crm.cancel_path}"]
    for path in (*_BULK, *cancels):
        yield from _divided(crm, path)


def _divided(crm: EmulatedLeadSquared, path: str) -> Iterator[str]:
    made = 0
    for call in crm.calls:
        if call.path == _LIST:
            made = 0
        elif call.path == path:
            # Nothing follows from a cycle in which any of them was refused.
            made = _NEVER if call.status != _DONE else made + 1
            if made == 2:  # noqa: PLR2004 - one more than there should be
                yield f"9: two calls of {path} where one would do"
