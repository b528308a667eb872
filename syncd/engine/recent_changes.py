"""What is remembered of the last far intervals: the time that was read, what was carried."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from syncd.core.poll_schedule import ROUNDS
from syncd.core.recent_reads import RecentReads
from syncd.engine.observation import Observation
from syncd.engine.read_history import ReadHistory
from syncd.model import Coverage, HistoryEntry, Id, Kind, TrackedEvent, Window
from syncd.store.store import Store

Carried = Mapping[Id, tuple[HistoryEntry, HistoryEntry]]
"""The first and the last change of each event that was carried."""

CHANGED = "changed"
"""How history calls a change that was carried."""

_PAGE = 500


@dataclass(slots=True)
class RecentChanges:
    """Changes that were carried in the last ``every``, and the windows that were read last.

    What was carried is in the history, from which a new process takes it. Windows are kept for
    the rounds in which a provider's whole window is read at least once. The guard looks at those
    that were proven, a new block at those that were answered, ``history``.
    """

    store: Store
    every: timedelta
    history: ReadHistory = field(init=False)
    _notes: list[HistoryEntry] | None = None
    _windows: dict[tuple[str, str], dict[Window, datetime]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Nothing was read yet."""
        self.history = ReadHistory(self.store)

    def note_read(self, coverage: Iterable[Coverage], now: datetime) -> None:
        """Take note of the windows that were read."""
        for each in coverage:
            if Kind.APPOINTMENT not in each.kinds:
                continue
            place = (each.provider, each.system)
            kept = {w: at for w, at in self._windows.get(place, {}).items() if self._lasts(at, now)}
            # The same window, a minute later.
            wide = [w for w in kept if not _replaces(each.window, w)]
            self._windows[place] = {w: kept[w] for w in wide} | {each.window: now}

    def recent_reads(
        self, place: tuple[str, str], seen: Observation | None, whole: Window, now: datetime
    ) -> RecentReads:
        """Return the last reads of a calendar, (provider, system), with this cycle's."""
        return self.history.of(place, seen, whole, now, ROUNDS * self.every)

    def note_carried(self, notes: Iterable[HistoryEntry]) -> None:
        """Take note of what was carried."""
        if self._notes is not None:
            self._notes += [note for note in notes if note.what == CHANGED]

    def windows(self, provider: str, system: str) -> Sequence[Window]:
        """Return the windows of a calendar that were read last."""
        return tuple(self._windows.get((provider, system), ()))

    def carried(self, now: datetime) -> Mapping[str, Carried]:
        """Return the first and the last change of each event that was carried, by provider."""
        since = now - self.every
        if self._notes is None:
            self._notes = list(_since(self.store, since))
        self._notes = [note for note in self._notes if note.at > since]
        found: dict[str, dict[Id, tuple[HistoryEntry, HistoryEntry]]] = {}
        for note in self._notes:
            mine = found.setdefault(note.provider, {})
            first, _ = mine.get((note.system, note.event), (note, note))
            mine[note.system, note.event] = (first, note)
        return found

    def records(self, carried: Carried) -> list[TrackedEvent]:
        """Return the changes as records from before; see `core.mass_change_guard.GuardHistory`."""
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
    """Whether a window is another one as it is later: about as long."""
    length, before = window.end - window.start, other.end - other.start
    return abs(length - before) < timedelta(hours=1) and window.start >= other.start


def _since(store: Store, since: datetime) -> list[HistoryEntry]:
    """Return what was carried since then, oldest first: history is read from its end."""
    limit = _PAGE
    while True:
        notes = store.history(limit=limit)
        if len(notes) < limit or notes[-1].at <= since:
            lately = [n for n in notes if n.at > since and n.what == CHANGED]
            return lately[::-1]
        limit *= 4
