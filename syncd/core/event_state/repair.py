"""Remove times out of range, which an older version of syncd stored, from a provider's state.

After `repair`, no decision sees such a time. Another known value of the event or booking replaces
it, so that the last known interval stays blocked. If no other value is known, the event is deleted
from the state until its platform shows a readable time.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from syncd.core.workspace import Workspace
from syncd.model import (
    Booking,
    Changes,
    Claim,
    HistoryEntry,
    Intent,
    IntentState,
    ProviderState,
    StoredConflict,
    TrackedEvent,
    Value,
    cut_end,
    read_update,
    readable,
)

RULE = "a time out of range"


def repair(state: ProviderState, now: datetime, run: str) -> Changes:
    """Return the changes that remove times out of range from ``state``; empty if it has none."""
    workspace = Workspace(state, run, now)
    unfixable = [record for record in state.records if not _fix_event(workspace, record)]
    for booking in state.bookings:
        _fix_booking(workspace, booking)
    for record in unfixable:
        _replace_time(workspace, record)
    changes = workspace.final_changes()
    for intent in state.intents:
        _drop_intent(changes, intent, now, run)
    changes.opened += [
        held for each in state.conflicts if (held := _fix_conflict(each, now)) != each
    ]
    return changes


def _readable_value(value: Value | None, now: datetime) -> Value | None:
    if value is None or not readable(value.start, now):
        return None
    return cut_end(value, now)


def _fix_event(workspace: Workspace, record: TrackedEvent) -> bool:
    """Store the readable values of an event; return false if its observed value is lost."""
    now = workspace.now
    observed, base = _readable_value(record.observed, now), _readable_value(record.base, now)
    if record.observed is not None and observed is None:
        observed = base
    after = replace(
        record,
        observed=observed,
        base=base,
        written=_readable_value(record.written, now),
        before_write=_readable_value(record.before_write, now),
        updated_at=record.updated_at and read_update(record.updated_at, now),
    )
    if after != record:
        # Without a fingerprint, the next read parses the row again.
        workspace.upsert(replace(after, fingerprint=""))
    return observed is not None or record.observed is None


def _fix_booking(workspace: Workspace, booking: Booking) -> None:
    agreed = _readable_value(booking.agreed, workspace.now)
    if agreed == booking.agreed:
        return
    if agreed is None:
        linked = [workspace.records[id_] for id_ in sorted(workspace.links[booking.id])]
        # The meeting's own events are better evidence than a block created for the meeting.
        known = [
            v
            for r in sorted(linked, key=lambda r: r.created_by_us)
            for v in (r.observed, r.base)
            if v
        ]
        if not known:
            workspace.changes.archived.append(booking.id)
            return
        agreed = replace(known[0], status=booking.agreed.status)
    after = replace(booking, agreed=agreed, revision=booking.revision + 1, rule=RULE)
    workspace.put_booking(after)
    workspace.log(after, "agreed", before=booking, rule=RULE)


def _replace_time(workspace: Workspace, record: TrackedEvent) -> None:
    """Give an event without a readable time its booking's time, or delete it."""
    id_ = (record.system, record.id)
    links = [links[id_] for links in workspace.links.values() if id_ in links]
    alive = [workspace.bookings[r.booking] for r in links if r.booking in workspace.bookings]
    agreed = [b.agreed for b in alive if readable(b.agreed.start, workspace.now)]
    if agreed and not record.created_by_us:
        workspace.upsert(replace(workspace.records[id_], observed=agreed[0], base=agreed[0]))
        return
    for link in links:
        workspace.unlink(link)
    if record.created_by_us:
        # Keep the proof that the block is ours.
        workspace.upsert(
            replace(workspace.records[id_], base=None, end_accepted=True, archived=True)
        )
    else:
        workspace.delete(record)


def _drop_intent(changes: Changes, intent: Intent, now: datetime, run: str) -> None:
    """Close a pending write with times out of range; it is never sent."""
    operation = intent.operation
    if all(_readable_value(value, now) == value for value in (operation.before, operation.after)):
        return
    dropped = replace(intent, state=IntentState.DROPPED, error=f"{RULE}: not sent")
    changes.intents.append(dropped)
    changes.history += [
        HistoryEntry(
            at=now,
            run=run,
            provider=operation.provider,
            what=str(operation.action),
            booking=booking,
            system=operation.system,
            event=operation.event or "",
            before=operation.before,
            after=operation.after,
            rule=operation.reason,
            detail=dropped.error,
        )
        for booking in operation.bookings or ("",)
    ]


def _fix_conflict(held: StoredConflict, now: datetime) -> StoredConflict:
    claims = tuple(
        Claim(c.system, c.event, _readable_value(c.value, now), c.seen_at)
        for c in held.conflict.claims
    )
    return replace(held, conflict=replace(held.conflict, claims=claims))
