"""What the store knows after a write was answered: the achieved value becomes the base."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime

from syncd.core.observation import is_between, mark_deleted
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
    """The rows that follow from a write that happened. ``shown`` is the value in the reply, if any.

    ``record`` is what is stored of the target, ``links`` are its present replicas.
    """
    shown = None if shown is None else cut_end(shown, at, operation.after)
    match operation.action:
        case Action.CREATE_BLOCK:
            return _created(operation, event, shown, at)
        case Action.REMOVE_BLOCK:
            return _removed(record, links, at)
        case Action.MOVE_BLOCK:
            changes = _changed(operation, record, shown, at)
            _serve(changes, operation, event, links)
            return changes
        case Action.MOVE_APPOINTMENT | Action.SET_STATUS:
            return _changed(operation, record, shown, at)


def queued(operation: Operation, record: TrackedEvent | None, at: datetime) -> Changes:
    """The rows that follow from a write that was only queued: the base does not move yet."""
    if record is None:
        return Changes()
    # Without its fingerprint the row is looked at again, even if it shows the outcome already.
    queued = replace(
        record, written=operation.after, written_at=at, before_write=record.base, fingerprint=""
    )
    return Changes(records=[queued])


def unconfirmed(record: TrackedEvent) -> Changes:
    """A queued write that never showed: what was written is no longer expected."""
    return Changes(records=[replace(record, written=None)])


def target_missing(record: TrackedEvent | None, links: Iterable[Replica], at: datetime) -> Changes:
    """The target of a write turned out not to be there."""
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
    _serve(changes, operation, event, ())
    return changes


def _changed(
    operation: Operation, record: TrackedEvent | None, shown: Value | None, at: datetime
) -> Changes:
    if record is None:
        return Changes()
    value = shown or _brought_about(operation, record)
    # What a read after the write shows as it was before is no write that is only queued.
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
        before_write=None if unchanged else _stood_before(record, value),
        absence_proofs=0,
        missing_since=None,
    )
    return Changes(records=[written])


def _stood_before(record: TrackedEvent, value: Value | None) -> Value | None:
    """What a late list may show of an event that was just written to.

    That is what stood before an earlier write, as long as no read has shown that one: a write
    leaves no fingerprint. What stood between the two is told by the halves of both values.
    """
    stood, earlier = record.observed, record.before_write
    shown = bool(record.fingerprint) or record.written_at is None
    if shown or stood is None or value is None or not is_between(stood, earlier, value):
        return stood
    return earlier


def _brought_about(operation: Operation, record: TrackedEvent) -> Value | None:
    """What an update without an answer of its own brought about.

    A change of status leaves the time as it stands, which a move before it may not have brought
    about as it was meant.
    """
    after, stood = operation.after, record.observed
    if operation.action is not Action.SET_STATUS or after is None or stood is None:
        return after
    return replace(stood, status=after.status)


def _removed(record: TrackedEvent | None, links: Iterable[Replica], at: datetime) -> Changes:
    if record is None:
        return Changes()
    # The record stays as a tombstone: a late list that still shows the block must find it.
    tomb = replace(mark_deleted(record, at), base=None, end_accepted=True, written=None)
    return Changes(records=[tomb], unlinked=list(links))


def _serve(changes: Changes, operation: Operation, event: str, links: Iterable[Replica]) -> None:
    """Link a block to exactly the bookings that the operation says it serves."""
    changes.replicas += [
        Replica(booking, operation.system, event, Role.BLOCK) for booking in operation.bookings
    ]
    changes.unlinked += [link for link in links if link.booking not in operation.bookings]


def join_changes(parts: Sequence[Changes]) -> Changes:
    """Put changes together as one transaction's worth, each field in the order of the parts."""
    whole = Changes()
    for name in (field.name for field in fields(Changes)):
        for part in parts:
            getattr(whole, name).extend(getattr(part, name))
    return whole


def is_unmet(operation: Operation, shown: Value | None) -> bool:
    """Whether a status was to be set, and another one is shown for certain."""
    wanted = operation.after
    return (
        operation.action is Action.SET_STATUS
        and wanted is not None
        and shown is not None
        and shown.status is not wanted.status
    )
