"""Make the writes of one system, with journal entries (docs/design.md#writing).

For each write, syncd commits the intent, sends the request, and commits the outcome with base and
history in one transaction. No transaction is open during a request. The intents of the next few
calls are committed together; those that are not sent are closed as dropped. A crash, a cancelled
asyncio task or an unexpected exception after a request may have been sent leaves intents open:
`recovery` reads their targets before anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from syncd.core.event_state import write_results
from syncd.core.propagation import write_order
from syncd.core.propagation.rejected_writes import slot_taken
from syncd.engine.tasks.supervise import supervised
from syncd.engine.writing.bulk_split import BulkSplit, without_reason
from syncd.engine.writing.context import WriteContext, WriteResult
from syncd.engine.writing.first_writes import confirm_first_write as settle_first
from syncd.engine.writing.first_writes import (
    defer_first_writes,
    limit_first_writes,
    note_reset_fields,
)
from syncd.engine.writing.history import history_of_write
from syncd.engine.writing.outcome import commit_queued, gone_changes, outcome_changes
from syncd.engine.writing.pauses import WritePauses
from syncd.engine.writing.reread import (
    drop_overtaken,
    foreign_blocks,
    found_at_other_owner,
    reread,
    still_occupied,
    was_just_read,
)
from syncd.engine.writing.reset_fields import describe_reset, report_reset_fields
from syncd.engine.writing.series import unwritable_instances, write_and_compare
from syncd.model import (
    Action,
    Changes,
    Coverage,
    Intent,
    IntentState,
    Operation,
    StoredConflict,
    Waiting,
    WaitReason,
)
from syncd.systems.errors import (
    PlatformError,
    RateLimitedError,
    RejectedError,
    RejectionReason,
    RetryableError,
    StoppingError,
    UnauthorizedError,
    UnknownOutcomeError,
)
from syncd.systems.port import System, Writer
from syncd.systems.replies import Accepted, Done, TargetChanged

log = structlog.get_logger(__name__)

JOURNAL_BATCH = 10
"""The number of operations whose intents share one commit. A larger number would save little, and
each intent that a crash leaves open costs a read."""

RESTAMP_AFTER = timedelta(seconds=5)
"""An intent that is older than this is committed again before its request is sent."""

MAX_UNREAD = 3
"""After this number of reads of targets without a response, the system counts as silent."""

MAX_SEND_DELAY = RESTAMP_AFTER + timedelta(seconds=15)
"""The longest time from an intent's commit to its request, including the wait for the rate limit
in `systems.transport`. Until then, a missing block does not prove that no request was sent."""

UPDATES = frozenset({Action.MOVE_BLOCK, Action.MOVE_APPOINTMENT, Action.SET_STATUS})
"""The actions that change an existing record."""


async def execute(
    system: System,
    operations: Sequence[Operation],
    read: Sequence[Coverage],
    context: WriteContext,
) -> WriteResult:
    """Make the writes of one system, in a safe order; return the results.

    ``read`` is this cycle's coverage of the system. Raises no PlatformError: after a fault of the
    whole account, the remaining operations wait.
    """
    result = WriteResult()
    now = defer_first_writes(system, write_order.order(operations), context, result)
    calls = write_order.batches(now, system.capabilities.bulk_of)
    for batch in write_order.groups(
        calls, JOURNAL_BATCH if system.capabilities.lists_blocks else 1
    ):
        if result.fault is not None or context.stopping.is_set():
            result.skipped.extend(o for call in batch for o in call)
            _put_off((o for call in batch for o in call), result.fault, result)
        else:
            await _carry_out(system, batch, read, context, result)
    return result


async def _carry_out(
    system: System,
    calls: Sequence[Sequence[Operation]],
    read: Sequence[Coverage],
    context: WriteContext,
    result: WriteResult,
) -> None:
    """Commit the intents of a few calls, make the calls, and drop the intents not sent."""
    opened = [[_intent(o, context) for o in call] for call in calls]
    context.store.apply(Changes(intents=[i for call in opened for i in call]))
    unsent: list[Intent] = []
    for call in opened:
        unsent += await _make(system, call, read, context, result)
    if unsent:
        dropped = [
            replace(i, state=IntentState.DROPPED, error=i.error or "the request was not sent")
            for i in unsent
        ]
        context.store.apply(Changes(intents=dropped))
        result.skipped.extend(i.operation for i in unsent)


async def _make(
    system: System,
    call: Sequence[Intent],
    read: Sequence[Coverage],
    context: WriteContext,
    result: WriteResult,
) -> list[Intent]:
    """Make one call, or several if the platform refuses the whole; return the intents not sent."""
    unsent: list[Intent] = []
    parts, pauses = BulkSplit.of(call), context.pauses or WritePauses(context.store)
    while parts.waiting:
        part = ready = parts.waiting.popleft()
        try:
            if result.fault is not None or context.stopping.is_set():
                ready = []
                _put_off((i.operation for i in part), result.fault, result)
            else:
                with supervised(system.name, "reading the target of a write", RetryableError):
                    ready = await still_applies(system, part, read, context, result)
                    ready = await limit_first_writes(system, ready, context, result)
            # The pauses come last, with no await before the request: a stored pause counts at once.
            cleans_up = context.cleans or context.repairs
            held_back = pauses.hold_back([i.operation for i in ready], cleans=cleans_up)
            ready = [i for i in ready if i.operation not in held_back]
            result.unmade += [Waiting(o, why) for o, why in held_back.items()]
            if ready:
                write = partial(_write, system, ready, context, result, parts)
                repairs = replace(context, repairs=True)
                back = partial(_carry_out, system, read=(), context=repairs, result=result)
                writes = [i.operation for i in ready]
                with pauses.sending([(o.provider, o.system) for o in writes]):
                    await write_and_compare(system, writes, context, result, write, back)
                await settle_first(system, context)
        except UnknownOutcomeError as fault:
            # The intents stay open. Nothing more is written until a read finds the outcome.
            result.unanswered.update(i.operation.provider for i in ready)
            result.skipped.extend(i.operation for i in ready)
            result.failures.append(str(fault))
            log.warning("write unanswered", system=system.name, fault=str(fault))
        except PlatformError as fault:
            # The error proves that nothing was written: the writes are planned again.
            unsent += [replace(i, error=str(fault)) for i in ready]
            _put_off((i.operation for i in ready), fault, result)
            result.fault = fault
            if not isinstance(fault, RateLimitedError | UnauthorizedError | StoppingError):
                result.failures.append(str(fault))
        sent = {i.id for i in ready}
        unsent += [i for i in part if i.id not in sent]
    refused, postponed = parts.finish(complete=result.fault is None)
    for intent, why in refused:
        _rejected(intent, without_reason(why), context, result)
    return [*unsent, *postponed]


def _put_off(
    operations: Iterable[Operation], fault: PlatformError | None, result: WriteResult
) -> None:
    """Record that these writes wait because of this fault; do nothing without a fault."""
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


def _intent(operation: Operation, context: WriteContext) -> Intent:
    if operation.action is Action.CREATE_BLOCK:
        operation = replace(operation, key=context.new_key())
    return Intent(context.new_id(), context.run, operation, IntentState.OPEN, context.clock.now())


async def still_applies(
    system: System,
    call: Sequence[Intent],
    read: Sequence[Coverage],
    context: WriteContext,
    result: WriteResult,
) -> list[Intent]:
    """Return the intents whose target still has the value that was decided on.

    Targets that this cycle has not just read are read again (promise 5, docs/design.md#promises).
    Left out are also blocks that are not ours, held instances of series, and providers with a write
    without a response. Raises PlatformError if the system does not respond.
    """
    applicable: list[Intent] = []
    foreign = foreign_blocks(system.name, [i.operation for i in call], context.store)
    foreign |= unwritable_instances(system, [i.operation for i in call], context)
    for intent in call:
        operation = intent.operation
        if operation.provider in result.unanswered:
            continue
        if operation.event in foreign:
            log.warning(
                "write skipped: syncd must not change this event",
                system=system.name,
                event_id=operation.event,
            )
            continue
        capabilities = system.capabilities
        bulk = operation.action in capabilities.bulk_only
        # Where an update replaces the record, the write itself reads the record first.
        reads_itself = capabilities.update_replaces and operation.action in UPDATES
        fresh = was_just_read(operation, read, context.clock.now())
        if operation.event is None or bulk or reads_itself or fresh:
            applicable.append(intent)
            continue
        try:
            is_occupied, news = await still_occupied(system, operation, context)
            result.news += news
            record, changes = await reread(system, context.store, context.clock, operation.ref)
        except RateLimitedError:
            raise
        except PlatformError as fault:
            result.unread += not isinstance(fault, RejectedError)
            if result.unread >= MAX_UNREAD:
                raise
            # An error for one event is no fault of the system: only its write waits.
            result.failures.append(f"a write waits, because its target cannot be read: {fault}")
            _put_off([operation], fault, result)
            log.warning(
                "target cannot be read before the write",
                system=system.name,
                event_id=operation.event,
                fault=str(fault),
            )
            continue
        if changes.records:
            context.store.apply(changes)
        result.news += changes.records
        decided_on = (operation.kind, operation.provider, operation.before)
        same = record is not None and (record.kind, record.provider, record.observed) == decided_on
        if same and is_occupied:
            applicable.append(intent)
            continue
        log.info("target changed before the write", system=system.name, event_id=operation.event)
        result.elsewhere |= found_at_other_owner(record, operation)
    return applicable


async def _write(
    system: Writer,
    call: Sequence[Intent],
    context: WriteContext,
    result: WriteResult,
    parts: BulkSplit,
) -> None:
    """Make one call and commit its outcome. Raises PlatformError.

    Any error except UnknownOutcomeError means that nothing was written.
    """
    now = context.clock.now()
    if any(now - intent.opened_at > RESTAMP_AFTER for intent in call):
        call = [replace(intent, opened_at=now) for intent in call]
        context.store.apply(Changes(intents=list(call)))
    asked_at = context.clock.now()
    try:
        reply = await system.write([intent.operation for intent in call])
    except UnknownOutcomeError as fault:
        # The request may have taken effect at any time until now.
        now = context.clock.now()
        unanswered = [replace(i, opened_at=now, error=str(fault)) for i in call]
        context.store.apply(Changes(intents=unanswered))
        raise
    except RejectedError as fault:
        why = fault if len(call) == 1 else without_reason(fault)
        for intent in parts.split(call, fault):
            _rejected(intent, why, context, result)
        return
    parts.any_accepted = True
    at = context.clock.now()
    operations = [intent.operation for intent in call]
    match reply:
        case Done(events=events):
            written = zip(call, events, strict=True)
            detail = describe_reset(reply)
            changes = [
                outcome_changes(context, i, event, shown, at, detail)
                for i, (event, shown) in written
            ]
            context.store.apply(write_results.join_changes(changes))
            report_reset_fields(system.name, operations, reply, result)
            note_reset_fields(system, operations[0], reply, context)
            result.done.extend(operations)
            _notify(context, operations, "done")
        case TargetChanged(current=sighting):
            for intent in call:
                drop_overtaken(system, intent, sighting, asked_at, context, result)
        case Accepted():
            _accepted(call, reply, at, context, result)


def _accepted(
    call: Sequence[Intent],
    reply: Accepted,
    at: datetime,
    context: WriteContext,
    result: WriteResult,
) -> None:
    """Commit the queued and the refused operations of an accepted call."""
    queued: list[Intent] = []
    for intent in call:
        if (why := reply.refused.get(intent.operation.event or "")) is not None:
            _rejected(intent, why, context, result)
        else:
            queued.append(intent)
    if queued:
        commit_queued(context, queued, reply.job, at)
    result.queued.extend(intent.operation for intent in queued)
    _notify(context, [intent.operation for intent in queued], "queued")


def _notify(context: WriteContext, operations: Sequence[Operation], outcome: str) -> None:
    for operation in operations:
        context.on_write(operation, outcome)


def _rejected(
    intent: Intent, fault: RejectedError, context: WriteContext, result: WriteResult
) -> None:
    operation = intent.operation
    at = context.clock.now()
    detail = f"rejected: {fault.detail}"
    failed = replace(intent, error=str(fault))
    if fault.why is RejectionReason.GONE and operation.event is not None:
        changes = gone_changes(context, failed, at, detail=detail)
    else:
        changes = Changes(intents=[replace(failed, state=IntentState.FAILED)])
        if fault.why is RejectionReason.SLOT_TAKEN:
            known = context.store.state(operation.provider)
            conflict = slot_taken(operation, fault.detail, known)
            changes.opened.append(StoredConflict(context.new_id(), conflict, at, context.run))
        changes.history += history_of_write(context, operation, operation.event or "", detail, at)
    context.store.apply(changes)
    result.skipped.append(operation)
    result.failures.append(str(fault))
    log.warning(
        "write rejected", system=operation.system, action=operation.action, fault=str(fault)
    )
