"""Plan the writes that bring a booking's other appointments to its agreed value.

After `propagate`, every appointment shows the agreed value, or has a write, a conflict, or a reason
not to be written to now. syncd only ever changes the time and the status of real appointments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from syncd.core.event_state.observation import (
    expected_value,
    has_pending_change,
    to_restore,
)
from syncd.core.inputs import CalendarState, inputs_digest
from syncd.core.matching.revived_meetings import status_before
from syncd.core.merging.rules import Choice
from syncd.model import (
    Action,
    Booking,
    Claim,
    Conflict,
    ConflictKind,
    Operation,
    Replica,
    TrackedEvent,
    Value,
)
from syncd.model.intervals import shows, truncate

_REASON = "changed in another system"
_RESTORE_REASON = "restores what an update reset"


@dataclass(frozen=True, slots=True)
class Propagation:
    """The result for one booking.

    ``settled``: the replicas that show the agreed value, with the booking's revision. ``apart``: a
    derived event, which is never written to, shows another value than the agreed value.
    """

    operations: tuple[Operation, ...] = ()
    settled: tuple[Replica, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    apart: bool = False


def propagate(
    booking: Booking,
    pairs: Sequence[tuple[Replica, TrackedEvent]],
    calendars: Mapping[str, CalendarState],
) -> Propagation:
    """Plan the writes to every appointment that is not at the booking's revision.

    Used for each booking of a decision, after the merge. ``pairs`` are the booking's replicas with
    their events; ``calendars`` the provider's calendars by system.
    """
    operations: list[Operation] = []
    settled: list[Replica] = []
    conflicts: list[Conflict] = []
    for replica, record in (pair for pair in pairs if not pair[1].derived):
        calendar = calendars.get(record.system)
        if replica.synced_revision == booking.revision and to_restore(record) is None:
            continue
        if record.observed is None:
            # The event is gone, so there is nothing to write to.
            settled.append(replace(replica, synced_revision=booking.revision))
            continue
        if calendar is None or calendar.read_only or has_pending_change(record):
            # Never written to, or its own change is decided on first.
            continue
        expected = expected_value(record) or record.observed
        operation, conflict = _needed_write(booking, replica, record, expected, calendar)
        if operation is not None:
            operations.append(operation)
        elif calendar.blocked is not None and not (conflict and calendar.updated_by_hand):
            # No write is possible now, so the replica is settled later.
            continue
        elif conflict is not None:
            conflicts.append(conflict)
        elif shows(record.observed, expected):
            # A write that is only queued does not count, because it may fail.
            settled.append(replace(replica, synced_revision=booking.revision))
    in_agreement, derived_conflicts = _check_derived(booking, pairs, calendars)
    return Propagation(
        tuple(operations),
        (*settled, *in_agreement),
        (*conflicts, *derived_conflicts),
        bool(derived_conflicts),
    )


def _needed_write(
    booking: Booking,
    replica: Replica,
    record: TrackedEvent,
    expected: Value,
    calendar: CalendarState,
) -> tuple[Operation | None, Conflict | None]:
    """Return the write that an appointment needs, or the conflict that prevents it."""
    operation, conflict = None, None
    if replica.synced_revision != booking.revision:
        operation, conflict = _operation_to_agreed(booking, replica, record, expected, calendar)
    restored = to_restore(record)
    if operation is not None or conflict is not None or restored is None:
        return operation, conflict
    if restored.status not in calendar.statuses:
        return None, None
    return replace(
        _write(Action.SET_STATUS, booking, record, restored), reason=_RESTORE_REASON
    ), None


def _check_derived(
    booking: Booking,
    pairs: Sequence[tuple[Replica, TrackedEvent]],
    calendars: Mapping[str, CalendarState],
) -> tuple[list[Replica], list[Conflict]]:
    """Return the derived events that show the agreed value, and the conflicts of the others."""
    settled: list[Replica] = []
    conflicts: list[Conflict] = []
    for replica, record in pairs:
        calendar = calendars.get(record.system)
        if not record.derived or replica.synced_revision == booking.revision:
            continue
        # Without an answer, the last accepted value counts, so that no time is freed.
        is_trusted = calendar is not None and calendar.trusted
        known = record.observed if is_trusted or record.over else (record.base or record.observed)
        if known is None:
            settled.append(replace(replica, synced_revision=booking.revision))
        elif is_trusted and has_pending_change(record):
            continue
        elif shows(known, booking.agreed, any_status=True):
            # It has the status of the event that it is derived from.
            settled.append(replace(replica, synced_revision=booking.revision))
        else:
            conflicts.append(_derived_conflict(booking, record, [r for _, r in pairs]))
    return settled, conflicts


def _derived_conflict(
    booking: Booking, record: TrackedEvent, records: Sequence[TrackedEvent]
) -> Conflict:
    """Return the conflict between a derived event and the agreed value."""
    note = (
        f"the meeting in {record.system} has other hosts or uses a room, so syncd does not change "
        f"it for {booking.provider} alone: change it in {record.system} by hand, or revert the "
        "change in the other system"
    )
    if not booking.agreed.busy:
        return _cannot_cancel(booking, record, note)
    kind = ConflictKind.MOVED_APART
    if record.observed is not None and not record.observed.busy:
        kind = ConflictKind.MOVED_AND_CANCELLED
    return Conflict(
        kind=kind,
        provider=booking.provider,
        subject=booking.id,
        claims=tuple(Claim(r.system, r.id, r.observed, r.observed_at) for r in records),
        inputs=inputs_digest(booking.revision, *((r.system, r.id, r.observed) for r in records)),
        note=note,
        rule=f"{kind} = {Choice.HOLD}",
    )


def _operation_to_agreed(
    booking: Booking,
    replica: Replica,
    record: TrackedEvent,
    expected: Value,
    calendar: CalendarState,
) -> tuple[Operation | None, Conflict | None]:
    agreed = truncate(booking.agreed, calendar.grain)
    status = calendar.statuses.get(agreed.status)
    if not agreed.busy:
        if not expected.busy or status is expected.status:
            # The appointment is cancelled as well, whatever the name of that status.
            return None, None
        if status is None:
            note = f"syncd cannot cancel in {calendar.system}: cancel the appointment there by hand"
            return None, _cannot_cancel(booking, record, note)
        return _write(Action.SET_STATUS, booking, record, replace(expected, status=status)), None
    if expected.interval != agreed.interval:
        revived = not expected.busy and calendar.moves_set_status
        after = replace(agreed, status=(status if revived else None) or expected.status)
        return _write(Action.MOVE_APPOINTMENT, booking, record, after), None
    if not expected.busy and replica.synced_revision >= booking.status_revision:
        # No other status was set since syncd cancelled it.
        status = calendar.statuses.get(status_before(record) or agreed.status, status)
    must_set_status = not expected.busy or replica.synced_revision < booking.status_revision
    if must_set_status and status is not None and status is not expected.status:
        return _write(Action.SET_STATUS, booking, record, replace(expected, status=status)), None
    return None, None


def _write(action: Action, booking: Booking, record: TrackedEvent, after: Value) -> Operation:
    return Operation(
        action=action,
        system=record.system,
        provider=record.provider,
        kind=record.kind,
        event=record.id,
        before=record.observed,
        after=after,
        bookings=(booking.id,),
        reason=_REASON if booking.rule in {"", "one change", "ends"} else booking.rule,
    )


def _cannot_cancel(booking: Booking, record: TrackedEvent, note: str) -> Conflict:
    return Conflict(
        kind=ConflictKind.CANNOT_CANCEL,
        provider=booking.provider,
        subject=booking.id,
        claims=(
            Claim("agreed", None, booking.agreed, None),
            Claim(record.system, record.id, record.observed, record.observed_at),
        ),
        inputs=inputs_digest(booking.revision, record.system, record.id, record.observed),
        note=note,
    )
