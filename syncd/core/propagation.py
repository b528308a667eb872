"""What a booking's other appointments must be told: of real appointments only time and status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from syncd.core.inputs import CalendarState, inputs_digest
from syncd.core.observation import (
    expected_value,
    has_pending_change,
    is_rounding,
    to_restore,
    truncate,
)
from syncd.core.revived_meetings import status_before
from syncd.core.rules import Choice
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

_USUAL = "agreed in another system"
_RESTORED = "puts back what an update reset"


@dataclass(frozen=True, slots=True)
class Propagation:
    """Writes for one booking's replicas; replicas with nothing left to be told; what cannot be.

    ``apart``: a derived event shows something else than what is agreed, and is never written to.
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
    """Bring every replica that has not heard of the booking's present revision up to it."""
    operations: list[Operation] = []
    settled: list[Replica] = []
    conflicts: list[Conflict] = []
    for replica, record in (pair for pair in pairs if not pair[1].derived):
        calendar = calendars.get(record.system)
        if replica.synced_revision == booking.revision and to_restore(record) is None:
            continue
        if record.observed is None:
            # It is gone: there is nobody to tell.
            settled.append(replace(replica, synced_revision=booking.revision))
            continue
        if calendar is None or calendar.read_only or has_pending_change(record):
            # Not to be written to, or it has news of its own that is decided on first.
            continue
        shown = expected_value(record) or record.observed
        operation, conflict = _due(booking, replica, record, shown, calendar)
        if operation is not None:
            operations.append(operation)
        elif calendar.blocked is not None and not (conflict and calendar.updated_by_hand):
            # Nobody can write there now: what needs no write is settled once somebody can.
            continue
        elif conflict is not None:
            conflicts.append(conflict)
        elif _shows(record.observed, shown):
            # A write that is only queued is not told of yet: it may come to nothing.
            settled.append(replace(replica, synced_revision=booking.revision))
    heard, apart = _derived(booking, pairs, calendars)
    return Propagation(tuple(operations), (*settled, *heard), (*conflicts, *apart), bool(apart))


def _due(
    booking: Booking, replica: Replica, record: TrackedEvent, shown: Value, calendar: CalendarState
) -> tuple[Operation | None, Conflict | None]:
    """Return the write that a replica needs, or the conflict because of which it gets none."""
    operation, conflict = None, None
    if replica.synced_revision != booking.revision:
        operation, conflict = _operation(booking, replica, record, shown, calendar)
    restored = to_restore(record)
    if operation is not None or conflict is not None or restored is None:
        return operation, conflict
    if restored.status not in calendar.statuses:
        return None, None
    return replace(_write(Action.SET_STATUS, booking, record, restored), reason=_RESTORED), None


def _derived(
    booking: Booking,
    pairs: Sequence[tuple[Replica, TrackedEvent]],
    calendars: Mapping[str, CalendarState],
) -> tuple[list[Replica], list[Conflict]]:
    """Return the derived events that show what is agreed, and the conflicts with the others."""
    settled: list[Replica] = []
    conflicts: list[Conflict] = []
    for replica, record in pairs:
        calendar = calendars.get(record.system)
        if not record.derived or replica.synced_revision == booking.revision:
            continue
        # What a silent calendar showed last still counts: nothing is freed because it is silent.
        believed = calendar is not None and calendar.trusted
        known = record.observed if believed or record.over else (record.base or record.observed)
        if known is None:
            settled.append(replace(replica, synced_revision=booking.revision))
        elif believed and has_pending_change(record):
            continue
        elif shows_agreed_value(known, booking.agreed):
            settled.append(replace(replica, synced_revision=booking.revision))
        else:
            conflicts.append(_set_apart(booking, record, [r for _, r in pairs]))
    return settled, conflicts


def shows_agreed_value(observed: Value, agreed: Value) -> bool:
    """Return whether an event that syncd never writes to says what was agreed of the meeting.

    A status that takes the same time is that of the record, and nothing is to be agreed about it.
    """
    if observed.busy is not agreed.busy:
        return False
    alike = replace(agreed, status=observed.status)
    return not observed.busy or observed == alike or is_rounding(alike, observed)


def _set_apart(booking: Booking, record: TrackedEvent, records: Sequence[TrackedEvent]) -> Conflict:
    """Return the conflict between a derived event and what its booking was changed to elsewhere."""
    note = (
        f"the meeting in {record.system} has other hosts or uses a room, so syncd does not change "
        f"it for {booking.provider} alone: change it there by hand, or put it back elsewhere"
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


def _shows(observed: Value, meant: Value) -> bool:
    if not meant.busy and not observed.busy:
        return True
    return observed == meant or is_rounding(meant, observed)


def _operation(
    booking: Booking, replica: Replica, record: TrackedEvent, shown: Value, calendar: CalendarState
) -> tuple[Operation | None, Conflict | None]:
    agreed = truncate(booking.agreed, calendar.grain)
    status = calendar.statuses.get(agreed.status)
    if not agreed.busy:
        if not shown.busy or status is shown.status:
            # It is off there too, in whatever word.
            return None, None
        if status is None:
            note = f"{calendar.system} has no way to cancel: cancel it there by hand"
            return None, _cannot_cancel(booking, record, note)
        return _write(Action.SET_STATUS, booking, record, replace(shown, status=status)), None
    if shown.interval != agreed.interval:
        revived = not shown.busy and calendar.moves_set_status
        after = replace(agreed, status=(status if revived else None) or shown.status)
        return _write(Action.MOVE_APPOINTMENT, booking, record, after), None
    if not shown.busy and replica.synced_revision >= booking.status_revision:
        # Nobody has said another status since syncd called it off.
        status = calendar.statuses.get(status_before(record) or agreed.status, status)
    owed = not shown.busy or replica.synced_revision < booking.status_revision
    if owed and status is not None and status is not shown.status:
        return _write(Action.SET_STATUS, booking, record, replace(shown, status=status)), None
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
        reason=_USUAL if booking.rule in {"", "one change", "ends"} else booking.rule,
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
