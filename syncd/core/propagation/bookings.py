"""Propagate the agreed values of all bookings of a provider to their appointments.

After `propagate_all`, every appointment that differs from its booking has a write, a conflict, or a
waiting write. A booking that cannot be fully propagated claims its agreed time and the times that
its appointments show, so that blocks keep all these times closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from syncd.core.blocks.planning import suppressed_bookings
from syncd.core.conflicts.claims import shown
from syncd.core.inputs import CalendarState
from syncd.core.propagation import rejected_writes
from syncd.core.propagation.appointments import propagate
from syncd.core.propagation.write_waits import why_operator_must_act
from syncd.core.workspace import Workspace
from syncd.model import Conflict, Operation, Value, Waiting, WaitReason


def propagate_all(
    workspace: Workspace,
    calendars: Mapping[str, CalendarState],
    claims: dict[str, list[Value]],
    held_bookings: AbstractSet[str],
) -> tuple[list[Operation], list[Conflict], list[Waiting]]:
    """Return the writes, conflicts and waiting writes of all bookings that are not in conflict.

    Used in each decision, after the agreed values are merged. Example: a meeting moved in one
    system; the result has the write that moves the appointment in the other system.

    - ``claims``: the values that conflicts claim, by booking. These bookings are skipped. If an
      appointment of another booking cannot be updated, that booking is added here, with its agreed
      time and the times that its appointments show.
    - ``held_bookings``: the bookings of held double bookings. Nothing is written to their
      appointments until the operator resolves the conflict.
    """
    operations: list[Operation] = []
    conflicts: list[Conflict] = []
    waiting: list[Waiting] = []
    for booking_id in sorted(workspace.bookings.keys() - claims.keys()):
        booking = workspace.bookings[booking_id]
        pairs = [
            pair
            for pair in workspace.pairs(booking_id)
            if booking_id not in suppressed_bookings(workspace, pair[0].system)
        ]
        propagation = propagate(booking, pairs, calendars)
        conflicts += propagation.conflicts
        for replica in propagation.settled:
            workspace.link(replica)
        wait_reasons = {
            o: reason
            for o in propagation.operations
            if (reason := why_operator_must_act(workspace, calendars[o.system], o)) is not None
        }
        stopped = [o for o in propagation.operations if (o.system, o.event) in workspace.stopped]
        rejected = any(
            rejected_writes.blocking_conflict(
                workspace, o, waits=calendars[o.system].blocked is not None
            )
            for o in propagation.operations
        )
        if booking_id in held_bookings or rejected or wait_reasons or stopped or propagation.apart:
            claims[booking_id] = [booking.agreed, *shown(workspace, calendars, booking_id)]
        if booking_id not in held_bookings:
            operations += [
                o for o in propagation.operations if o not in wait_reasons and o not in stopped
            ]
            waiting += [Waiting(o, WaitReason.GUARD) for o in stopped]
            waiting += [
                Waiting(o, reason) for o, reason in wait_reasons.items() if o not in stopped
            ]
    return operations, conflicts, waiting
