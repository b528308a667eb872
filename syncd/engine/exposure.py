"""The watch over what is still open although taken: measured after the writes of each cycle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from syncd.core.decide import Decision
from syncd.core.exposure import Seen, Wanted, closings, exposures, visible_at
from syncd.model import Booking, Clock, ProviderState, Record, Role
from syncd.store import exposed as shelf
from syncd.store.store import Store
from syncd.systems.port import System


@dataclass(slots=True)
class Watch:
    """What each calendar should close, by provider, and whom to measure next (``due``).

    ``reach`` is how far ahead the whole window goes.
    """

    store: Store
    clock: Clock
    systems: Mapping[str, System]
    read_only: frozenset[tuple[str, str]]
    reach: timedelta
    due: set[str] = field(default_factory=set)
    _wanted: dict[str, Wanted] = field(default_factory=dict)

    def hear(self, decisions: Mapping[str, Decision]) -> None:
        """Take over what was decided."""
        for provider, decision in decisions.items():
            self._wanted[provider] = decision.wanted
            self.due.add(provider)

    def measure(self) -> int:
        """Measure those that may have changed; return how many intervals are exposed in all."""
        for provider in sorted(self.due & self._wanted.keys()):
            self._measure(provider)
        self.due.clear()
        return shelf.count_exposures(self.store, self.clock.now())

    def _measure(self, provider: str) -> None:
        state, now = self.store.state(provider), self.clock.now()
        free = {
            system: free for (_, system), free in shelf.free_times(self.store, provider).items()
        }
        oldest = min((f.asked_at for f in free.values()), default=now)
        seen = Seen(
            provider=provider,
            wanted=self._wanted[provider],
            records=(*state.records, *shelf.ended(self.store, provider, oldest)),
            free=free,
            lags={name: system.capabilities.lag for name, system in self.systems.items()},
            now=now,
            undone=_undone(state),
            released=_released(state),
            read_only={system for who, system in self.read_only if who == provider},
        )
        known = shelf.exposures(self.store, now, provider)
        found = exposures(seen, known)
        if found != known:
            shelf.keep_exposures(self.store, provider, found)
        measured = {(c.booking, c.revision): c for c in shelf.closings(self.store, provider)}
        busy = [b for b in state.bookings if b.agreed.busy and b.agreed.end > now]
        fresh = [b for b in busy if (b.id, b.revision) not in measured]
        visible = self._visible(provider, state, fresh)
        if changed := closings(seen, busy, visible, found, measured):
            shelf.keep_closings(self.store, changed)

    def _visible(
        self, provider: str, state: ProviderState, bookings: list[Booking]
    ) -> dict[str, datetime]:
        if not bookings:
            return {}
        first = shelf.first_reads(self.store, provider)
        skews = {n: s.traffic.skew or timedelta(0) for n, s in self.systems.items()}
        records = {(r.system, r.id): r for r in state.records}
        shown: dict[str, list[Record]] = {}
        for replica in state.replicas:
            record = records.get((replica.system, replica.event))
            if record is not None and replica.role.meets:
                shown.setdefault(replica.booking, []).append(record)
        found = {
            b.id: visible_at(b, shown.get(b.id, ()), skews, first, self.reach) for b in bookings
        }
        return {booking: at for booking, at in found.items() if at is not None}


def _undone(state: ProviderState) -> set[tuple[str, str]]:
    revisions = {b.id: b.revision for b in state.bookings}
    return {(w.booking, w.system) for w in state.waivers if revisions.get(w.booking) == w.revision}


def _released(state: ProviderState) -> set[tuple[str, str]]:
    return {(r.booking, r.system) for r in state.replicas if r.role is Role.RELEASED}
