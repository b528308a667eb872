"""What a booking's other appointments must be told: of real appointments only time and status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from syncd.core.diff import cut, is_news, is_rounding, nominal, to_restore
from syncd.core.facts import Calendar, digest
from syncd.model import (
    Action,
    Booking,
    Claim,
    Conflict,
    ConflictKind,
    Operation,
    Record,
    Replica,
    Value,
)

_USUAL = "agreed in another system"
_RESTORED = "puts back what an update reset"


@dataclass(frozen=True, slots=True)
class Carry:
    """Writes for one booking's replicas; replicas with nothing left to be told; what cannot be."""

    operations: tuple[Operation, ...] = ()
    settled: tuple[Replica, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


def carry(
    booking: Booking,
    pairs: Sequence[tuple[Replica, Record]],
    calendars: Mapping[str, Calendar],
) -> Carry:
    """Bring every replica that has not heard of the booking's present revision up to it."""
    operations: list[Operation] = []
    settled: list[Replica] = []
    conflicts: list[Conflict] = []
    for replica, record in pairs:
        calendar = calendars.get(record.system)
        restored = to_restore(record)
        if replica.settled == booking.revision and restored is None:
            continue
        if record.observed is None:
            # It is gone: there is nobody to tell.
            settled.append(replace(replica, settled=booking.revision))
            continue
        if calendar is None or not calendar.writable or is_news(record):
            # Not to be written to, or it has news of its own that is decided on first.
            continue
        shown = nominal(record) or record.observed
        operation, conflict = None, None
        if replica.settled != booking.revision:
            operation, conflict = _operation(booking, replica, record, shown, calendar)
        if conflict is not None:
            conflicts.append(conflict)
        elif operation is not None:
            operations.append(operation)
        elif restored is not None and restored.status in calendar.statuses:
            write = _write(Action.SET_STATUS, booking, record, restored)
            operations.append(replace(write, reason=_RESTORED))
        elif _shows(record.observed, shown):
            # A write that is only queued is not told of yet: it may come to nothing.
            settled.append(replace(replica, settled=booking.revision))
    return Carry(tuple(operations), tuple(settled), tuple(conflicts))


def _shows(observed: Value, meant: Value) -> bool:
    if not meant.busy and not observed.busy:
        return True
    return observed == meant or is_rounding(meant, observed)


def _operation(
    booking: Booking, replica: Replica, record: Record, shown: Value, calendar: Calendar
) -> tuple[Operation | None, Conflict | None]:
    agreed = cut(booking.agreed, calendar.grain)
    status = calendar.statuses.get(agreed.status)
    if not agreed.busy:
        if not shown.busy or status is shown.status:
            # It is off there too, in whatever word.
            return None, None
        if status is None:
            return None, _cannot_cancel(booking, record, calendar)
        return _write(Action.SET_STATUS, booking, record, replace(shown, status=status)), None
    if shown.interval != agreed.interval:
        after = replace(agreed, status=shown.status)
        return _write(Action.MOVE_APPOINTMENT, booking, record, after), None
    owed = not shown.busy or replica.settled < booking.status_revision
    if owed and status is not None and status is not shown.status:
        return _write(Action.SET_STATUS, booking, record, replace(shown, status=status)), None
    return None, None


def _write(action: Action, booking: Booking, record: Record, after: Value) -> Operation:
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


def _cannot_cancel(booking: Booking, record: Record, calendar: Calendar) -> Conflict:
    return Conflict(
        kind=ConflictKind.CANNOT_CANCEL,
        provider=booking.provider,
        subject=booking.id,
        claims=(
            Claim("agreed", None, booking.agreed, None),
            Claim(record.system, record.id, record.observed, record.observed_at),
        ),
        inputs=digest(booking.revision, record.system, record.id, record.observed),
        note=f"{calendar.system} has no way to cancel: cancel it there by hand",
    )
