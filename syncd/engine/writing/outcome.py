"""Commit what became of a write, in one transaction: base, links, history and journal.

A write was made (`commit_outcome`), queued (`commit_queued`) and later confirmed by a read
(`confirm`), had no target any more (`gone_changes`), or was not made (`commit_not_made`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from syncd.core.event_state import write_results
from syncd.core.event_state.write_results import is_unmet
from syncd.engine.writing.context import WriteContext
from syncd.engine.writing.history import history_of_write
from syncd.model import Action, Changes, Intent, IntentState, Operation, TrackedEvent, Value
from syncd.model.intervals import may_show


def commit_outcome(
    context: WriteContext,
    intent: Intent,
    event: str,
    shown: Value | None,
    at: datetime,
    *,
    detail: str,
) -> None:
    """Commit the outcome of a write that happened: base, links, history and journal at once.

    ``event`` is the id of the target, ``shown`` the target's value in the platform's response (None
    if the response has none), ``at`` the time of the response, ``detail`` the text for the history.
    """
    context.store.apply(outcome_changes(context, intent, event, shown, at, detail))


def outcome_changes(
    context: WriteContext,
    intent: Intent,
    event: str,
    shown: Value | None,
    at: datetime,
    detail: str,
) -> Changes:
    """Return the changes that `commit_outcome` stores."""
    operation = intent.operation
    made = operation.action is Action.CREATE_BLOCK
    # A new block has no record yet.
    record = None if made else stored_record(context, operation.system, event)
    links = [] if made else context.store.links(operation.system, event)
    changes = write_results.applied(operation, record, links, event=event, shown=shown, at=at)
    made_operation = replace(operation, event=event)
    closed = replace(intent, state=IntentState.DONE, operation=made_operation)
    if is_unmet(operation, shown):
        # The response was "done", but the status did not change. A failed intent limits the
        # attempts. Without `before_write` it does not count as queued, and is repeated.
        closed = replace(
            closed,
            state=IntentState.FAILED,
            error="the platform confirmed the write, but the status did not change",
        )
        changes.records = [replace(each, before_write=None) for each in changes.records]
    changes.intents.append(closed)
    changes.history += history_of_write(context, operation, event, detail, at)
    return changes


def commit_queued(context: WriteContext, call: Sequence[Intent], job: str, at: datetime) -> None:
    """Commit that the platform has queued a whole call; ``job`` is the platform's job id or ''."""
    targets = [i.operation.event or "" for i in call]
    records = {r.id: r for r in context.store.records(call[0].operation.system, targets)}
    detail = f"queued as job {job}" if job else "queued"
    queued = Changes()
    for intent, target in zip(call, targets, strict=True):
        operation = intent.operation
        queued.records += write_results.queued(operation, records.get(target), at).records
        queued.intents.append(replace(intent, state=IntentState.ACCEPTED, job=job))
        queued.history += history_of_write(context, operation, target, detail, at)
    context.store.apply(queued)


def confirm(intents: Sequence[Intent], context: WriteContext) -> int:
    """Close queued writes that the latest reads confirm; return how many stay open."""
    open_count = 0
    for intent in intents:
        if intent.state is not IntentState.ACCEPTED:
            continue
        operation = intent.operation
        record = stored_record(context, operation.system, operation.event or "")
        if record is None or _is_confirmed(operation, record):
            changes = Changes(intents=[replace(intent, state=IntentState.DONE)])
            event, now = operation.event or "", context.clock.now()
            changes.history += history_of_write(
                context, operation, event, "confirmed by a read", now
            )
            context.store.apply(changes)
        else:
            open_count += 1
    return open_count


def _is_confirmed(operation: Operation, record: TrackedEvent) -> bool:
    """Return true if the last observation of the target shows the intended value."""
    if record.observed is None:
        return _ends_target(operation)
    return record.base == record.observed and may_show(operation.after, record.base)


def _ends_target(operation: Operation) -> bool:
    """Return true if the write removes or cancels its target, so that the target may vanish."""
    after = operation.after
    cancels = operation.action is Action.SET_STATUS and after is not None and not after.busy
    return operation.action is Action.REMOVE_BLOCK or cancels


def gone_changes(context: WriteContext, intent: Intent, at: datetime, *, detail: str) -> Changes:
    """Return the changes after a write whose target is proven not to exist.

    A removal is done, and so is a queued cancellation. Any other write is dropped, and the deletion
    of its target is a change to decide on. ``detail`` is the text for the history.
    """
    operation, event = intent.operation, intent.operation.event or ""
    record = stored_record(context, operation.system, event)
    links = context.store.links(operation.system, event)
    changes = write_results.target_gone(record, links, at)
    queued = intent.state is IntentState.ACCEPTED
    done = _ends_target(operation) and (queued or operation.action is Action.REMOVE_BLOCK)
    changes.intents.append(replace(intent, state=IntentState.DONE if done else IntentState.DROPPED))
    changes.history += history_of_write(context, operation, event, detail, at)
    return changes


def commit_not_made(
    intent: Intent, context: WriteContext, why: str, state: IntentState = IntentState.DROPPED
) -> None:
    """Commit that a write was not made. State FAILED: it counts as a refusal."""
    operation = intent.operation
    changes = Changes()
    record = stored_record(context, operation.system, operation.event or "")
    if intent.state is IntentState.ACCEPTED and record is not None:
        changes = write_results.unconfirmed(record)
    changes.intents.append(replace(intent, state=state, error=why))
    context.store.apply(changes)


def stored_record(context: WriteContext, system: str, event: str) -> TrackedEvent | None:
    """Return the stored record of an event, or None."""
    return next(iter(context.store.records(system, [event])), None)
