"""When each calendar was read last, and which time of it, for `core.unread`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from syncd.core.unread import Look, Looks
from syncd.engine.observation import Observation
from syncd.engine.report import Health
from syncd.model import Window
from syncd.store.moved_in import whole_reads
from syncd.store.store import Store

Place = tuple[str, str]
"""(provider, system): one calendar."""

_ALIKE = timedelta(hours=1)
"""Windows whose lengths differ by less are one window at two times."""


@dataclass(slots=True)
class Looked:
    """The windows of each calendar that were answered last, whole or not.

    They are kept in memory; a new process takes the last whole reads from the store.
    """

    store: Store
    _looks: dict[Place, list[Look]] = field(default_factory=dict)
    _taken_up: set[str] = field(default_factory=set)

    def note(self, seen: Observation, now: datetime) -> None:
        """Take note of what was just read."""
        self._take_up(seen.system)
        for provider, windows in _answered(seen).items():
            for window in windows:
                self._put((provider, seen.system), Look(window, seen.asked_at or now))

    def of(
        self,
        place: Place,
        seen: Observation | None,
        whole: Window,
        now: datetime,
        since: datetime,
    ) -> Looks:
        """Return the reads of a calendar since then, with what this cycle read of it."""
        self._take_up(place[1])
        # What was read later than now was read by a clock that was wrong.
        lately = [k for k in self._looks.get(place, ()) if since <= k.at <= now]
        current = _answered(seen).get(place[0], ()) if seen is not None else ()
        return Looks(tuple(current), tuple(lately), whole)

    def _put(self, place: Place, look: Look) -> None:
        length = look.window.end - look.window.start
        self._looks[place] = [
            k
            for k in self._looks.get(place, ())
            if abs(k.window.end - k.window.start - length) >= _ALIKE
        ] + [look]

    def _take_up(self, system: str) -> None:
        if system in self._taken_up:
            return
        self._taken_up.add(system)
        for provider, read in whole_reads(self.store, system).items():
            if read.at < read.ends:
                self._put((provider, system), Look(Window(read.at, read.ends), read.at))


def _answered(seen: Observation) -> Mapping[str, Sequence[Window]]:
    """Return the windows that were answered, by provider: all of what was asked for, or more."""
    if seen.state is not Health.OK:
        return {}
    found: dict[str, list[Window]] = {}
    read = [(each.provider, each.window) for each in seen.coverage]
    for provider, window in (*read, *((each.provider, each.window) for each in seen.unproven)):
        found.setdefault(provider, []).append(window)
    if seen.asked is not None:
        for windows in found.values():
            windows.append(seen.asked.window)
    return found
