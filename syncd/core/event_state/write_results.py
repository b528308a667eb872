"""Turn the result of a write into stored rows.

After a confirmed write, the achieved value is the base of the event. After a write that the
platform only queued, the base stays until a read shows the new value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime

from syncd.core.event_state.observation import is_between, mark_deleted
from syncd.model import (
    Action,
    Changes,
    Kind,
    Operation,
    Replica,
    Role,
    TrackedEvent,
    Value,
    cut_end,
)


def applied(
    operation: Operation,
    record: TrackedEvent | None,
    links: Iterable[Replica],
    *,
    event: str,
    shown: Value | None,
    at: datetime,
) -> Changes:
    """Return the rows that follow from a write that happened.

    - ``record``: the stored event that was written to; None for a create or an unknown event.
    - ``links``: the present replicas of that event.
    - ``event``: the id of the event, also of a created one.
    - ``shown``: the event's value in the response; None if the response has none.
    - ``at``: the time of the response; UTC.
    """
    shown = None if shown is None else cut_end(shown, at, operation.after)
    match operation.action:
        case Action.CREATE_BLOCK:
            return _created(operation, event, shown, at)
        case Action.REMOVE_BLOCK:
            return _removed(record, links, at)
        case Action.MOVE_BLOCK:
            changes = _changed(operation, record, shown, at)
            _link_bookings(changes, operation, event, links)
            return changes
        case Action.MOVE_APPOINTMENT | Action.SET_STATUS:
            return _changed(operation, record, shown, at)


def queued(operation: Operation, record: TrackedEvent | None, at: datetime) -> Changes:
    """Return the rows to store after the platform accepted a write but did not carry it out yet.

    ``record`` is the stored event; None (a create, or not stored): nothing to store. ``at`` is the
    time of the response. The base stays, so that a read of the former value is no change.
    """
    if record is None:
        return Changes()
    # Without a fingerprint, the next read parses the row even if it already shows the result.
    queued = replace(
        record, written=operation.after, written_at=at, before_write=record.base, fingerprint=""
    )
    return Changes(records=[queued])


def unconfirmed(record: TrackedEvent) -> Changes:
    """Return the rows to store if no read showed the value of a queued write.

    That value is no longer expected.
    """
    return Changes(records=[replace(record, written=None)])


def target_gone(record: TrackedEvent | None, links: Iterable[Replica], at: datetime) -> Changes:
    """Return the rows to store if the platform says that the event of a write does not exist."""
    if record is None:
        return Changes()
    if record.created_by_us:
        return _removed(record, links, at)
    return Changes(records=[mark_deleted(record, at)])


def _created(operation: Operation, event: str, shown: Value | None, at: datetime) -> Changes:
    value = shown or operation.after
    record = TrackedEvent(
        system=operation.system,
        provider=operation.provider,
        id=event,
        kind=Kind.BLOCK,
        observed=value,
        observed_at=at,
        fingerprint="",
        base=value,
        created_by_us=True,
        key=operation.key,
        written=operation.after,
        written_at=at,
        before_write=None,
    )
    changes = Changes(records=[record])
    _link_bookings(changes, operation, event, ())
    return changes


def _changed(
    operation: Operation, record: TrackedEvent | None, shown: Value | None, at: datetime
) -> Changes:
    if record is None:
        return Changes()
    value = shown or _achieved_value(operation, record)
    # If a read after the write shows the former value, the write is not merely queued.
    unchanged = shown is not None and shown == record.observed and shown != operation.after
    written = replace(
        record,
        observed=value,
        observed_at=at,
        fingerprint="",
        base=value,
        end_accepted=False,
        written=operation.after,
        written_at=at,
        before_write=None if unchanged else _value_before(record, value),
        absence_proofs=0,
        absent_since=None,
    )
    return Changes(records=[written])


def _value_before(record: TrackedEvent, value: Value | None) -> Value | None:
    """Return the former value that a late list may still show of an event that was just written to.

    If no read has shown the write before this one, that is the value before both writes. (A read
    sets the fingerprint, a write clears it.)
    """
    current, earlier = record.observed, record.before_write
    was_read = bool(record.fingerprint) or record.written_at is None
    if was_read or current is None or value is None or not is_between(current, earlier, value):
        return current
    return earlier


def _achieved_value(operation: Operation, record: TrackedEvent) -> Value | None:
    """Return the value that an update achieved whose response has no value.

    A change of status leaves the time as it is, and an earlier move may not have achieved the
    planned time.
    """
    after, current = operation.after, record.observed
    if operation.action is not Action.SET_STATUS or after is None or current is None:
        return after
    return replace(current, status=after.status)


def _removed(record: TrackedEvent | None, links: Iterable[Replica], at: datetime) -> Changes:
    if record is None:
        return Changes()
    # The row stays as a tombstone, so that a late list with the block finds it.
    tombstone = replace(mark_deleted(record, at), base=None, end_accepted=True, written=None)
    return Changes(records=[tombstone], unlinked=list(links))


def _link_bookings(
    changes: Changes, operation: Operation, event: str, links: Iterable[Replica]
) -> None:
    """Link a block to exactly the bookings of the operation."""
    changes.replicas += [
        Replica(booking, operation.system, event, Role.BLOCK) for booking in operation.bookings
    ]
    changes.unlinked += [link for link in links if link.booking not in operation.bookings]


def join_changes(parts: Sequence[Changes]) -> Changes:
    """Join changes into one transaction; each field is in the order of the parts."""
    whole = Changes()
    for name in (field.name for field in fields(Changes)):
        for part in parts:
            getattr(whole, name).extend(getattr(part, name))
    return whole


def is_unmet(operation: Operation, shown: Value | None) -> bool:
    """Return true if a status was to be set and a read proved that another one is shown."""
    wanted = operation.after
    return (
        operation.action is Action.SET_STATUS
        and wanted is not None
        and shown is not None
        and shown.status is not wanted.status
    )
