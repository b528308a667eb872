"""Interpret one observation of an event: new, same, stale, echo or changed.

This is the only module that compares an observed value with what syncd wrote. An echo is recognised
by its value (the written one, or a rounding of it), never by how long ago the write was. Time only
limits how long a read may still show the value from before the write.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypedDict

from syncd.model import (
    GONE_BY_ID,
    OPEN_ENDED,
    Event,
    Kind,
    Status,
    TrackedEvent,
    Value,
    cut_end,
)
from syncd.model.intervals import may_show, may_show_time

MAX_READ = timedelta(minutes=10)
"""No read takes this long. If a read is that much older than a write, a clock was wrong."""


class ObservationKind(StrEnum):
    """The meaning of one observation of one event.

    NEW: an unknown event. SAME: the accepted value. STALE: the value from before syncd's last
    write, so the read is ignored. ECHO: the value that syncd wrote. CHANGED: any other value.
    """

    NEW = "new"
    SAME = "same"
    STALE = "stale"
    ECHO = "echo"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class SnapshotDiff:
    """How a snapshot differs from the stored state, as event ids.

    ``differ``: new events and events whose row changed. ``unlisted``: known events not listed.
    """

    differ: tuple[str, ...]
    unlisted: tuple[str, ...]


def diff_snapshot(
    known: Mapping[str, str], listed: Mapping[str, str], same: Collection[str] = ()
) -> SnapshotDiff:
    """Compare the stored fingerprints, by event id, with those of a snapshot.

    ``same`` are the ids that the snapshot reports as listed and unchanged.
    """
    differ = tuple(e for e, fingerprint in listed.items() if known.get(e) != fingerprint)
    if not listed and len(same) == len(known):
        return SnapshotDiff(differ, ())
    return SnapshotDiff(differ, tuple(e for e in known if e not in same and e not in listed))


def is_reset(wanted: Value, seen: Value) -> bool:
    """Return true if an update to ``wanted`` reached the platform, which then reset the status.

    Updates that replace a whole record reset a status that was not sent, or that the platform
    ignores. The interval proves that the update arrived; without that proof, the other status may
    be a manual edit.
    """
    reset_to_confirmed = wanted.status is not seen.status and seen.status is Status.CONFIRMED
    return reset_to_confirmed and may_show_time(wanted, seen)


def to_restore(record: TrackedEvent) -> Value | None:
    """Return the value to restore, if an update of syncd reset an appointment's status.

    None while the last write is only queued, because its outcome is not known yet.
    """
    written, shown = record.written, record.observed
    if (
        record.created_by_us
        or written is None
        or shown is None
        or has_pending_change(record)
        or is_pending(record)
    ):
        return None
    return replace(shown, status=written.status) if is_reset(written, shown) else None


def has_other_time(record: TrackedEvent) -> bool:
    """Return true if the platform shows another time than the one that syncd wrote.

    The difference is neither a rounding nor a manual edit: the platform confirmed the write, and
    keeps another start or end. To write the same value again would not help.
    """
    written, shown = record.written, record.observed
    if written is None or shown is None or has_pending_change(record) or is_pending(record):
        return False
    return not may_show_time(written, shown)


def expected_value(record: TrackedEvent) -> Value | None:
    """Return the value that syncd expects to read: what it last wrote, else what it accepted."""
    return record.written if record.written is not None else record.base


def has_pending_change(record: TrackedEvent) -> bool:
    """Return true if the observed value differs from the base and is not decided on yet."""
    if record.observed is None:
        return not record.end_accepted
    return record.end_accepted or record.observed != record.base


def as_last_known(record: TrackedEvent | None, event: Event) -> Event:
    """Return the event with its last known status and end, where the row has none.

    A write that no read has shown yet may have changed the end: if the event starts as written, the
    written end is used.
    """
    if record is None:
        return event
    shown = record.observed or record.base or record.before_write
    written = record.written if is_pending(record) else None
    return event.with_status_of(record.observed).with_end_of(written, shown)


def is_pending(record: TrackedEvent) -> bool:
    """Return true while the last write is queued and no read has shown its value."""
    return record.base == record.before_write and record.base != record.written


def apply_observation(
    record: TrackedEvent | None, event: Event, fingerprint: str, seen_at: datetime, lag: timedelta
) -> tuple[TrackedEvent, ObservationKind]:
    """Apply one observation to the tracked event, and say what it meant.

    - ``record``: the stored event; None for an unknown event.
    - ``event``, ``fingerprint``: what the read shows.
    - ``seen_at``: when the read started; UTC.
    - ``lag``: how long after a write the platform may still show the former value.

    If the observation is STALE, ``record`` is returned unchanged.
    """
    known = record.observed if record is not None else None
    event = as_last_known(record, event)
    value = cut_end(event.value, seen_at, known)
    if value is not event.value:
        fingerprint = OPEN_ENDED
    if record is not None and _is_stale(record, value, seen_at, lag):
        return record, ObservationKind.STALE
    if record is None or (record.created_by_us and event.kind is Kind.APPOINTMENT):
        # The event is unknown; or a block of ours now has a customer, so that it is a meeting and
        # no longer ours: promise 6 (docs/design.md#promises).
        fresh = TrackedEvent(
            system=event.system,
            provider=event.provider,
            id=event.id,
            kind=event.kind,
            observed=value,
            observed_at=seen_at,
            fingerprint=fingerprint,
            customer=event.customer,
            service=event.service,
            key=event.key,
            updated_at=event.updated_at,
            series=event.series,
            original_start=event.original_start,
            created_at=event.created_at,
            **_cancelled_since(None, event, value, seen_at),
        )
        return fresh, ObservationKind.NEW if record is None else ObservationKind.CHANGED
    if _is_renewal(record, value, fingerprint):
        # Only the fixed end moved on with time. The booking's end follows in `renew_open_ends`.
        return replace(
            record, observed=value, observed_at=seen_at, base=value
        ), ObservationKind.ECHO
    updated = replace(
        record,
        provider=event.provider,
        kind=event.kind,
        observed=value,
        observed_at=seen_at,
        fingerprint=fingerprint,
        customer=event.customer or record.customer,
        service=event.service or record.service,
        key=event.key or record.key,
        updated_at=event.updated_at,
        absence_proofs=0,
        absent_since=None,
        series=event.series,
        original_start=event.original_start,
        created_at=record.created_at or event.created_at,
        # A deleted or ended event that is back, or has moved, is to be decided on again.
        archived=record.archived and value == known,
        **_cancelled_since(record, event, value, seen_at),
    )
    if value == record.base and not record.end_accepted:
        return updated, ObservationKind.SAME
    if (
        record.written is not None
        and record.base in {record.written, record.before_write}
        and (value == record.written or _may_round(record, record.written, value))
    ):
        # The event shows what was written, perhaps rounded: from now on that is the base.
        return replace(updated, base=value, end_accepted=False), ObservationKind.ECHO
    return updated, ObservationKind.CHANGED


def _may_round(record: TrackedEvent, written: Value, value: Value) -> bool:
    """Return true if the platform may show the written value as this rounded one.

    A read sets the fingerprint, a write clears it. Once a read showed exactly the written value,
    the platform does not round that value, and any other value is a manual edit.
    """
    exact = bool(record.fingerprint) and record.observed == written
    return not exact and may_show(written, value)


def may_be_older(record: TrackedEvent, asked_at: datetime, lag: timedelta) -> bool:
    """Return true if a list that was requested at ``asked_at`` may not show the last write yet.

    If the write is much later than the list, the clock was set back after it: the write came first.
    """
    written_at = record.written_at
    return (
        written_at is not None and asked_at < written_at + lag and written_at - asked_at < MAX_READ
    )


class _CancelledSince(TypedDict):
    """When an event was cancelled or deleted, in the form of two fields of `TrackedEvent`."""

    off_at: datetime | None
    off_seen_at: datetime | None


def _cancelled_since(
    record: TrackedEvent | None, event: Event, value: Value, seen_at: datetime
) -> _CancelledSince:
    """Return when an event was cancelled: by the platform's clock, and when syncd first saw it.

    The first is None if the platform's update time did not change with the status.
    """
    if value.busy:
        return _CancelledSince(off_at=None, off_seen_at=None)
    if record is None:
        return _CancelledSince(off_at=event.updated_at, off_seen_at=seen_at)
    was_busy = record.observed is not None and record.observed.busy
    if record.off_seen_at is not None and not was_busy:
        return _CancelledSince(off_at=record.off_at, off_seen_at=record.off_seen_at)
    update_time_changed = record.updated_at is None or record.updated_at != event.updated_at
    return _CancelledSince(
        off_at=event.updated_at if update_time_changed else None, off_seen_at=seen_at
    )


def shows_former(record: TrackedEvent, event: Event, seen_at: datetime) -> bool:
    """Return true if an observation shows an event as it was before the last write of syncd."""
    event = as_last_known(record, event)
    value = cut_end(event.value, seen_at, record.observed)
    return is_between(value, record.before_write, record.base)


def is_between(value: Value, former: Value | None, base: Value | None) -> bool:
    """Return true if an event may have had this value before the last write was fully visible.

    While a move and a change of status take effect one after the other, the event has the interval
    of one value and the status of the other.
    """
    if former is None or base is None or value == base:
        return value == former and value != base
    return value.interval in {former.interval, base.interval} and value.status in {
        former.status,
        base.status,
    }


def _is_stale(record: TrackedEvent, value: Value, seen_at: datetime, lag: timedelta) -> bool:
    """Return true if the read may be older than the last write."""
    may_lag = may_be_older(record, seen_at, lag)
    return may_lag and is_between(value, record.before_write, record.base)


def _is_renewal(record: TrackedEvent, value: Value, fingerprint: str) -> bool:
    """Return true if the only change is the later fixed end of an open-ended event."""
    known = record.observed
    return (
        record.open_ended
        and fingerprint == OPEN_ENDED
        and known is not None
        and known == record.base
        and not record.end_accepted
        and value.end > known.end
        and value == replace(known, end=value.end)
    )


def mark_deleted(record: TrackedEvent, at: datetime, *, by_id: bool = False) -> TrackedEvent:
    """Return the tracked event as deleted, which must be proven.

    ``at`` is when the deletion was proven. ``by_id``: the system itself confirmed the deletion in
    the response to a read by id. A late list that still shows the last value counts as stale. If
    the last write of syncd was a cancellation that is not confirmed yet, the deletion is no change
    to decide on.
    """
    cancelled = is_pending(record) and record.written is not None and not record.written.busy
    return replace(
        record,
        observed=None,
        observed_at=at,
        fingerprint=GONE_BY_ID if by_id else "",
        written=None if cancelled else record.written,
        end_accepted=record.end_accepted or cancelled,
        written_at=at,
        before_write=record.observed if record.observed is not None else record.before_write,
        absence_proofs=0,
        absent_since=None,
        off_seen_at=record.off_seen_at or record.absent_since or at,
    )
