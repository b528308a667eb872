"""Remember which windows of each calendar were last read (`core.event_state.recent_reads`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from syncd.core.event_state.recent_reads import RecentReads, TimedRead
from syncd.engine.reading.first_read import CalendarKey
from syncd.engine.reading.observation import Observation
from syncd.engine.report.run_report import SystemStatus
from syncd.model import Window, is_recent
from syncd.store.queries.moved_into_window import whole_reads
from syncd.store.store import Store

_ALIKE = timedelta(hours=1)
"""Two windows whose lengths differ by less than this are the same window, read at two times."""


@dataclass(slots=True)
class ReadHistory:
    """The windows of each calendar that were last read, whether completely or not.

    The history is kept in memory. A new process starts with the stored reads of the whole window.
    """

    store: Store
    _reads: dict[CalendarKey, list[TimedRead]] = field(default_factory=dict)
    _loaded: set[str] = field(default_factory=set)

    def note(self, seen: Observation, now: datetime) -> None:
        """Add the windows that this observation read, at the time of its request (or ``now``)."""
        self._load(seen.system)
        for provider, windows in _answered(seen).items():
            for window in windows:
                self._put((provider, seen.system), TimedRead(window, seen.asked_at or now))

    def of(
        self,
        calendar: CalendarKey,
        seen: Observation | None,
        whole: Window,
        now: datetime,
        within: timedelta,
    ) -> RecentReads:
        """Return the recent reads of a calendar, given as (provider, system).

        ``seen`` is this cycle's read of the system, or None; ``whole`` is the whole window. Reads
        older than ``within`` before ``now`` are left out.
        """
        self._load(calendar[1])
        lately = [k for k in self._reads.get(calendar, ()) if is_recent(k.at, now, within)]
        current = _answered(seen).get(calendar[0], ()) if seen is not None else ()
        return RecentReads(tuple(current), tuple(lately), whole)

    def _put(self, calendar: CalendarKey, read: TimedRead) -> None:
        length = read.window.end - read.window.start
        self._reads[calendar] = [
            k
            for k in self._reads.get(calendar, ())
            if abs(k.window.end - k.window.start - length) >= _ALIKE
        ] + [read]

    def _load(self, system: str) -> None:
        if system in self._loaded:
            return
        self._loaded.add(system)
        for provider, read in whole_reads(self.store, system).items():
            if read.at < read.ends:
                self._put((provider, system), TimedRead(Window(read.at, read.ends), read.at))


def _answered(seen: Observation) -> Mapping[str, Sequence[Window]]:
    """Return the windows that a system listed, by provider, whether proven complete or not."""
    if seen.state is not SystemStatus.OK:
        return {}
    found: dict[str, list[Window]] = {}
    read = [(each.provider, each.window) for each in seen.coverage]
    for provider, window in (*read, *((each.provider, each.window) for each in seen.unproven)):
        found.setdefault(provider, []).append(window)
    if seen.request is not None:
        for windows in found.values():
            windows.append(seen.request.window)
    return found
