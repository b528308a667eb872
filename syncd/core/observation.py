"""What a read means: same, stale, echo, news, absent.

The only place that compares an observed value with what syncd wrote. Nothing here looks at how long
ago a change was made to tell an echo from an edit: an echo is a *value* that syncd wrote (or its
rounding); time only says how long a read may still show the value before that.
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
    floor_to,
)

GRIDS = tuple(timedelta(minutes=m) for m in (1, 5, 10, 15, 30))

MAX_READ = timedelta(minutes=10)
"""No read takes as long: what happened so long after it was asked for has a wrong time."""


class ObservationKind(StrEnum):
    """What one observation of one event is."""

    NEW = "new"
    SAME = "same"
    STALE = "stale"
    ECHO = "echo"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class SnapshotDiff:
    """Ids whose row differs from the store or is not in it, and known ids that were not listed."""

    differ: tuple[str, ...]
    unlisted: tuple[str, ...]


def diff_snapshot(
    known: Mapping[str, str], listed: Mapping[str, str], same: Collection[str] = ()
) -> SnapshotDiff:
    """Compare the fingerprints that are stored with those of a snapshot.

    ``same`` are ids that the snapshot tells to be listed as they are known.
    """
    differ = tuple(e for e, fingerprint in listed.items() if known.get(e) != fingerprint)
    if not listed and len(same) == len(known):
        return SnapshotDiff(differ, ())
    return SnapshotDiff(differ, tuple(e for e in known if e not in same and e not in listed))


def truncate(value: Value, grain: timedelta) -> Value:
    """Put a value into the form that a platform of that grain will echo."""
    return replace(value, start=floor_to(value.start, grain), end=floor_to(value.end, grain))


def is_rounding(wanted: Value, seen: Value) -> bool:
    """Whether a platform that keeps a coarser grid would show ``wanted`` as ``seen``.

    True only if some grid explains both ends. A wanted value that lies on the grid already cannot
    be rounded, so a person's change of it is never mistaken for one.
    """
    if wanted.status is not seen.status:
        return False
    return any(
        _on_grid(wanted.start, seen.start, grid) and _on_grid(wanted.end, seen.end, grid)
        for grid in GRIDS
    )


def is_reset(wanted: Value, seen: Value) -> bool:
    """Whether an update that was to bring about ``wanted`` did, but reset the status.

    That is what an update does that replaces the record, to a status that it was not sent (or does
    not honour). The interval proves that the update arrived; without it nobody knows whose status
    that is.
    """
    other = wanted.status is not seen.status and seen.status is Status.CONFIRMED
    alike = replace(wanted, status=seen.status)
    return other and (alike == seen or is_rounding(alike, seen))


def to_restore(record: TrackedEvent) -> Value | None:
    """The value that an appointment should show, where syncd's own update reset its status.

    Of a write that is only queued nothing has been reset: it may still come.
    """
    meant, shown = record.written, record.observed
    if (
        record.created_by_us
        or meant is None
        or shown is None
        or has_pending_change(record)
        or _is_pending(record)
    ):
        return None
    return replace(shown, status=meant.status) if is_reset(meant, shown) else None


def has_other_time(record: TrackedEvent) -> bool:
    """Whether the event stands at another time than the last write was to bring about.

    That is neither rounding nor a person's change: the platform answered the write, and then showed
    another end or start. Writing the same again would bring about the same.
    """
    meant, shown = record.written, record.observed
    if meant is None or shown is None or has_pending_change(record) or _is_pending(record):
        return False
    alike = replace(meant, status=shown.status)
    return alike.interval != shown.interval and not is_rounding(alike, shown)


def _on_grid(wanted: datetime, seen: datetime, grid: timedelta) -> bool:
    low = floor_to(wanted, grid)
    high = low if low == wanted else low + grid
    return seen in {low, high}


def expected_value(record: TrackedEvent) -> Value | None:
    """The value that syncd means the event to have: what it last wrote, else what it accepted."""
    return record.written if record.written is not None else record.base


def has_pending_change(record: TrackedEvent) -> bool:
    """Whether the event differs from what was accepted of it, and that is not decided yet."""
    if record.observed is None:
        return not record.end_accepted
    return record.end_accepted or record.observed != record.base


def as_last_known(record: TrackedEvent | None, event: Event) -> Event:
    """Return an event with the status and end that are known where its row does not tell them.

    A write that no read has shown yet may have brought about another end: where the event begins
    as it was written, that end counts.
    """
    if record is None:
        return event
    shown = record.observed or record.base or record.before_write
    written = record.written if _is_pending(record) else None
    return event.with_status_of(record.observed).with_end_of(written, shown)


def _is_pending(record: TrackedEvent) -> bool:
    """Whether what was written last is not shown yet."""
    return record.base == record.before_write and record.base != record.written


def apply_observation(
    record: TrackedEvent | None, event: Event, fingerprint: str, seen_at: datetime, lag: timedelta
) -> tuple[TrackedEvent, ObservationKind]:
    """Lay one observation over what is stored. ``seen_at`` is when the read was asked for."""
    known = record.observed if record is not None else None
    event = as_last_known(record, event)
    value = cut_end(event.value, seen_at, known)
    if value is not event.value:
        fingerprint = OPEN_ENDED
    if record is not None and _is_stale(record, value, seen_at, lag):
        return record, ObservationKind.STALE
    if record is None or (record.created_by_us and event.kind is Kind.APPOINTMENT):
        # Nothing is known, or our block shows a customer now: then it is somebody's meeting, and no
        # longer ours (promise 6). Whatever stands there is news.
        fresh = TrackedEvent(
            system=event.system,
            provider=event.provider,
            id=event.id,
            kind=event.kind,
            observed=value,
            observed_at=seen_at,
            fingerprint=fingerprint,
            person=event.person,
            service=event.service,
            key=event.key,
            updated_at=event.updated_at,
            series=event.series,
            original_start=event.original_start,
            created_at=event.created_at,
            **_off(None, event, value, seen_at),
        )
        return fresh, ObservationKind.NEW if record is None else ObservationKind.CHANGED
    if _is_renewal(record, value, fingerprint):
        # Only time has passed: nobody changed the event, and the booking follows (`reconcile`).
        return replace(
            record, observed=value, observed_at=seen_at, base=value
        ), ObservationKind.ECHO
    seen = replace(
        record,
        provider=event.provider,
        kind=event.kind,
        observed=value,
        observed_at=seen_at,
        fingerprint=fingerprint,
        person=event.person or record.person,
        service=event.service or record.service,
        key=event.key or record.key,
        updated_at=event.updated_at,
        absence_proofs=0,
        missing_since=None,
        series=event.series,
        original_start=event.original_start,
        created_at=record.created_at or event.created_at,
        **_off(record, event, value, seen_at),
    )
    if value == record.base and not record.end_accepted:
        return seen, ObservationKind.SAME
    if (
        record.written is not None
        and record.base in {record.written, record.before_write}
        and (value == record.written or _may_round(record, record.written, value))
    ):
        # It shows what was written, perhaps on a coarser grid: that is the base from here on.
        return replace(seen, base=value, end_accepted=False), ObservationKind.ECHO
    return seen, ObservationKind.CHANGED


def _may_round(record: TrackedEvent, written: Value, value: Value) -> bool:
    """Whether the platform may show what was written like this.

    A write leaves no fingerprint, a read does. Where a read has shown exactly what was written, the
    platform keeps it as it is: anything else is a person's change.
    """
    exact = bool(record.fingerprint) and record.observed == written
    return not exact and is_rounding(written, value)


def may_be_older(record: TrackedEvent, asked_at: datetime, lag: timedelta) -> bool:
    """Whether a list may be older than what syncd wrote.

    What was written long after the list was asked for was written before this machine's clock was
    set back.
    """
    at = record.written_at
    return at is not None and asked_at < at + lag and at - asked_at < MAX_READ


class _Off(TypedDict):
    off_at: datetime | None
    off_seen_at: datetime | None


def _off(record: TrackedEvent | None, event: Event, value: Value, seen_at: datetime) -> _Off:
    """Since when the event is off, by the platform's clock and by when it was first seen so.

    A platform whose time of update did not move with the status does not tell when that changed.
    """
    if value.busy:
        return _Off(off_at=None, off_seen_at=None)
    if record is None:
        return _Off(off_at=event.updated_at, off_seen_at=seen_at)
    was_on = record.observed is not None and record.observed.busy
    if record.off_seen_at is not None and not was_on:
        return _Off(off_at=record.off_at, off_seen_at=record.off_seen_at)
    moved = record.updated_at is None or record.updated_at != event.updated_at
    return _Off(off_at=event.updated_at if moved else None, off_seen_at=seen_at)


def shows_former(record: TrackedEvent, event: Event, seen_at: datetime) -> bool:
    """Whether an observation shows an event as it was before syncd last wrote to it."""
    event = as_last_known(record, event)
    value = cut_end(event.value, seen_at, record.observed)
    return is_between(value, record.before_write, record.base)


def is_between(value: Value, former: Value | None, base: Value | None) -> bool:
    """Whether an event stood so at some time before syncd's last write to it was shown.

    A move and a change of status that follow each other leave it, for a moment, with one half of
    either value.
    """
    if former is None or base is None or value == base:
        return value == former and value != base
    return value.interval in {former.interval, base.interval} and value.status in {
        former.status,
        base.status,
    }


def _is_stale(record: TrackedEvent, value: Value, seen_at: datetime, lag: timedelta) -> bool:
    """Whether the read may be older than what is known for certain: believe it later, or never."""
    older = may_be_older(record, seen_at, lag)
    return older and is_between(value, record.before_write, record.base)


def _is_renewal(record: TrackedEvent, value: Value, fingerprint: str) -> bool:
    """Whether only the fixed end of an event with an open end was put off."""
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
    """The proven end of an event. A late list that still shows its last value is stale.

    That of an appointment whose cancellation waited to be confirmed is no news. ``by_id``: its
    system said so, asked for this very event.
    """
    cancelled = _is_pending(record) and record.written is not None and not record.written.busy
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
        missing_since=None,
        off_seen_at=record.off_seen_at or record.missing_since or at,
    )
