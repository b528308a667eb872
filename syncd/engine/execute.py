"""Carry out one system's plan through the journal (DESIGN section 6).

Every write: intent committed, request, outcome with base and history in one transaction. No
transaction is open across a request. An exception that is not a `SystemFault` (a crash, a cancelled
task) leaves the intent open on purpose: `recover` will read before anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from syncd.core import outcome, plan
from syncd.core.refusals import slot_taken
from syncd.engine.observe import reread
from syncd.model import (
    Action,
    Changes,
    Clock,
    HeldConflict,
    Intent,
    IntentState,
    Note,
    Operation,
    Record,
    Value,
)
from syncd.store.store import Store
from syncd.systems.port import (
    Accepted,
    Ambiguous,
    AuthLost,
    Done,
    RateLimited,
    Refusal,
    Rejected,
    System,
    SystemFault,
)

log = structlog.get_logger(__name__)

FRESH = timedelta(seconds=10)
"""A target read by this cycle less than this long ago needs no second read (promise 5)."""


@dataclass(slots=True)
class Written:
    """What became of one system's operations."""

    done: list[Operation] = field(default_factory=list)
    queued: list[Operation] = field(default_factory=list)
    left: list[Operation] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    fault: SystemFault | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """What every write needs: where to store, the time, ids, the run, and whether to stop."""

    store: Store
    clock: Clock
    new_id: Callable[[], str]
    new_key: Callable[[], str]
    run: str
    stopping: asyncio.Event
    on_write: Callable[[Operation, str], None] = lambda _operation, _what: None
    place_of: Callable[[str], str] = lambda _rule: ""


async def execute(
    system: System,
    operations: Sequence[Operation],
    read_at: Mapping[str, datetime],
    desk: Desk,
) -> Written:
    """Write one system's operations, in order. ``read_at`` tells when each provider was read.

    Never raises SystemFault: a fault that concerns the whole account leaves the rest for later.
    """
    result = Written()
    unsure: set[str] = set()
    for batch in plan.batches(plan.order(operations), system.capabilities.batch):
        if result.fault is not None or desk.stopping.is_set():
            result.left.extend(batch)
            continue
        ready = [o for o in batch if o.provider not in unsure]
        result.left.extend(o for o in batch if o.provider in unsure)
        try:
            ready = await _still_right(system, ready, read_at, desk, result)
            if ready:
                await _write(system, ready, desk, result)
        except Ambiguous as fault:
            # The journal keeps them open; nothing is written on top until a read has told.
            unsure.update(o.provider for o in ready)
            result.left.extend(ready)
            result.failures.append(str(fault))
            log.warning("write unanswered", system=system.name, fault=str(fault))
        except (RateLimited, AuthLost) as fault:
            result.left.extend(ready)
            result.fault = fault
        except SystemFault as fault:
            result.left.extend(ready)
            result.failures.append(str(fault))
            result.fault = fault
    return result


async def _still_right(
    system: System,
    batch: Sequence[Operation],
    read_at: Mapping[str, datetime],
    desk: Desk,
    result: Written,
) -> list[Operation]:
    """Drop operations whose target is not any more what the decision was made on (promise 5)."""
    right: list[Operation] = []
    for operation in batch:
        fresh = desk.clock.now() - read_at.get(operation.provider, _NEVER) < FRESH
        bulk = operation.action in system.capabilities.bulk_only
        if operation.event is None or fresh or bulk:
            right.append(operation)
            continue
        record, changes = await reread(system, desk.store, desk.clock, operation.ref)
        if changes.records:
            desk.store.apply(changes)
        if record is None or record.observed != operation.before:
            log.info(
                "target changed before the write", system=system.name, event_id=operation.event
            )
            result.left.append(operation)
        else:
            right.append(operation)
    return right


_NEVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


async def _write(system: System, batch: Sequence[Operation], desk: Desk, result: Written) -> None:
    keyed = [
        replace(o, key=desk.new_key()) if o.action is Action.CREATE_BLOCK else o for o in batch
    ]
    intents = [
        Intent(desk.new_id(), desk.run, o, IntentState.OPEN, desk.clock.now()) for o in keyed
    ]
    desk.store.apply(Changes(intents=intents))
    try:
        reply = await system.write(keyed)
    except Ambiguous as fault:
        desk.store.apply(Changes(intents=[replace(i, error=str(fault)) for i in intents]))
        raise
    except Rejected as fault:
        for intent in intents:
            _rejected(intent, fault, desk, result)
        return
    except SystemFault as fault:
        # Nothing happened, the system says: planned anew.
        dropped = [replace(i, state=IntentState.DROPPED, error=str(fault)) for i in intents]
        desk.store.apply(Changes(intents=dropped))
        raise
    at = desk.clock.now()
    match reply:
        case Done(events=events):
            for intent, (event, shown) in zip(intents, events, strict=True):
                settle(desk, intent, event, shown, at)
                result.done.append(intent.operation)
                desk.on_write(intent.operation, "done")
        case Accepted(job=job):
            for intent in intents:
                _queue(desk, replace(intent, state=IntentState.ACCEPTED, job=job), at)
                result.queued.append(intent.operation)
                desk.on_write(intent.operation, "queued")


def settle(
    desk: Desk, intent: Intent, event: str, shown: Value | None, at: datetime, *, detail: str = ""
) -> None:
    """Commit the outcome of a write that happened: base, links, history, journal, at once."""
    operation = intent.operation
    record = _record(desk, operation.system, event)
    links = desk.store.links(operation.system, event)
    changes = outcome.done(operation, record, links, event=event, shown=shown, at=at)
    aimed = replace(operation, event=event)
    changes.intents.append(replace(intent, state=IntentState.DONE, operation=aimed))
    changes.notes += notes_of(desk, operation, event, detail or "done", at)
    desk.store.apply(changes)


def _queue(desk: Desk, intent: Intent, at: datetime) -> None:
    operation = intent.operation
    record = _record(desk, operation.system, operation.event or "")
    changes = outcome.accepted(operation, record, at)
    changes.intents.append(intent)
    detail = f"queued as {intent.job}" if intent.job else "queued"
    changes.notes += notes_of(desk, operation, operation.event or "", detail, at)
    desk.store.apply(changes)


def _rejected(intent: Intent, fault: Rejected, desk: Desk, result: Written) -> None:
    operation = intent.operation
    at = desk.clock.now()
    failed = replace(intent, state=IntentState.FAILED, error=str(fault))
    changes = Changes(intents=[failed])
    if fault.why is Refusal.GONE and operation.event is not None:
        # Not there: for a removal that is what was wanted, else it is news.
        record = _record(desk, operation.system, operation.event)
        links = desk.store.links(operation.system, operation.event)
        changes = outcome.gone(record, links, at)
        done = operation.action is Action.REMOVE_BLOCK
        state = IntentState.DONE if done else IntentState.DROPPED
        changes.intents.append(replace(failed, state=state))
    elif fault.why is Refusal.SLOT_TAKEN:
        known = desk.store.state(operation.provider)
        conflict = slot_taken(operation, fault.detail, known)
        changes.opened.append(HeldConflict(desk.new_id(), conflict, at, desk.run))
    changes.notes += notes_of(
        desk, operation, operation.event or "", f"refused: {fault.detail}", at
    )
    desk.store.apply(changes)
    result.left.append(operation)
    result.failures.append(str(fault))
    log.warning("write refused", system=operation.system, action=operation.action, fault=str(fault))


def notes_of(desk: Desk, operation: Operation, event: str, detail: str, at: datetime) -> list[Note]:
    """One line of history for each booking that a write serves (promise 10)."""
    return [
        Note(
            at=at,
            run=desk.run,
            provider=operation.provider,
            what=str(operation.action),
            booking=booking,
            system=operation.system,
            event=event,
            before=operation.before,
            after=operation.after,
            rule=operation.reason,
            detail=detail,
            place=desk.place_of(operation.reason),
        )
        for booking in operation.bookings or ("",)
    ]


def _record(desk: Desk, system: str, event: str) -> Record | None:
    return next(iter(desk.store.records(system, [event])), None)
