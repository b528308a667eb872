"""Learn the outcome of writes that have none yet, by reading; never by writing again.

The table of docs/design.md#recovery: an open intent may have happened or not. What the target shows
now tells: the value after (commit), the value before (wait out the lag, then plan anew), a third
value (a new change: it is stored as such, and the intent ends).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from syncd.core import write_order, write_results
from syncd.core.observation import MAX_READ, ObservationKind, apply_observation, is_reset
from syncd.core.ownership import same_interval
from syncd.engine.absence import is_expected
from syncd.engine.reset_fields import RESET
from syncd.engine.supervise import supervised
from syncd.engine.untagged_creates import made_since
from syncd.engine.write_history import history_of_write
from syncd.engine.writer import MAX_SEND_DELAY, WriteContext, commit_outcome
from syncd.model import (
    Action,
    Changes,
    Claim,
    Conflict,
    ConflictKind,
    Event,
    HeldConflict,
    Intent,
    IntentState,
    Kind,
    Operation,
    TrackedEvent,
    Value,
    Window,
)
from syncd.store.ownership_proof import events_with_tag
from syncd.store.reported import reported_lists
from syncd.store.store import Store
from syncd.systems.port import (
    Found,
    Gone,
    PlatformError,
    Snapshot,
    System,
    Unknown,
    UnreadableError,
)

log = structlog.get_logger(__name__)

DEADLINE = timedelta(minutes=10)
"""A queued write that no list has shown by then is asked for by id, and planned anew if it never
came (its place may lie outside of what is read every minute)."""

AROUND = timedelta(hours=1)

STATUS, END = "status", "end"

FAR = timedelta(days=61)
"""How far ahead a block is looked for that is not where a create was to make it."""

_MISSING = "not there any more"


def unsettled_updates(system: System, intents: Sequence[Intent]) -> dict[str, Value]:
    """What moves of meetings with an unknown outcome were to bring about.

    Only where they may bring about something else: another status, or another end.
    """
    able = system.capabilities
    return {
        intent.operation.event: intent.operation.after
        for intent in intents
        if (able.update_replaces or not able.meetings_keep_end)
        and intent.operation.system == system.name
        and intent.operation.action is Action.MOVE_APPOINTMENT
        and intent.operation.event is not None
        and intent.operation.after is not None
    }


def is_unsettled(system: System, meant: Value, shown: Value) -> bool:
    """Whether a meeting shows what such a move may have brought about instead: no person did."""
    replaces = system.capabilities.update_replaces
    return (replaces and is_reset(meant, shown)) or _lost_its_end(system, meant, shown)


def _lost_its_end(system: System, meant: Value, shown: Value) -> bool:
    if system.capabilities.meetings_keep_end or shown == meant:
        return False
    return (shown.start, shown.status) == (meant.start, meant.status)


async def recover(system: System, intents: Sequence[Intent], desk: WriteContext) -> int:
    """Settle this system's open intents as far as a read can tell; return how many stay open."""
    left = 0
    for each in intents:
        if each.operation.system != system.name:
            continue
        intent = _restamped(each, desk)
        if intent.state is IntentState.ACCEPTED and not _overdue(intent, desk):
            continue
        try:
            with supervised(system.name, "looking after a write"):
                if intent.operation.action is Action.CREATE_BLOCK:
                    left += not await recover_create(system, intent, desk)
                else:
                    left += not await _changed(system, intent, desk)
        except PlatformError as fault:
            # It cannot be read now, so nothing is known, and nothing is done.
            log.info("outcome still unknown", system=system.name, fault=str(fault))
            left += 1
    return left


def _restamped(intent: Intent, desk: WriteContext) -> Intent:
    """Return an intent that was opened by now: this machine's clock may have been set back since.

    How long ago it was opened is not known then: it counts as opened just now.
    """
    now = desk.clock.now()
    if intent.opened_at - now < MAX_READ:
        return intent
    intent = replace(intent, opened_at=now)
    desk.store.apply(Changes(intents=[intent]))
    return intent


def _overdue(intent: Intent, desk: WriteContext) -> bool:
    return desk.clock.now() - intent.opened_at > DEADLINE


def _sent_by(intent: Intent) -> datetime:
    """When its request had left at the latest, if it did.

    One with an error was stamped when its answer stayed away; any other was cut off by a crash.
    """
    return intent.opened_at if intent.error else intent.opened_at + MAX_SEND_DELAY


def confirm(intents: Sequence[Intent], desk: WriteContext) -> int:
    """Close queued writes that the latest observations show; count the rest."""
    left = 0
    for intent in intents:
        if intent.state is not IntentState.ACCEPTED:
            continue
        operation = intent.operation
        found = desk.store.records(operation.system, [operation.event or ""])
        record = found[0] if found else None
        if record is None or _shows(operation, record):
            changes = Changes(intents=[replace(intent, state=IntentState.DONE)])
            event, now = operation.event or "", desk.clock.now()
            changes.history += history_of_write(desk, operation, event, "confirmed by a read", now)
            desk.store.apply(changes)
        else:
            left += 1
    return left


def _shows(operation: Operation, record: TrackedEvent) -> bool:
    """Whether what was last read of the target is what the write was to bring about."""
    if record.observed is None:
        return _ends(operation)
    return record.base == record.observed and same_interval(operation.after, record.base)


def _ends(operation: Operation) -> bool:
    """Whether a write is to end its target: a removal, or a cancellation that may hide it."""
    after = operation.after
    cancels = operation.action is Action.SET_STATUS and after is not None and not after.busy
    return operation.action is Action.REMOVE_BLOCK or cancels


async def recover_create(system: System, intent: Intent, desk: WriteContext) -> bool:
    """Look for a block that may have been made: by its tag, else perhaps by its interval."""
    operation = intent.operation
    if operation.after is None:
        return True
    asked_at = desk.clock.now()
    late = asked_at >= _sent_by(intent) + system.capabilities.lag
    window = Window(operation.after.start - AROUND, operation.after.end + AROUND)
    snapshot = await system.read(window, [operation.provider])
    found = create_candidates(system, intent, snapshot, desk.store)
    if not found and late:
        # Before it counts as never made: somebody may have moved it to another day.
        first, last = min(window.start, asked_at - AROUND), max(window.end, asked_at + FAR)
        snapshot = await system.read(Window(first, last), [operation.provider])
        found = create_candidates(system, intent, snapshot, desk.store)
    if len(found) > 1:
        # One of them was made by a person, nobody can tell which: neither is ours.
        _review(intent, desk, "several blocks could be the one that this create made")
        return True
    if found and found[0].provider == operation.provider:
        event = found[0]
        # Where somebody has moved it since, the next read shows that as the edit that it is.
        shown = event.value if same_interval(operation.after, event.value) else None
        commit_outcome(desk, intent, event.id, shown, asked_at, detail="found after a lost reply")
        return True
    if not late or may_hide_event(system, snapshot, operation.provider, desk.store):
        return False
    complete = any(
        c.provider == operation.provider
        and Kind.BLOCK in c.kinds
        and c.window.contains(operation.after)
        for c in snapshot.coverage
    )
    # Where a list was cut, the block may be in the part that was not shown: the next read may tell.
    # And a row without an id may be it.
    unread = snapshot.faults or any(
        u.provider == operation.provider and Kind.BLOCK in u.kinds for u in snapshot.unproven
    )
    if complete and await hides_event(system, operation.provider, snapshot, desk.store, asked_at):
        return False
    if complete:
        _drop(intent, desk, "never happened")
    elif not unread:
        # This system does not list blocks, so nobody can tell: at most once, and a person looks.
        note = f"{system.name} may have made this block and cannot be asked: look there"
        _review(intent, desk, note)
    return complete or not unread


def may_hide_event(system: System, snapshot: Snapshot, provider: str, store: Store) -> bool:
    """Whether a calendar shows a record that cannot be read and was never known: it may be ours."""
    for row in snapshot.rows:
        if row.provider != provider:
            continue
        try:
            system.event(row)
        except UnreadableError:
            if not store.records(system.name, [row.id]):
                return True
    return False


async def hides_event(
    system: System, provider: str, snapshot: Snapshot, store: Store, asked_at: datetime
) -> bool:
    """Whether the lists of a calendar hide events: then what they lack may have been made.

    A known event that is missing is asked for by id, if it is one that they have to show: they need
    not show a leave that runs, as it began before the time that they were asked for. Where lists
    were reported as not whole, and no known event is there to show that they are again, it is as
    before.
    """
    listed = {row.id for row in snapshot.rows}
    windows = [c.window for c in snapshot.coverage if c.provider == provider]
    known = {e for w in windows for e in store.fingerprints(system.name, w, [provider])}
    missing = [
        record
        for record in store.records(system.name, sorted(known - listed))
        if record.observed is not None
        and any(is_expected(record, record.observed, w, asked_at) for w in windows)
    ]
    for record in missing[:_MOST_ASKED]:
        sighting = await system.read_one(record.ref, record.observed)
        if isinstance(sighting, Found) and sighting.event.provider == provider:
            return True
    return not known & listed and provider in reported_lists(store, system.name)


_MOST_ASKED = 3
"""So many missing events are asked for before a list is believed."""


def create_candidates(
    system: System, intent: Intent, snapshot: Snapshot, store: Store
) -> list[Event]:
    """The blocks that the create may have made."""
    events: list[Event] = []
    for row in snapshot.rows:
        try:
            events.append(system.event(row).with_end_of(intent.operation.after))
        except UnreadableError:
            continue
    found = _bearing(intent.operation, events, store)
    if found or system.capabilities.key_survives:
        return found
    return made_since(system, intent, events, store)


def _bearing(operation: Operation, events: Sequence[Event], store: Store) -> list[Event]:
    """The blocks of the system that bear the create's tag: as just read, else as stored."""
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


async def _changed(system: System, intent: Intent, desk: WriteContext) -> bool:
    """Look at the target of a move, status or removal."""
    operation = intent.operation
    asked_at = desk.clock.now()
    records = desk.store.records(system.name, [operation.event or ""])
    if not records:
        _drop(intent, desk, "its target is not known any more")
        return True
    record = records[0]
    sighting = await system.read_one(operation.ref, operation.after or operation.before)
    if isinstance(sighting, Unknown) and record.observed is None:
        # Its lists have proven what the read by id does not say.
        sighting = Gone()
    match sighting:
        case Gone():
            changes = write_results.target_missing(
                record, desk.store.links(system.name, record.id), asked_at
            )
            queued = intent.state is IntentState.ACCEPTED
            done = _ends(operation) and (queued or operation.action is Action.REMOVE_BLOCK)
            state = IntentState.DONE if done else IntentState.DROPPED
            changes.intents.append(replace(intent, state=state, error=_MISSING))
            changes.history += history_of_write(desk, operation, record.id, _MISSING, asked_at)
            desk.store.apply(changes)
            return True
        case Unknown():
            return False
        case Found(event=event):
            return _compare(system, intent, event, asked_at, desk)


def _compare(
    system: System, intent: Intent, event: Event, asked_at: datetime, desk: WriteContext
) -> bool:
    operation = intent.operation
    event = event.with_status_of(operation.before)
    # Where a row tells no end, one that was only queued counts as done: no read could ever show it.
    # An unanswered write of another end may not have left, and is made once more.
    queued = intent.state is IntentState.ACCEPTED
    both = (operation.after, operation.before) if queued else (operation.before, operation.after)
    event = event.with_end_of(*both)
    if operation.after is not None and same_interval(operation.after, event.value):
        detail = "shown by a read" if queued else "found after a lost reply"
        commit_outcome(desk, intent, event.id, event.value, asked_at, detail=detail)
        return True
    if system.capabilities.update_replaces and _was_reset(operation, event.value):
        # It happened, and reset the status: what stands there is the base, and is put right.
        detail = f"found after a lost reply; {RESET}: {STATUS}"
        log.warning("update reset fields", system=system.name, event_id=event.id, fields=[STATUS])
        commit_outcome(desk, intent, event.id, event.value, asked_at, detail=detail)
        return True
    meant = operation.after if operation.action is Action.MOVE_APPOINTMENT else None
    if event.value != operation.before and meant and _lost_its_end(system, meant, event.value):
        # It happened, and brought about another end, which is carried nowhere: no person chose it.
        detail = f"found after a lost reply; {RESET}: {END}"
        log.warning("update reset fields", system=system.name, event_id=event.id, fields=[END])
        commit_outcome(desk, intent, event.id, event.value, asked_at, detail=detail)
        return True
    if event.value == operation.before:
        if asked_at < _sent_by(intent) + system.capabilities.lag:
            return False
        bulk = system.capabilities.bulk_of(operation)
        without_effect = intent.error != "" and bulk is not None and bulk.check != ""
        if queued or without_effect:
            # Planned anew a few times only: a job that drops its row for good is no accident.
            _drop(intent, desk, "accepted, and without effect", IntentState.FAILED)
        else:
            _drop(intent, desk, "never happened")
        return True
    # A third value: somebody changed it meanwhile, and that is news like any other.
    record = next(iter(desk.store.records(system.name, [event.id])), None)
    if record is not None:
        # Whether it has another owner is for a read of its calendar to prove.
        event = replace(event, provider=record.provider)
    after, news = apply_observation(record, event, "", asked_at, system.capabilities.lag)
    changes = Changes(records=[] if news is ObservationKind.STALE else [after])
    changes.intents.append(
        replace(intent, state=IntentState.DROPPED, error="changed by somebody else meanwhile")
    )
    desk.store.apply(changes)
    return True


def _was_reset(operation: Operation, shown: Value) -> bool:
    before, after = operation.before, operation.after
    if operation.kind is not Kind.APPOINTMENT or before is None or after is None:
        return False
    return before.interval != after.interval and is_reset(after, shown)


def _drop(
    intent: Intent, desk: WriteContext, why: str, state: IntentState = IntentState.DROPPED
) -> None:
    """Close an intent whose write did not happen; a failed one counts as a refusal."""
    operation = intent.operation
    found = desk.store.records(operation.system, [operation.event or ""])
    queued = intent.state is IntentState.ACCEPTED and found
    changes = write_results.unconfirmed(found[0]) if queued else Changes()
    changes.intents.append(replace(intent, state=state, error=why))
    desk.store.apply(changes)


def _review(intent: Intent, desk: WriteContext, note: str) -> None:
    """Give up on a create: it is not tried again until a person has looked."""
    operation: Operation = intent.operation
    conflict = Conflict(
        kind=ConflictKind.AMBIGUOUS,
        provider=operation.provider,
        subject=operation.bookings[0] if operation.bookings else intent.id,
        claims=(Claim(operation.system, None, operation.after),),
        inputs=write_order.operation_key(operation),
        note=note,
    )
    held = HeldConflict(desk.new_id(), conflict, desk.clock.now(), desk.run)
    failed = replace(intent, state=IntentState.FAILED, error="nobody can tell")
    desk.store.apply(Changes(intents=[failed], opened=[held]))
