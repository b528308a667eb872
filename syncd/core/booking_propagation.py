"""What the appointments of all bookings of a provider are to be told, and which of it waits."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from syncd.core import rejected_writes
from syncd.core.block_planning import suppressed_bookings
from syncd.core.claims import shown
from syncd.core.inputs import CalendarState
from syncd.core.propagation import propagate
from syncd.core.series import is_held
from syncd.core.workspace import Workspace
from syncd.model import Conflict, Operation, Value, Waiting, WaitReason


def propagate_all(
    workspace: Workspace,
    calendars: Mapping[str, CalendarState],
    claims: dict[str, list[Value]],
    frozen: AbstractSet[str],
) -> tuple[list[Operation], list[Conflict], list[Waiting]]:
    """What the appointments of all bookings must be told, but for those that wait for a person.

    Where an appointment cannot be brought along, its time and the agreed one both stay claimed.
    """
    operations: list[Operation] = []
    conflicts: list[Conflict] = []
    waiting: list[Waiting] = []
    for booking_id in sorted(workspace.bookings.keys() - claims.keys()):
        booking = workspace.bookings[booking_id]
        pairs = [
            p
            for p in workspace.pairs(booking_id)
            if booking_id not in suppressed_bookings(workspace, p[0].system)
        ]
        told = propagate(booking, pairs, calendars)
        conflicts += told.conflicts
        for replica in told.settled:
            workspace.link(replica)
        why = {
            o: w for o in told.operations if (w := _why_held(workspace, calendars, o)) is not None
        }
        stopped = [o for o in told.operations if (o.system, o.event) in workspace.stopped]
        waits = [o for o in told.operations if _is_refused(workspace, calendars, o)]
        if booking_id in frozen or waits or why or stopped or told.apart:
            claims[booking_id] = [booking.agreed, *shown(workspace, calendars, booking_id)]
        if booking_id not in frozen:
            operations += [o for o in told.operations if o not in why and o not in stopped]
            waiting += [Waiting(o, WaitReason.GUARD) for o in stopped]
            waiting += [Waiting(o, each) for o, each in why.items() if o not in stopped]
    return operations, conflicts, waiting


def _is_refused(
    workspace: Workspace, calendars: Mapping[str, CalendarState], operation: Operation
) -> bool:
    """Whether a write is refused: what waits for its system is not newly too late, but as it was.

    A refusal that stands goes on while its system is silent: what it shows is still claimed.
    """
    can = calendars[operation.system].blocked is None
    return (rejected_writes.blocking_conflict if can else rejected_writes.open_rejection)(
        workspace, operation
    ) is not None


def _why_held(
    workspace: Workspace, calendars: Mapping[str, CalendarState], operation: Operation
) -> WaitReason | None:
    """Return why a write waits for a person, if it does."""
    calendar = calendars[operation.system]
    record = workspace.records.get((operation.system, operation.event or ""))
    if is_held(record, calendar):
        return WaitReason.SERIES
    why = calendar.why_not_updated(operation)
    return why if why is WaitReason.DAMAGED else None
