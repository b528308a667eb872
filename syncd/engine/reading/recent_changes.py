"""Remember the changes that were propagated, and the windows that were read, recently."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from syncd.core.event_state.recent_reads import RecentReads
from syncd.core.polling.slices import ROUNDS
from syncd.engine.reading.history import ReadHistory
from syncd.engine.reading.observation import Observation
from syncd.model import Coverage, HistoryEntry, Id, Kind, TrackedEvent, Window
from syncd.store.store import Store

Carried = Mapping[Id, tuple[HistoryEntry, HistoryEntry]]
"""The first and the last propagated change of each event."""

CHANGED = "changed"
"""The word in the history for a change that was propagated to other calendars."""

_PAGE = 500


@dataclass(slots=True)
class RecentChanges:
    """The changes that were propagated ("carried") recently, and the windows that were read last.

    Changes are kept for ``every``, the interval between two far reads. A new process loads them
    from the history. Windows are kept for `ROUNDS` such intervals, in which each provider's whole
    window is read at least once. The guard counts with the windows that were proven complete; new
    blocks are checked against ``history``, the windows that were read, completely or not.
    """

    store: Store
    every: timedelta
    history: ReadHistory = field(init=False)
    _notes: list[HistoryEntry] | None = None
    _windows: dict[tuple[str, str], dict[Window, datetime]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start with an empty read history."""
        self.history = ReadHistory(self.store)

    def note_read(self, coverage: Iterable[Coverage], now: datetime) -> None:
        """Add the windows in which a read proved the lists of appointments complete."""
        for each in coverage:
            if Kind.APPOINTMENT not in each.kinds:
                continue
            calendar = (each.provider, each.system)
            # A time after ``now`` was stored by a clock that was ahead.
            recent = {
                w: min(at, now)
                for w, at in self._windows.get(calendar, {}).items()
                if self._lasts(at, now)
            }
            # A new read replaces the same window of an earlier read.
            wide = [w for w in recent if not _replaces(each.window, w)]
            self._windows[calendar] = {w: recent[w] for w in wide} | {each.window: now}

    def recent_reads(
        self, calendar: tuple[str, str], seen: Observation | None, whole: Window, now: datetime
    ) -> RecentReads:
        """Return the last reads of a calendar, (provider, system), with this cycle's read.

        ``seen`` is this cycle's read of the system, or None; ``whole`` is the whole window.
        """
        return self.history.of(calendar, seen, whole, now, ROUNDS * self.every)

    def note_carried(self, notes: Iterable[HistoryEntry]) -> None:
        """Add the history entries of changes that this cycle propagated."""
        if self._notes is not None:
            self._notes += [note for note in notes if note.what == CHANGED]

    def windows(self, provider: str, system: str) -> Sequence[Window]:
        """Return the windows of a calendar in which the last reads proved its lists complete."""
        return tuple(self._windows.get((provider, system), ()))

    def carried(self, now: datetime) -> Mapping[str, Carried]:
        """Return the first and the last propagated change of each event, by provider.

        A change that is dated after ``now`` was stored by a clock that was ahead. Its age is
        unknown, so it is kept for ``every`` from now on.
        """
        since = now - self.every
        if self._notes is None:
            self._notes = list(_since(self.store, since))
        self._notes = [
            note if note.at <= now else replace(note, at=now, seen_at=note.seen_at or note.at)
            for note in self._notes
            if note.at > since
        ]
        found: dict[str, dict[Id, tuple[HistoryEntry, HistoryEntry]]] = {}
        for note in self._notes:
            events = found.setdefault(note.provider, {})
            first, _ = events.get((note.system, note.event), (note, note))
            events[note.system, note.event] = (first, note)
        return found

    def records(self, carried: Carried) -> list[TrackedEvent]:
        """Return records that show the propagated changes as if they were still undecided.

        The guard counts these changes together with the new ones. Each record has the value before
        the first change as its base, and the value after the last change as observed.
        """
        found = []
        by_system: dict[str, list[str]] = {}
        for system, event in carried:
            by_system.setdefault(system, []).append(event)
        known = {
            (r.system, r.id): r
            for system, events in by_system.items()
            for r in self.store.records(system, events)
        }
        for id_, (first, last) in sorted(carried.items()):
            record = known.get(id_) or TrackedEvent(
                system=last.system,
                provider=last.provider,
                id=last.event,
                kind=Kind.APPOINTMENT,
                observed=None,
                observed_at=last.at,
                fingerprint="",
            )
            found.append(
                replace(
                    record,
                    provider=last.provider,
                    base=first.before,
                    observed=last.after,
                    observed_at=last.seen_at or last.at,
                    end_accepted=False,
                )
            )
        return found

    def _lasts(self, at: datetime, now: datetime) -> bool:
        return at > now - ROUNDS * self.every


def _replaces(window: Window, other: Window) -> bool:
    """Return true if ``window`` is a later read of the ``other`` window.

    Both have about the same length, and ``window`` does not begin earlier.
    """
    length, before = window.end - window.start, other.end - other.start
    return abs(length - before) < timedelta(hours=1) and window.start >= other.start


def _since(store: Store, since: datetime) -> list[HistoryEntry]:
    """Return the changes propagated after ``since``, oldest first, from the stored history."""
    limit = _PAGE
    while True:
        notes = store.history(limit=limit)
        if len(notes) < limit or notes[-1].at <= since:
            recent = [n for n in notes if n.at > since and n.what == CHANGED]
            return recent[::-1]
        limit *= 4
