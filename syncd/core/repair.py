"""Read past times out of range that an older version stored: none of them reaches a decision.

What is known of the event or booking besides takes their place, so that its last known interval
stays blocked. Where nothing is, the event is forgotten until its platform shows a readable time.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from syncd.core.workspace import Workspace
from syncd.model import (
    Booking,
    Changes,
    Claim,
    HeldConflict,
    HistoryEntry,
    Intent,
    IntentState,
    ProviderState,
    TrackedEvent,
    Value,
    cut_end,
    read_update,
    readable,
)

RULE = "a time out of range"


def repair(state: ProviderState, now: datetime, run: str) -> Changes:
    """Take times out of range out of a provider's state; no changes where there are none."""
    workspace = Workspace(state, run, now)
    lost = [record for record in state.records if not _fix(workspace, record)]
    for booking in state.bookings:
        _fix_booking(workspace, booking)
    for record in lost:
        _set_aside(workspace, record)
    changes = workspace.final_changes()
    for intent in state.intents:
        _drop(changes, intent, now, run)
    changes.opened += [
        held for each in state.conflicts if (held := _fix_conflict(each, now)) != each
    ]
    return changes


def _fixed(value: Value | None, now: datetime) -> Value | None:
    if value is None or not readable(value.start, now):
        return None
    return cut_end(value, now)


def _fix(workspace: Workspace, record: TrackedEvent) -> bool:
    """Store what is readable of a record; False if that is nothing although it was there."""
    now = workspace.now
    observed, base = _fixed(record.observed, now), _fixed(record.base, now)
    if record.observed is not None and observed is None:
        observed = base
    after = replace(
        record,
        observed=observed,
        base=base,
        written=_fixed(record.written, now),
        before_write=_fixed(record.before_write, now),
        updated_at=record.updated_at and read_update(record.updated_at, now),
    )
    if after != record:
        # Without its fingerprint the row is looked at again.
        workspace.upsert(replace(after, fingerprint=""))
    return observed is not None or record.observed is None


def _fix_booking(workspace: Workspace, booking: Booking) -> None:
    agreed = _fixed(booking.agreed, workspace.now)
    if agreed == booking.agreed:
        return
    if agreed is None:
        linked = [workspace.records[id_] for id_ in sorted(workspace.links[booking.id])]
        # What the meeting itself shows tells more than a block that was made for it.
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


def _set_aside(workspace: Workspace, record: TrackedEvent) -> None:
    """Let an event without any readable time stand where its booking does, or leave it out."""
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
        # It stays known as syncd's own.
        workspace.upsert(
            replace(workspace.records[id_], base=None, end_accepted=True, archived=True)
        )
    else:
        workspace.delete(record)


def _drop(changes: Changes, intent: Intent, now: datetime, run: str) -> None:
    """End a write without an outcome whose times are out of range: it is never sent."""
    operation = intent.operation
    if all(_fixed(value, now) == value for value in (operation.before, operation.after)):
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


def _fix_conflict(held: HeldConflict, now: datetime) -> HeldConflict:
    claims = tuple(
        Claim(c.system, c.event, _fixed(c.value, now), c.seen_at) for c in held.conflict.claims
    )
    return replace(held, conflict=replace(held.conflict, claims=claims))
