"""Find the outcome of each write that has none, by reading; never by writing again.

A write has no outcome if its response was lost or syncd crashed: it may have happened or not (table
in docs/design.md#recovery). The target's current value decides. The value after the write: commit.
The value before: wait for the lag bound, then plan again. A third value: store it as a new change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from syncd.core.event_state.observation import (
    MAX_READ,
    ObservationKind,
    apply_observation,
    is_reset,
)
from syncd.core.propagation import write_order
from syncd.engine.reading.absence import is_expected
from syncd.engine.tasks.supervise import supervised
from syncd.engine.writing.context import WriteContext
from syncd.engine.writing.outcome import commit_not_made, commit_outcome, gone_changes
from syncd.engine.writing.reset_fields import RESET
from syncd.engine.writing.untagged_creates import made_since
from syncd.engine.writing.writer import MAX_SEND_DELAY
from syncd.model import (
    Action,
    Changes,
    Claim,
    Conflict,
    ConflictKind,
    Event,
    Intent,
    IntentState,
    Kind,
    Operation,
    StoredConflict,
    TrackedEvent,
    Value,
    Window,
)
from syncd.model.intervals import may_show
from syncd.store.backup.ownership_proof import events_with_tag
from syncd.store.queries.reported import reported_lists
from syncd.store.store import Store
from syncd.systems.errors import PlatformError, UnreadableError
from syncd.systems.lookup_results import Found, Gone, Unknown
from syncd.systems.port import Account, Lookups, Reader, Snapshot, System
from syncd.systems.time_slices import in_slices

log = structlog.get_logger(__name__)

DEADLINE = timedelta(minutes=10)
"""A queued write that no list has confirmed after this time is checked by a lookup, and planned
again if it did not happen. (The target may lie outside the near window.)"""

SEARCH_MARGIN = timedelta(hours=1)
"""How far around its interval a block is searched for whose create got no response."""

STATUS, END = "status", "end"

MAX_SEARCH_AHEAD = timedelta(days=61)
"""How far after now a block is searched for that is not at the time of its create."""

_MISSING = "the event no longer exists"


def unsettled_updates(system: Account, intents: Sequence[Intent]) -> dict[str, Value]:
    """Return the intended value of each open reschedule of a meeting, by event.

    Only for systems where a reschedule may reset the status or change the end.
    """
    capabilities = system.capabilities
    return {
        intent.operation.event: intent.operation.after
        for intent in intents
        if (capabilities.update_replaces or not capabilities.meetings_keep_end)
        and intent.operation.system == system.name
        and intent.operation.action is Action.MOVE_APPOINTMENT
        and intent.operation.event is not None
        and intent.operation.after is not None
    }


def is_unsettled(system: Account, intended: Value, shown: Value) -> bool:
    """Return true if a meeting shows the intended value with a reset status or a changed end."""
    replaces = system.capabilities.update_replaces
    return (replaces and is_reset(intended, shown)) or _has_default_end(system, intended, shown)


def _has_default_end(system: Account, intended: Value, shown: Value) -> bool:
    if system.capabilities.meetings_keep_end or shown == intended:
        return False
    return (shown.start, shown.status) == (intended.start, intended.status)


async def recover(system: System, intents: Sequence[Intent], context: WriteContext) -> int:
    """Find the outcomes of this system's open intents by reading; return how many stay open."""
    open_count = 0
    for opened in intents:
        if opened.operation.system != system.name:
            continue
        intent = _restamped(opened, context)
        if intent.state is IntentState.ACCEPTED and not _overdue(intent, context):
            continue
        try:
            with supervised(system.name, "looking up the outcome of a write"):
                if intent.operation.action is Action.CREATE_BLOCK:
                    open_count += not await recover_create(system, intent, context)
                else:
                    open_count += not await _recover_change(system, intent, context)
        except PlatformError as fault:
            # The target cannot be read now. The intent stays open.
            log.info("outcome of a write still unknown", system=system.name, fault=str(fault))
            open_count += 1
    return open_count


def _restamped(intent: Intent, context: WriteContext) -> Intent:
    """Return the intent; if its time is in the future, store it as opened now.

    The clock of this machine may have been set back, so the age of the intent is unknown.
    """
    now = context.clock.now()
    if intent.opened_at - now < MAX_READ:
        return intent
    intent = replace(intent, opened_at=now)
    context.store.apply(Changes(intents=[intent]))
    return intent


def _overdue(intent: Intent, context: WriteContext) -> bool:
    return context.clock.now() - intent.opened_at > DEADLINE


def _sent_by(intent: Intent) -> datetime:
    """Return the latest time at which the request may have been sent.

    An intent with an error was stamped when its response was given up. An intent without an error
    was cut off by a crash.
    """
    return intent.opened_at if intent.error else intent.opened_at + MAX_SEND_DELAY


async def recover_create(system: System, intent: Intent, context: WriteContext) -> bool:
    """Search for the block of an open create, by tag, or by interval if the platform strips tags.

    Returns true if the intent is closed. Raises PlatformError.
    """
    operation = intent.operation
    if operation.after is None:
        return True
    asked_at = context.clock.now()
    lag_passed = asked_at >= _sent_by(intent) + system.capabilities.lag
    window = Window(operation.after.start - SEARCH_MARGIN, operation.after.end + SEARCH_MARGIN)
    snapshot = await system.read(window, [operation.provider])
    found = create_candidates(system, intent, snapshot, context.store)
    if not found and lag_passed:
        # Before it counts as never created, search other days: a manual edit may have moved it.
        first, last = (
            min(window.start, asked_at - SEARCH_MARGIN),
            max(window.end, asked_at + MAX_SEARCH_AHEAD),
        )
        snapshot = await system.read(Window(first, last), [operation.provider])
        found = create_candidates(system, intent, snapshot, context.store)
    if len(found) > 1:
        # At least one block was entered manually, and it is unclear which: none is ours.
        _hold_for_review(
            intent, context, "several blocks match this create, so syncd adopts none of them"
        )
        return True
    if found and found[0].provider == operation.provider:
        event = found[0]
        # If somebody has moved the block since, the next read stores that as an edit.
        shown = event.value if may_show(operation.after, event.value) else None
        commit_outcome(
            context, intent, event.id, shown, asked_at, detail="found after a lost response"
        )
        return True
    if not lag_passed or await may_hide_event(system, snapshot, operation.provider, context.store):
        return False
    complete = any(
        c.provider == operation.provider
        and Kind.BLOCK in c.kinds
        and c.window.contains(operation.after)
        for c in snapshot.coverage
    )
    # Where a list was cut, the block may be in the missing part, or in a row without an id.
    unread = snapshot.faults or any(
        u.provider == operation.provider and Kind.BLOCK in u.kinds for u in snapshot.unproven
    )
    if complete and await hides_event(
        system, operation.provider, snapshot, context.store, asked_at
    ):
        return False
    if complete:
        commit_not_made(intent, context, "a read shows that the write was not made")
    elif not unread:
        # This system does not list blocks. The operator must check before a new create.
        note = f"{system.name} may have this block, but does not list blocks: look for it there"
        _hold_for_review(intent, context, note)
    return complete or not unread


async def may_hide_event(system: Reader, snapshot: Snapshot, provider: str, store: Store) -> bool:
    """Return true if a calendar lists an unreadable, unknown row, which may be our block."""
    async for rows in in_slices([row for row in snapshot.rows if row.provider == provider]):
        for row in rows:
            try:
                system.event(row)
            except UnreadableError:
                if not store.records(system.name, [row.id]):
                    return True
    return False


async def hides_event(
    system: Lookups, provider: str, snapshot: Snapshot, store: Store, asked_at: datetime
) -> bool:
    """Return true if a calendar's lists hide events, so that a new block may be unlisted, too.

    Missing known events are looked up by id, if the lists have to show them (they need not show a
    leave that began before the window). Lists that were reported as incomplete and show no known
    event now count as still incomplete.
    """
    listed = {row.id for row in snapshot.rows}
    windows = [c.window for c in snapshot.coverage if c.provider == provider]
    known = {e for w in windows for e in store.fingerprints(system.name, w, [provider])}
    unlisted = [
        record
        for record in store.records(system.name, sorted(known - listed))
        if record.observed is not None
        and any(is_expected(record, record.observed, w, asked_at) for w in windows)
    ]
    for record in unlisted[:_MOST_ASKED]:
        sighting = await system.read_one(record.ref, record.observed)
        if isinstance(sighting, Found) and sighting.event.provider == provider:
            return True
    return not known & listed and provider in reported_lists(store, system.name)


_MOST_ASKED = 3
"""Maximum lookups of unlisted events before a list counts as complete."""


def create_candidates(
    system: Reader, intent: Intent, snapshot: Snapshot, store: Store
) -> list[Event]:
    """Return the listed or stored blocks that the open create may have created."""
    events: list[Event] = []
    for row in snapshot.rows:
        try:
            events.append(system.event(row).with_end_of(intent.operation.after))
        except UnreadableError:
            continue
    found = _with_tag(intent.operation, events, store)
    if found or system.capabilities.key_survives:
        return found
    return made_since(system, intent, events, store)


def _with_tag(operation: Operation, events: Sequence[Event], store: Store) -> list[Event]:
    """Return the blocks of the system with the tag of the create, as just read or as stored."""
    if operation.key is None:
        return []
    read = {event.id for event in events}
    stored = [
        _as_event(record, record.observed)
        for record in events_with_tag(store, operation.key)
        if record.system == operation.system
        and record.id not in read
        and record.observed is not None
        and not record.archived
    ]
    return [
        event
        for event in (*events, *stored)
        if event.kind is Kind.BLOCK and event.key == operation.key
    ]


def _as_event(record: TrackedEvent, value: Value) -> Event:
    return Event(record.system, record.provider, record.id, record.kind, value, key=record.key)


async def _recover_change(system: Lookups, intent: Intent, context: WriteContext) -> bool:
    """Look up the target of an open write that is no create; return true if the intent is closed.

    Raises PlatformError.
    """
    operation = intent.operation
    asked_at = context.clock.now()
    records = context.store.records(system.name, [operation.event or ""])
    if not records:
        commit_not_made(intent, context, "its target is no longer in the state")
        return True
    record = records[0]
    sighting = await system.read_one(operation.ref, operation.after or operation.before)
    if isinstance(sighting, Unknown) and record.observed is None:
        # The lists have already proven that the event is gone.
        sighting = Gone()
    match sighting:
        case Gone():
            missing = replace(intent, error=_MISSING)
            context.store.apply(gone_changes(context, missing, asked_at, detail=_MISSING))
            return True
        case Unknown():
            return False
        case Found(event=event):
            return _apply_found(system, intent, event, asked_at, context)


def _apply_found(
    system: Account, intent: Intent, event: Event, asked_at: datetime, context: WriteContext
) -> bool:
    operation = intent.operation
    event = event.with_status_of(operation.before)
    # Where rows have no end, a queued write of another end counts as done: no read could show it.
    # An unanswered write may not have been sent, and is repeated.
    queued = intent.state is IntentState.ACCEPTED
    both = (operation.after, operation.before) if queued else (operation.before, operation.after)
    event = event.with_end_of(*both)
    if operation.after is not None and may_show(operation.after, event.value):
        detail = "shown by a read" if queued else "found after a lost response"
        commit_outcome(context, intent, event.id, event.value, asked_at, detail=detail)
        return True
    if system.capabilities.update_replaces and _was_reset(operation, event.value):
        # The write happened, and reset the status. The new value is the base, and is corrected.
        detail = f"found after a lost response; {RESET}: {STATUS}"
        log.warning("update reset fields", system=system.name, event_id=event.id, fields=[STATUS])
        commit_outcome(context, intent, event.id, event.value, asked_at, detail=detail)
        return True
    intended = operation.after if operation.action is Action.MOVE_APPOINTMENT else None
    if (
        event.value != operation.before
        and intended
        and _has_default_end(system, intended, event.value)
    ):
        # The write happened, and changed the end. Nobody chose that end: it is not propagated.
        detail = f"found after a lost response; {RESET}: {END}"
        log.warning("update reset fields", system=system.name, event_id=event.id, fields=[END])
        commit_outcome(context, intent, event.id, event.value, asked_at, detail=detail)
        return True
    if event.value == operation.before:
        if asked_at < _sent_by(intent) + system.capabilities.lag:
            return False
        bulk = system.capabilities.bulk_of(operation)
        without_effect = intent.error != "" and bulk is not None and bulk.check != ""
        if queued or without_effect:
            # A failed intent limits the repetitions: a job may drop its row each time.
            commit_not_made(intent, context, "accepted, but without an effect", IntentState.FAILED)
        else:
            commit_not_made(intent, context, "a read shows that the write was not made")
        return True
    # A third value: somebody changed the event meanwhile. It is stored as a change.
    record = next(iter(context.store.records(system.name, [event.id])), None)
    if record is not None:
        # Only a read of its calendar can prove a change of owner.
        event = replace(event, provider=record.provider)
    after, news = apply_observation(record, event, "", asked_at, system.capabilities.lag)
    changes = Changes(records=[] if news is ObservationKind.STALE else [after])
    changes.intents.append(
        replace(intent, state=IntentState.DROPPED, error="the event was changed meanwhile")
    )
    context.store.apply(changes)
    return True


def _was_reset(operation: Operation, shown: Value) -> bool:
    before, after = operation.before, operation.after
    if operation.kind is not Kind.APPOINTMENT or before is None or after is None:
        return False
    return before.interval != after.interval and is_reset(after, shown)


def _hold_for_review(intent: Intent, context: WriteContext, note: str) -> None:
    """Fail a create and hold a conflict: no new create until the operator has checked."""
    operation: Operation = intent.operation
    conflict = Conflict(
        kind=ConflictKind.AMBIGUOUS,
        provider=operation.provider,
        subject=operation.bookings[0] if operation.bookings else intent.id,
        claims=(Claim(operation.system, None, operation.after),),
        inputs=write_order.operation_key(operation),
        note=note,
    )
    held = StoredConflict(context.new_id(), conflict, context.clock.now(), context.run)
    failed = replace(intent, state=IntentState.FAILED, error="the outcome cannot be determined")
    context.store.apply(Changes(intents=[failed], opened=[held]))
