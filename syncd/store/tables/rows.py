"""Convert rows to values of `syncd.model` and back: one pair of functions per table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import RowMapping

from syncd.model import (
    Action,
    Baseline,
    Booking,
    CalendarUser,
    Claim,
    Conflict,
    ConflictKind,
    Coverage,
    HistoryEntry,
    Intent,
    IntentState,
    Kind,
    Operation,
    OwnerChange,
    OwnerProof,
    Replica,
    ReportedItem,
    Role,
    StoredConflict,
    Topic,
    TrackedEvent,
    UndoSuppression,
    Window,
)
from syncd.store.tables.timestamps import claim_of, instant_text

RowLike = RowMapping | Mapping[str, Any]


def from_record(record: TrackedEvent) -> dict[str, Any]:
    """Convert a tracked event to a row. An event with an accepted end that is gone is retired."""
    observed = record.observed
    return {
        "system": record.system,
        "id": record.id,
        "provider": record.provider,
        "kind": str(record.kind),
        "fingerprint": record.fingerprint,
        "starts": observed.start if observed else None,
        "ends": observed.end if observed else None,
        "observed": observed,
        "observed_at": record.observed_at,
        "base": record.base,
        "ended": record.end_accepted,
        "mine": record.created_by_us,
        "person": record.customer,
        "service": record.service,
        "key": record.key,
        "updated_at": record.updated_at,
        "written": record.written,
        "written_at": record.written_at,
        "former": record.before_write,
        "missing": record.absence_proofs,
        "missing_since": record.absent_since,
        "retired": record.archived or (record.end_accepted and observed is None),
        "series": record.series,
        "original_start": record.original_start,
        "created_at": record.created_at,
        "off_at": record.off_at,
        "off_seen_at": record.off_seen_at,
        "moved_in_at": record.moved_in_at,
    }


def to_record(row: RowLike) -> TrackedEvent:
    """Convert a row to a tracked event."""
    return TrackedEvent(
        system=row["system"],
        provider=row["provider"],
        id=row["id"],
        kind=Kind(row["kind"]),
        observed=row["observed"],
        observed_at=row["observed_at"],
        fingerprint=row["fingerprint"],
        base=row["base"],
        end_accepted=row["ended"],
        created_by_us=row["mine"],
        customer=row["person"],
        service=row["service"],
        key=row["key"],
        updated_at=row["updated_at"],
        written=row["written"],
        written_at=row["written_at"],
        before_write=row["former"],
        absence_proofs=row["missing"],
        absent_since=row["missing_since"],
        archived=row["retired"],
        series=row["series"],
        original_start=row["original_start"],
        created_at=row["created_at"],
        off_at=row["off_at"],
        off_seen_at=row["off_seen_at"],
        moved_in_at=row["moved_in_at"],
    )


def to_ended(row: RowLike) -> TrackedEvent:
    """Convert the row of an ended event of an active booking to a tracked event.

    The event does not count as archived.
    """
    return replace(to_record(row), archived=False)


def from_booking(booking: Booking) -> dict[str, Any]:
    """Convert an active booking to a row. Storing a retired booking makes it active again."""
    return {
        "id": booking.id,
        "provider": booking.provider,
        "kind": str(booking.kind),
        "agreed": booking.agreed,
        "revision": booking.revision,
        "opened_at": booking.opened_at,
        "rule": booking.rule,
        "status_revision": booking.status_revision,
        "retired": False,
    }


def to_booking(row: RowLike) -> Booking:
    """Convert a row to a booking."""
    return Booking(
        row["id"],
        row["provider"],
        Kind(row["kind"]),
        row["agreed"],
        row["revision"],
        row["opened_at"],
        row["rule"],
        row["status_revision"],
    )


def from_replica(replica: Replica) -> dict[str, Any]:
    """Convert a replica to a row."""
    return {
        "booking": replica.booking,
        "system": replica.system,
        "event": replica.event,
        "role": str(replica.role),
        "settled": replica.synced_revision,
        "person": replica.customer,
    }


def to_replica(row: RowLike) -> Replica:
    """Convert a row to a replica."""
    return Replica(
        row["booking"],
        row["system"],
        row["event"],
        Role(row["role"]),
        row["settled"],
        row["person"],
    )


def from_intent(intent: Intent) -> dict[str, Any]:
    """Convert an intent to a journal row."""
    operation = intent.operation
    return {
        "id": intent.id,
        "run": intent.run,
        "action": str(operation.action),
        "system": operation.system,
        "provider": operation.provider,
        "kind": str(operation.kind),
        "event": operation.event,
        "before": operation.before,
        "after": operation.after,
        "bookings": list(operation.bookings),
        "key": operation.key,
        "reason": operation.reason,
        "state": str(intent.state),
        "opened_at": intent.opened_at,
        "attempts": intent.attempts,
        "job": intent.job,
        "error": intent.error,
    }


def to_operation(row: RowLike) -> Operation:
    """Convert a journal row to its operation."""
    return Operation(
        action=Action(row["action"]),
        system=row["system"],
        provider=row["provider"],
        kind=Kind(row["kind"]),
        event=row["event"],
        before=row["before"],
        after=row["after"],
        bookings=tuple(row["bookings"]),
        key=row["key"],
        reason=row["reason"],
    )


def to_intent(row: RowLike) -> Intent:
    """Convert a journal row to an intent."""
    return Intent(
        row["id"],
        row["run"],
        to_operation(row),
        IntentState(row["state"]),
        row["opened_at"],
        row["attempts"],
        row["job"],
        row["error"],
    )


def from_conflict(held: StoredConflict) -> dict[str, Any]:
    """Convert a held conflict to a row."""
    conflict = held.conflict
    return {
        "id": held.id,
        "kind": str(conflict.kind),
        "provider": conflict.provider,
        "subject": conflict.subject,
        "claims": [_from_claim(claim) for claim in conflict.claims],
        "inputs": conflict.inputs,
        "note": conflict.note,
        "rule": conflict.rule,
        "held": conflict.held,
        "run": held.run,
        "opened_at": held.opened_at,
        "closed_at": held.closed_at,
        "outcome": held.outcome,
    }


def to_conflict(row: RowLike) -> StoredConflict:
    """Convert a row to a held conflict."""
    return StoredConflict(
        row["id"],
        Conflict(
            ConflictKind(row["kind"]),
            row["provider"],
            row["subject"],
            tuple(claim_of(claim) for claim in row["claims"]),
            row["inputs"],
            row["note"],
            row["rule"],
            bool(row["held"]),
        ),
        row["opened_at"],
        row["run"],
        row["closed_at"],
        row["outcome"],
    )


def _from_claim(claim: Claim) -> dict[str, Any]:
    value = claim.value
    return {
        "system": claim.system,
        "event": claim.event,
        "start": instant_text(value.start) if value else None,
        "end": instant_text(value.end) if value else None,
        "status": str(value.status) if value else None,
        "seen_at": instant_text(claim.seen_at) if claim.seen_at else None,
    }


def from_coverage(coverage: Coverage) -> dict[str, Any]:
    """Convert a coverage to a row."""
    return {
        "system": coverage.system,
        "provider": coverage.provider,
        "kinds": ",".join(sorted(coverage.kinds)),
        "starts": coverage.window.start,
        "ends": coverage.window.end,
        "read_at": coverage.read_at,
        "first_at": coverage.read_at,
        "last_whole_ends": coverage.window.end if coverage.whole else None,
        "last_whole_at": coverage.read_at if coverage.whole else None,
    }


def to_coverage(row: RowLike) -> Coverage:
    """Convert a row to a coverage."""
    return Coverage(
        row["system"],
        row["provider"],
        frozenset(Kind(kind) for kind in row["kinds"].split(",") if kind),
        Window(row["starts"], row["ends"]),
        row["read_at"],
    )


def from_baseline(baseline: Baseline) -> dict[str, Any]:
    """Convert a baseline to a row."""
    return {
        "system": baseline.system,
        "provider": baseline.provider,
        "mapping": baseline.mapping,
        "settled_at": baseline.completed_at,
    }


def to_baseline(row: RowLike) -> Baseline:
    """Convert a row to a baseline."""
    return Baseline(row["system"], row["provider"], row["mapping"], row["settled_at"])


def from_suppression(suppression: UndoSuppression) -> dict[str, Any]:
    """Convert an undo suppression to a row."""
    return {
        "booking": suppression.booking,
        "system": suppression.system,
        "revision": suppression.revision,
        "run": suppression.run,
    }


def to_suppression(row: RowLike) -> UndoSuppression:
    """Convert a row to an undo suppression."""
    return UndoSuppression(row["booking"], row["system"], row["revision"], row["run"])


def from_owner_change(change: OwnerChange) -> dict[str, Any]:
    """Convert an owner change to a row."""
    # Not `asdict`, which would convert the value to a dict.
    names = OwnerChange.__dataclass_fields__
    return {**{name: getattr(change, name) for name in names}, "proof": str(change.proof)}


def to_owner_change(row: RowLike) -> OwnerChange:
    """Convert a row to an owner change."""
    return OwnerChange(**{**row, "proof": OwnerProof(row["proof"])})


def from_user(user: CalendarUser) -> dict[str, Any]:
    """Convert a calendar user to a row."""
    return {"system": user.system, "provider": user.provider, "user": user.user}


def from_history_entry(entry: HistoryEntry) -> dict[str, Any]:
    """Convert a history entry to a row."""
    return {
        "at": entry.at,
        "run": entry.run,
        "provider": entry.provider,
        "what": entry.what,
        "booking": entry.booking,
        "system": entry.system,
        "event": entry.event,
        "before": entry.before,
        "after": entry.after,
        "rule": entry.rule,
        "detail": entry.detail,
        "place": entry.place,
        "seen_at": entry.seen_at,
    }


def to_history_entry(row: RowLike) -> HistoryEntry:
    """Convert a row to a history entry."""
    return HistoryEntry(
        row["at"],
        row["run"],
        row["provider"],
        row["what"],
        row["booking"],
        row["system"],
        row["event"],
        row["before"],
        row["after"],
        row["rule"],
        row["detail"],
        row["place"],
        row["seen_at"],
    )


def from_reported_item(item: ReportedItem) -> dict[str, Any]:
    """Convert an item to a row."""
    return {
        "system": item.system,
        "topic": str(item.topic),
        "event": item.event,
        "reason": item.reason,
        "calendars": list(item.calendars),
        "back": round(item.back.total_seconds()),
        "ahead": round(item.ahead.total_seconds()),
        "since": item.since,
        "seen_at": item.seen_at,
        "ended_at": item.ended_at,
    }


def to_reported_item(row: Mapping[str, Any]) -> ReportedItem:
    """Convert a row to an item."""
    return ReportedItem(
        row["system"],
        row["event"],
        Topic(row["topic"]),
        row["reason"],
        tuple(row["calendars"]),
        timedelta(seconds=row["back"]),
        timedelta(seconds=row["ahead"]),
        row["since"],
        row["seen_at"],
        row["ended_at"],
    )
