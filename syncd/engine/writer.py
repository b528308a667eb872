"""Carry out one system's plan through the journal (docs/design.md#writing).

Every write: intent committed, request, outcome with base and history in one transaction. No
transaction is open across a request. The intents of the few calls that come next are committed
together; those that are not sent after all are closed as dropped. A crash, a cancelled task, and an
unexpected exception once a request may have left, leave them open: `recovery` reads before all
else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from syncd.core import write_order, write_results
from syncd.core.rejected_writes import slot_taken
from syncd.core.write_results import is_unmet
from syncd.engine.bulk_split import BulkParts, of_any_row
from syncd.engine.first_writes import confirm_first_write as settle_first
from syncd.engine.first_writes import first_writes_only, one_at_a_time, record_reset
from syncd.engine.reread import at_another, just_read, not_ours, overtaken, reread, still_occupied
from syncd.engine.reset_fields import report_reset, reset_words
from syncd.engine.series_writes import held_instances, write_and_compare
from syncd.engine.supervise import supervised
from syncd.engine.write_history import history_of_write
from syncd.engine.write_pauses import WritePauses
from syncd.model import (
    Action,
    Changes,
    Clock,
    Coverage,
    HeldConflict,
    Intent,
    IntentState,
    Operation,
    TrackedEvent,
    Value,
    Waiting,
    WaitReason,
)
from syncd.store.store import Store
from syncd.systems.port import (
    Accepted,
    Done,
    PlatformError,
    RateLimitedError,
    RejectedError,
    RejectionReason,
    RetryableError,
    StoppingError,
    System,
    TargetChanged,
    UnauthorizedError,
    UnknownOutcomeError,
)

log = structlog.get_logger(__name__)

JOURNAL_BATCH = 10
"""Operations whose intents are committed together: ten share a commit that waits for the disk. More
would save next to nothing, and each that a crash leaves open costs a read."""

RESTAMP_AFTER = timedelta(seconds=5)
"""An intent that was committed longer ago is committed anew before its request is sent."""

MAX_UNREAD = 3
"""After so many targets without an answer it is the system that does not answer."""

MAX_SEND_DELAY = RESTAMP_AFTER + timedelta(seconds=15)
"""The longest from an intent's commit to its request, which waits for room in the budget as long
as `systems.transport` has patience: until then nobody can say that it was not sent."""

UPDATES = frozenset({Action.MOVE_BLOCK, Action.MOVE_APPOINTMENT, Action.SET_STATUS})
"""The actions that change a record which stays."""


@dataclass(slots=True)
class WriteResult:
    """What became of one system's operations."""

    done: list[Operation] = field(default_factory=list)
    queued: list[Operation] = field(default_factory=list)
    skipped: list[Operation] = field(default_factory=list)
    unmade: list[Waiting] = field(default_factory=list)
    """Those of them that wait for the system to answer, or to allow writes again."""
    failures: list[str] = field(default_factory=list)
    fault: PlatformError | None = None
    unsure: set[str] = field(default_factory=set)
    """Providers of whom a write went unanswered: nothing is written on top of it."""
    news: list[TrackedEvent] = field(default_factory=list)
    """What a second read of targets brought."""
    elsewhere: set[str] = field(default_factory=set)
    """Targets that were found at another owner: the next read has to ask for them by id."""
    remarks: list[str] = field(default_factory=list)
    unread: int = 0
    """How many targets could not be read, as no answer came."""


@dataclass(frozen=True, slots=True)
class WriteContext:
    """What every write needs: where to store, the time, ids, the run, and whether to stop."""

    store: Store
    clock: Clock
    new_id: Callable[[], str]
    new_key: Callable[[], str]
    run: str
    stopping: asyncio.Event
    on_write: Callable[[Operation, str], None] = lambda _operation, _what: None
    place_of: Callable[[str], str] = lambda _rule: ""
    repairs: bool = False
    """Whether what a write changed besides its target is being put back."""
    pauses: WritePauses | None = None
    """What is not to be written to; without it, the pauses that are stored count."""
    cleans: bool = False
    """Whether a person has what syncd made removed, which no pause holds back (`syncd cleanup`)."""


async def execute(
    system: System,
    operations: Sequence[Operation],
    read: Sequence[Coverage],
    desk: WriteContext,
) -> WriteResult:
    """Write one system's operations, in order. ``read`` is what this cycle read of the system.

    Never raises PlatformError: a fault that concerns the whole account leaves the rest for later.
    """
    result = WriteResult()
    now = one_at_a_time(system, write_order.order(operations), desk, result)
    calls = write_order.batches(now, system.capabilities.bulk_of)
    for few in write_order.groups(calls, JOURNAL_BATCH if system.capabilities.lists_blocks else 1):
        if result.fault is not None or desk.stopping.is_set():
            result.skipped.extend(o for call in few for o in call)
            _put_off((o for call in few for o in call), result.fault, result)
        else:
            await _carry_out(system, few, read, desk, result)
    return result


async def _carry_out(
    system: System,
    calls: Sequence[Sequence[Operation]],
    read: Sequence[Coverage],
    desk: WriteContext,
    result: WriteResult,
) -> None:
    """Commit the intents of a few calls, make the calls, and drop what was not sent."""
    opened = [[_intent(o, desk) for o in call] for call in calls]
    desk.store.apply(Changes(intents=[i for call in opened for i in call]))
    unsent: list[Intent] = []
    for call in opened:
        unsent += await _make(system, call, read, desk, result)
    if unsent:
        dropped = [
            replace(i, state=IntentState.DROPPED, error=i.error or "not sent") for i in unsent
        ]
        desk.store.apply(Changes(intents=dropped))
        result.skipped.extend(i.operation for i in unsent)


async def _make(
    system: System,
    call: Sequence[Intent],
    read: Sequence[Coverage],
    desk: WriteContext,
    result: WriteResult,
) -> list[Intent]:
    """Make one call, in parts where it is refused as a whole; return the intents not sent."""
    unsent: list[Intent] = []
    parts, pauses = BulkParts.of(call), desk.pauses or WritePauses(desk.store)
    while parts.waiting:
        part = ready = parts.waiting.popleft()
        try:
            if result.fault is not None or desk.stopping.is_set():
                ready = []
                _put_off((i.operation for i in part), result.fault, result)
            else:
                with supervised(system.name, "reading the target of a write", RetryableError):
                    ready = await still_applies(system, part, read, desk, result)
                    ready = await first_writes_only(system, ready, desk, result)
            # Last of all, without a turn of the loop between: nothing is sent once a pause is told.
            ends = desk.cleans or desk.repairs  # what a write did by mistake is part of it
            held_back = pauses.hold_back([i.operation for i in ready], cleans=ends)
            ready = [i for i in ready if i.operation not in held_back]
            result.unmade += [Waiting(o, why) for o, why in held_back.items()]
            if ready:
                write = partial(_write, system, ready, desk, result, parts)
                repairs = replace(desk, repairs=True)
                back = partial(_carry_out, system, read=(), desk=repairs, result=result)
                writes = [i.operation for i in ready]
                with pauses.sending([(o.provider, o.system) for o in writes]):
                    await write_and_compare(system, writes, desk, result, write, back)
                await settle_first(system, desk)
        except UnknownOutcomeError as fault:
            # The journal keeps them open; nothing is written on top until a read has told.
            result.unsure.update(i.operation.provider for i in ready)
            result.skipped.extend(i.operation for i in ready)
            result.failures.append(str(fault))
            log.warning("write unanswered", system=system.name, fault=str(fault))
        except PlatformError as fault:
            # Nothing happened, the system says: planned anew.
            unsent += [replace(i, error=str(fault)) for i in ready]
            _put_off((i.operation for i in ready), fault, result)
            result.fault = fault
            if not isinstance(fault, RateLimitedError | UnauthorizedError | StoppingError):
                result.failures.append(str(fault))
        sent = {i.id for i in ready}
        unsent += [i for i in part if i.id not in sent]
    refused, postponed = parts.settled(complete=result.fault is None)
    for intent, why in refused:
        _rejected(intent, of_any_row(why), desk, result)
    return [*unsent, *postponed]


def _put_off(
    operations: Iterable[Operation], fault: PlatformError | None, result: WriteResult
) -> None:
    """Note that writes wait because of a fault of the system, if it is one."""
    match fault:
        case None | StoppingError():
            return
        case UnauthorizedError():
            why = WaitReason.NO_ACCESS
        case RateLimitedError():
            why = WaitReason.RATE_LIMITED
        case _:
            why = WaitReason.UNANSWERED
    result.unmade.extend(Waiting(operation, why) for operation in operations)


def _intent(operation: Operation, desk: WriteContext) -> Intent:
    if operation.action is Action.CREATE_BLOCK:
        operation = replace(operation, key=desk.new_key())
    return Intent(desk.new_id(), desk.run, operation, IntentState.OPEN, desk.clock.now())


async def still_applies(
    system: System,
    call: Sequence[Intent],
    read: Sequence[Coverage],
    desk: WriteContext,
    result: WriteResult,
) -> list[Intent]:
    """Leave out those whose target is not any more what the decision was made on (promise 5)."""
    right: list[Intent] = []
    theirs = not_ours(system.name, [i.operation for i in call], desk.store)
    theirs |= held_instances(system, [i.operation for i in call], desk)
    for intent in call:
        operation = intent.operation
        if operation.provider in result.unsure:
            continue
        if operation.event in theirs:
            log.warning("not to be written to", system=system.name, event_id=operation.event)
            continue
        able = system.capabilities
        bulk = operation.action in able.bulk_only
        # Where an update replaces the record, writing it begins with reading it, fresh or not.
        reads_itself = able.update_replaces and operation.action in UPDATES
        fresh = just_read(operation, read, desk.clock.now())
        if operation.event is None or bulk or reads_itself or fresh:
            right.append(intent)
            continue
        try:
            stays, news = await still_occupied(system, operation, desk)
            result.news += news
            record, changes = await reread(system, desk.store, desk.clock, operation.ref)
        except RateLimitedError:
            raise
        except PlatformError as fault:
            result.unread += not isinstance(fault, RejectedError)
            if result.unread >= MAX_UNREAD:
                raise
            # What one event answers is no fault of its system: its write waits, others go on.
            result.failures.append(f"waits, as its target cannot be read: {fault}")
            _put_off([operation], fault, result)
            log.warning(
                "target cannot be read before the write",
                system=system.name,
                event_id=operation.event,
                fault=str(fault),
            )
            continue
        if changes.records:
            desk.store.apply(changes)
        result.news += changes.records
        decided_on = (operation.kind, operation.provider, operation.before)
        same = record is not None and (record.kind, record.provider, record.observed) == decided_on
        if same and stays:
            right.append(intent)
            continue
        log.info("target changed before the write", system=system.name, event_id=operation.event)
        result.elsewhere |= at_another(record, operation)
    return right


async def _write(
    system: System,
    call: Sequence[Intent],
    desk: WriteContext,
    result: WriteResult,
    parts: BulkParts,
) -> None:
    """Make one call. Raises PlatformError; all but Ambiguous mean that nothing happened."""
    now = desk.clock.now()
    if any(now - intent.opened_at > RESTAMP_AFTER for intent in call):
        call = [replace(intent, opened_at=now) for intent in call]
        desk.store.apply(Changes(intents=list(call)))
    asked_at = desk.clock.now()
    try:
        reply = await system.write([intent.operation for intent in call])
    except UnknownOutcomeError as fault:
        # Whatever it did, it may have done until now.
        now = desk.clock.now()
        unsure = [replace(i, opened_at=now, error=str(fault)) for i in call]
        desk.store.apply(Changes(intents=unsure))
        raise
    except RejectedError as fault:
        why = fault if len(call) == 1 else of_any_row(fault)
        for intent in parts.refused(call, fault):
            _rejected(intent, why, desk, result)
        return
    parts.taken = True
    at = desk.clock.now()
    operations = [intent.operation for intent in call]
    match reply:
        case Done(events=events):
            landed = zip(call, events, strict=True)
            detail = reset_words(reply)
            changes = [_settled(desk, i, event, shown, at, detail) for i, (event, shown) in landed]
            desk.store.apply(write_results.join_changes(changes))
            report_reset(system.name, operations, reply, result)
            record_reset(system, operations[0], reply, desk)
            result.done.extend(operations)
            _tell(desk, operations, "done")
        case TargetChanged(current=sighting):
            for intent in call:
                overtaken(system, intent, sighting, asked_at, desk, result)
        case Accepted():
            _accepted(call, reply, at, desk, result)


def _accepted(
    call: Sequence[Intent], reply: Accepted, at: datetime, desk: WriteContext, result: WriteResult
) -> None:
    """Commit what waits to be carried out, and what of the call was refused."""
    queued: list[Intent] = []
    for intent in call:
        if (why := reply.refused.get(intent.operation.event or "")) is not None:
            _rejected(intent, why, desk, result)
        else:
            queued.append(intent)
    if queued:
        _queue(desk, queued, reply.job, at)
    result.queued.extend(intent.operation for intent in queued)
    _tell(desk, [intent.operation for intent in queued], "queued")


def _tell(desk: WriteContext, operations: Sequence[Operation], what: str) -> None:
    for operation in operations:
        desk.on_write(operation, what)


def commit_outcome(
    desk: WriteContext,
    intent: Intent,
    event: str,
    shown: Value | None,
    at: datetime,
    *,
    detail: str,
) -> None:
    """Commit the outcome of a write that happened: base, links, history, journal, at once."""
    desk.store.apply(_settled(desk, intent, event, shown, at, detail))


def _settled(
    desk: WriteContext, intent: Intent, event: str, shown: Value | None, at: datetime, detail: str
) -> Changes:
    operation = intent.operation
    made = operation.action is Action.CREATE_BLOCK
    # Of a block that was just made nothing is known yet.
    record = None if made else _record(desk, operation.system, event)
    links = [] if made else desk.store.links(operation.system, event)
    changes = write_results.applied(operation, record, links, event=event, shown=shown, at=at)
    aimed = replace(operation, event=event)
    closed = replace(intent, state=IntentState.DONE, operation=aimed)
    if is_unmet(operation, shown):
        # Answered as done, and yet it is not: after some attempts a person is to look. Without the
        # former value it is not taken for a write that is only queued, and is tried again.
        closed = replace(closed, state=IntentState.FAILED, error="the status did not change")
        changes.records = [replace(each, before_write=None) for each in changes.records]
    changes.intents.append(closed)
    changes.history += history_of_write(desk, operation, event, detail, at)
    return changes


def _queue(desk: WriteContext, call: Sequence[Intent], job: str, at: datetime) -> None:
    """Commit that a whole call waits to be carried out."""
    targets = [i.operation.event or "" for i in call]
    records = {r.id: r for r in desk.store.records(call[0].operation.system, targets)}
    detail = f"queued as {job}" if job else "queued"
    queued = Changes()
    for intent, target in zip(call, targets, strict=True):
        operation = intent.operation
        queued.records += write_results.queued(operation, records.get(target), at).records
        queued.intents.append(replace(intent, state=IntentState.ACCEPTED, job=job))
        queued.history += history_of_write(desk, operation, target, detail, at)
    desk.store.apply(queued)


def _rejected(
    intent: Intent, fault: RejectedError, desk: WriteContext, result: WriteResult
) -> None:
    operation = intent.operation
    at = desk.clock.now()
    failed = replace(intent, state=IntentState.FAILED, error=str(fault))
    changes = Changes(intents=[failed])
    if fault.why is RejectionReason.GONE and operation.event is not None:
        # Not there: for a removal that is what was wanted, else it is news.
        record = _record(desk, operation.system, operation.event)
        links = desk.store.links(operation.system, operation.event)
        changes = write_results.target_missing(record, links, at)
        done = operation.action is Action.REMOVE_BLOCK
        state = IntentState.DONE if done else IntentState.DROPPED
        changes.intents.append(replace(failed, state=state))
    elif fault.why is RejectionReason.SLOT_TAKEN:
        known = desk.store.state(operation.provider)
        conflict = slot_taken(operation, fault.detail, known)
        changes.opened.append(HeldConflict(desk.new_id(), conflict, at, desk.run))
    changes.history += history_of_write(
        desk, operation, operation.event or "", f"refused: {fault.detail}", at
    )
    desk.store.apply(changes)
    result.skipped.append(operation)
    result.failures.append(str(fault))
    log.warning("write refused", system=operation.system, action=operation.action, fault=str(fault))


def _record(desk: WriteContext, system: str, event: str) -> TrackedEvent | None:
    return next(iter(desk.store.records(system, [event])), None)
