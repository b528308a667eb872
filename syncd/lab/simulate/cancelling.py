"""Meetings that syncd cancels in LeadSquared, and the number of bulk calls."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.lab.simulate.hosted import is_share
from syncd.lab.simulate.scenario import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.lab.sandbox.leadsquared import EmulatedLeadSquared
    from syncd.lab.simulate.mass_edit import Change
    from syncd.lab.simulate.world import World

_LIST = "/Task.svc/RetrieveAppointments/ByUserEmailAddress"
_BULK = ("/Task.svc/BulkUpdateAppointmentTime", "/Task.svc/DeleteTasks")
_DONE = 200
_NEVER = -1000
CHANGED_BEFORE = timedelta(hours=3)
"""How long before its cancellation a meeting may have been changed elsewhere."""


def perform(world: World, step: SimEvent) -> str:
    """Cancel a meeting that LeadSquared also has; return what was done, '' if there is none."""
    if step.kind is not EventKind.CANCEL_TWINNED:
        return ""
    crm = world.events("crm").values()
    times = {(s.key, world.customer("crm", s)) for s in crm if s.kind == "appointment" and s.busy}
    candidates = sorted(
        event
        for event, view in world.events(step.system).items()
        if view.kind == "appointment"
        and view.busy
        and view.start > world.clock.now()
        and not is_share(event)
        and (view.key, world.customer(step.system, view)) in times
    )
    if not candidates:
        return ""
    event = candidates[step.number % len(candidates)]
    world.sandbox.systems[step.system].cancel(event)
    return f"cancel {event}, which is also in crm"


def bulk_calls(world: World) -> Iterator[str]:
    """Yield violations of the bulk calls of a day: their content and their number."""
    yield from _cancelled_blocks(world)
    yield from _divided_calls(world)


def was_wrongly_reactivated(world: World, change: Change) -> bool:
    """Return true if syncd reactivated, after a cancellation in crm, a meeting that nobody did.

    A read in crm that shows a cancellation as failed says nothing about the meeting.
    """
    before, after = change.before, change.after
    if before is None or after is None or before.busy or not after.busy:
        return False
    path = f"/{world.sandbox.crm.cancel_path}"
    if not any(
        call.path == path and call.at > change.at - CHANGED_BEFORE
        for call in world.sandbox.crm.calls
    ):
        return False
    off = [c.at for c in world.changes if c.by_hand and c.event == change.event]
    customer = world.customer(change.system, before)
    return not any(
        other.by_hand
        and other.system != change.system
        and other.after is not None
        and other.at > max(off) - CHANGED_BEFORE
        and world.customer(other.system, other.after) == customer
        for other in world.changes
    )


def _cancelled_blocks(world: World) -> Iterator[str]:
    """Yield blocks sent to the bulk cancel, which is for appointments only (promise 6)."""
    crm = world.sandbox.crm
    blocks = {block.id for block in crm.blocks()}
    for event in sorted(blocks.intersection(crm.cancelled)):
        yield f"6: a block was cancelled instead of deleted: crm {event}"


def _divided_calls(world: World) -> Iterator[str]:
    """Yield pairs of bulk calls of one kind that were made and answered after one read (promise 9).

    A refused call is divided, and an unanswered one proves nothing; neither counts.
    """
    crm = world.sandbox.crm
    # If the path is a wrong one, answers with status 200 are refusals, too.
    cancels = [] if crm.cancel_answer in {"error", "html"} else [f"/{crm.cancel_path}"]
    for path in (*_BULK, *cancels):
        yield from _divided(crm, path)


def _divided(crm: EmulatedLeadSquared, path: str) -> Iterator[str]:
    made = 0
    for call in crm.calls:
        if call.path == _LIST:
            made = 0
        elif call.path == path:
            # A cycle in which a call was refused proves nothing.
            made = _NEVER if call.status != _DONE else made + 1
            if made == 2:  # noqa: PLR2004 - one more than there should be
                yield f"9: two calls of {path} where one is enough"
