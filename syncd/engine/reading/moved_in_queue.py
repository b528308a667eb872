"""Notice appointments that were moved into the window, and queue them for `moved_into_window`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from syncd.core.matching.moved_into_window import is_single, was_moved_in
from syncd.engine.reading.observation import Observation, SystemRead
from syncd.model import Id, TrackedEvent
from syncd.store.queries.moved_into_window import moved_in_events, whole_reads
from syncd.store.store import Store


def mark_moved_in(read: SystemRead, record: TrackedEvent) -> TrackedEvent:
    """Return the new record of an appointment, marked if the appointment was moved into the window.

    Called when a read shows an appointment for the first time. ``moved_in_at`` is set, and the
    event is added to ``read.seen.moved_in``, if the appointment is older than the last read of the
    whole window that should have shown it. The record is returned unchanged if that is unknown: the
    platform states no time of creation, the event is part of a series, or the provider is in
    ``read.first_read_pending``.
    """
    if (
        record.created_at is None
        or not is_single(record)
        or record.provider in read.first_read_pending
    ):
        return record
    whole = whole_reads(read.store, read.system.name).get(record.provider)
    skew, lag = read.system.traffic.skew or timedelta(0), read.system.capabilities.lag
    if not was_moved_in(record, whole, skew, lag):
        return record
    read.seen.moved_in.add(record.id)
    return replace(record, moved_in_at=read.asked_at)


@dataclass(slots=True)
class MovedInQueue:
    """The appointments whose twins must be searched for, each with the earliest search time."""

    _due: dict[Id, datetime] | None = None

    def update(self, store: Store, observed: Mapping[str, Observation]) -> None:
        """Add the appointments that this cycle's reads found to be moved into the window.

        The first call also loads the open searches that are stored.
        """
        if self._due is None:
            self._due = {(r.system, r.id): r.observed_at for r in moved_in_events(store)}
        for name, seen in observed.items():
            if seen.asked_at is not None:
                self._due |= {(name, event): seen.asked_at for event in seen.moved_in}
            seen.moved_in.clear()

    def due(self, store: Store, now: datetime) -> list[TrackedEvent]:
        """Return the records of the appointments whose search is due at ``now``."""
        by_system: dict[str, list[str]] = {}
        for (system, event), at in sorted((self._due or {}).items()):
            if at <= now:
                by_system.setdefault(system, []).append(event)
        return [r for system, ids in by_system.items() for r in store.records(system, ids)]

    def remove(self, record: TrackedEvent) -> None:
        """Remove an appointment: its search is finished."""
        if self._due is not None:
            self._due.pop((record.system, record.id), None)

    def postpone(self, record: TrackedEvent, until: datetime) -> None:
        """Delay an open search for an appointment's twin until the given time."""
        if self._due is not None and (record.system, record.id) in self._due:
            self._due[record.system, record.id] = until
