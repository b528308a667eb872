"""Commit the outcome of a write in one transaction: base, links, history and journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from syncd.core import write_results
from syncd.core.write_results import is_unmet
from syncd.engine.write_context import WriteContext
from syncd.engine.write_history import history_of_write
from syncd.model import Action, Changes, Intent, IntentState, TrackedEvent, Value


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


def stored_record(context: WriteContext, system: str, event: str) -> TrackedEvent | None:
    """Return the stored record of an event, or None."""
    return next(iter(context.store.records(system, [event])), None)
