"""Read a target again just before the write (promise 5, docs/design.md#promises)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from syncd.core.event_state.observation import ObservationKind, apply_observation, mark_deleted
from syncd.engine.reading.list_lag import recheck_lag
from syncd.engine.writing.context import WriteContext, WriteResult
from syncd.model import (
    Changes,
    Clock,
    Coverage,
    EventRef,
    Intent,
    IntentState,
    Kind,
    Operation,
    TrackedEvent,
    is_recent,
)
from syncd.model.intervals import takes_time
from syncd.store.store import Store
from syncd.systems.errors import RejectedError
from syncd.systems.lookup_results import Found, Gone, LookupResult, Unknown
from syncd.systems.port import Account, Lookups, System

log = structlog.get_logger(__name__)

REREAD_AFTER = timedelta(seconds=10)
"""A target that this cycle read less than this time ago is not read again before the write."""


async def reread(
    system: Lookups, store: Store, clock: Clock, ref: EventRef
) -> tuple[TrackedEvent | None, Changes]:
    """Read the target just before the write; return its current record and the changes to store.

    The record is None if the event is not stored. Raises RejectedError if this event cannot be
    read, so that the effect of a write is unknown. Raises PlatformError if the system does not
    respond.
    """
    record = next(iter(store.records(system.name, [ref.id])), None)
    if record is None:
        return None, Changes()
    asked_at = clock.now()
    sighting = await system.read_one(ref, record.observed)
    if isinstance(sighting, Unknown):
        raise RejectedError(system.name, f"read of {ref.id}", detail=sighting.why)
    if isinstance(sighting, Found):
        recheck_lag(system, record, sighting.event, asked_at)
    return apply_lookup(record, sighting, asked_at, system.capabilities.lag)


def apply_lookup(
    record: TrackedEvent, sighting: LookupResult, asked_at: datetime, lag: timedelta
) -> tuple[TrackedEvent, Changes]:
    """Apply a lookup result to a record; return the current record and the changes to store.

    ``asked_at`` is the time of the lookup, ``lag`` the lag bound of the system. An event that is
    found at another provider is returned with that provider, and without changes.
    """
    match sighting:
        case Found(event=event):
            after, news = apply_observation(record, event, "", asked_at, lag)
            if after.provider != record.provider:
                # The event must not be written to. The next read proves the change of owner.
                return after, Changes()
            if news in {ObservationKind.STALE, ObservationKind.SAME}:
                return record, Changes()
            return after, Changes(records=[after])
        case Gone():
            after = mark_deleted(record, asked_at, by_id=True)
            return after, Changes(records=[after])
        case _:
            return record, Changes()


async def still_occupied(
    system: System, operation: Operation, context: WriteContext
) -> tuple[bool, list[TrackedEvent]]:
    """Return whether the time that our block would leave is still busy, and the changed records.

    Used before a block is removed or moved. The reason may be that another event occupies the same
    interval. That event is read again: if it is gone, removing the block would free a time whose
    source still exists. Returns true if there is no such event, or if it cannot be read. Raises
    PlatformError if the system does not respond.
    """
    before, after = operation.before, operation.after
    is_vacated = after is None or after.interval != (before and before.interval)
    if operation.kind is not Kind.BLOCK or before is None or not is_vacated:
        return True, []
    news: list[TrackedEvent] = []
    for record in context.store.events_of(system.name, operation.provider):
        if record.created_by_us or not takes_time(record.observed, before):
            continue
        ref = EventRef(system.name, record.provider, record.id, record.kind)
        try:
            now, changes = await reread(system, context.store, context.clock, ref)
        except RejectedError:
            return True, news
        context.store.apply(changes)
        news += changes.records
        if now is not None and now.observed == record.observed and now.provider == record.provider:
            return True, news
    return not news, news


def found_at_other_owner(record: TrackedEvent | None, operation: Operation) -> set[str]:
    """Return a set: the target's id if the target was found at another owner, else empty."""
    moved = record is not None and record.provider != operation.provider
    return {operation.ref.id} if moved else set()


def drop_overtaken(
    system: Account,
    intent: Intent,
    sighting: LookupResult,
    asked_at: datetime,
    context: WriteContext,
    result: WriteResult,
) -> None:
    """Drop an intent whose target changed before the write, and store the new value as a change.

    Used if the adapter itself read the target before the write; ``sighting`` is what that read
    showed at ``asked_at``. The operation is added to ``result.skipped``.
    """
    operation = intent.operation
    log.info("target changed before the write", system=system.name, event_id=operation.event)
    changes = Changes()
    for record in context.store.records(system.name, [operation.ref.id]):
        after, changes = apply_lookup(record, sighting, asked_at, system.capabilities.lag)
        result.elsewhere |= found_at_other_owner(after, operation)
    result.news += changes.records
    dropped = replace(intent, state=IntentState.DROPPED, error="the event changed before the write")
    changes.intents.append(dropped)
    context.store.apply(changes)
    result.skipped.append(operation)


def was_just_read(operation: Operation, read: Sequence[Coverage], now: datetime) -> bool:
    """Return true if this cycle read the list at the target's time within `REREAD_AFTER`."""
    before = operation.before
    return before is not None and any(
        c.provider == operation.provider
        and operation.kind in c.kinds
        # Lists show events that begin in the window.
        and before.start in c.window
        and is_recent(c.read_at, now, REREAD_AFTER)
        for c in read
    )


def foreign_blocks(system: str, operations: Sequence[Operation], store: Store) -> set[str]:
    """Return the ids of targeted blocks that are not ours; syncd never writes to these."""
    targets = {
        operation.event
        for operation in operations
        if operation.kind is Kind.BLOCK and operation.event is not None
    }
    return targets - {r.id for r in store.records(system, sorted(targets)) if r.created_by_us}
