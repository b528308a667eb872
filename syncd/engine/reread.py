"""Read one event again just before it is written to (promise 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from syncd.core.observation import ObservationKind, apply_observation, mark_deleted
from syncd.engine.list_lag import recheck_lag
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
from syncd.store.store import Store
from syncd.systems.port import Found, Gone, LookupResult, RejectedError, System, Unknown

if TYPE_CHECKING:
    from syncd.engine.writer import WriteContext, WriteResult

log = structlog.get_logger(__name__)

REREAD_AFTER = timedelta(seconds=10)
"""A target read by this cycle less than this long ago needs no second read (promise 5)."""


async def reread(
    system: System, store: Store, clock: Clock, ref: EventRef
) -> tuple[TrackedEvent | None, Changes]:
    """Read one event just before it is written to; the record as it is now, and what to store.

    Raises RejectedError when this event cannot be read, whatever the reason: then it is not known
    what a write would change. Raises PlatformError when the system does not answer.
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
    return sighted(record, sighting, asked_at, system.capabilities.lag)


def sighted(
    record: TrackedEvent, sighting: LookupResult, asked_at: datetime, lag: timedelta
) -> tuple[TrackedEvent, Changes]:
    """Lay a sighting over a record: the record as it is now, and what of it is to be stored."""
    match sighting:
        case Found(event=event):
            after, news = apply_observation(record, event, "", asked_at, lag)
            if after.provider != record.provider:
                # Not to be written to. What became of it is for the next read to prove.
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
    system: System, operation: Operation, desk: WriteContext
) -> tuple[bool, list[TrackedEvent]]:
    """Whether the time that a block of ours leaves is still taken by what stood there, too.

    It may leave because something else stands there now. If that was read a while ago, it is read
    again, too: when it has gone meanwhile, the time would be open although its source lives. True
    where nothing stood there, or nobody can tell; also returns what has changed. Raises
    PlatformError when the system does not answer.
    """
    before, after = operation.before, operation.after
    leaves = after is None or after.interval != (before and before.interval)
    if operation.kind is not Kind.BLOCK or before is None or not leaves:
        return True, []
    news: list[TrackedEvent] = []
    for record in desk.store.events_of(system.name, operation.provider):
        shown = record.observed
        if (
            record.created_by_us
            or shown is None
            or not shown.busy
            or shown.interval != before.interval
        ):
            continue
        ref = EventRef(system.name, record.provider, record.id, record.kind)
        try:
            now, changes = await reread(system, desk.store, desk.clock, ref)
        except RejectedError:
            return True, news
        desk.store.apply(changes)
        news += changes.records
        if now is not None and now.observed == shown and now.provider == record.provider:
            return True, news
    return not news, news


def at_another(record: TrackedEvent | None, operation: Operation) -> set[str]:
    """Return the target if it was found at another owner: who that is has still to be proven."""
    moved = record is not None and record.provider != operation.provider
    return {operation.ref.id} if moved else set()


def overtaken(
    system: System,
    intent: Intent,
    sighting: LookupResult,
    asked_at: datetime,
    desk: WriteContext,
    result: WriteResult,
) -> None:
    """Nothing was written, as the target had changed: what it shows is news, to be decided on."""
    operation = intent.operation
    log.info("target changed before the write", system=system.name, event_id=operation.event)
    changes = Changes()
    for record in desk.store.records(system.name, [operation.ref.id]):
        after, changes = sighted(record, sighting, asked_at, system.capabilities.lag)
        result.elsewhere |= at_another(after, operation)
    result.news += changes.records
    dropped = replace(
        intent, state=IntentState.DROPPED, error="the target changed before the write"
    )
    changes.intents.append(dropped)
    desk.store.apply(changes)
    result.skipped.append(operation)


def just_read(operation: Operation, read: Sequence[Coverage], now: datetime) -> bool:
    """Whether this cycle's own read showed the target a moment ago, and not only its neighbours."""
    before = operation.before
    return before is not None and any(
        c.provider == operation.provider
        and operation.kind in c.kinds
        # Lists show what begins in the time that was read.
        and before.start in c.window
        and is_recent(c.read_at, now, REREAD_AFTER)
        for c in read
    )


def not_ours(system: str, operations: Sequence[Operation], store: Store) -> set[str]:
    """The targets of block writes that are not known as ours: they are never written to."""
    targets = {
        operation.event
        for operation in operations
        if operation.kind is Kind.BLOCK and operation.event is not None
    }
    return targets - {r.id for r in store.records(system, sorted(targets)) if r.created_by_us}
