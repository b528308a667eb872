"""The watch over what is still open although taken: measured after the writes of each cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from syncd.core.exposure import (
    ExposureInput,
    RequiredBlocks,
    find_exposures,
    times_to_block,
    visible_at,
)
from syncd.engine.packed_blocks import PackedBlocks
from syncd.engine.write_pauses import WritePauses
from syncd.model import Booking, Clock, Exposure, Id, ProviderState, Role, TimeToBlock, TrackedEvent
from syncd.store import availability as shelf
from syncd.store.partial_load import related_state
from syncd.store.store import Store
from syncd.systems.port import System
from syncd.systems.time_slices import yield_after


@dataclass(slots=True)
class ExposureTracker:
    """What each calendar should close, by provider, and whom to measure next.

    Who is ``due`` is measured whole; who was decided on in part, around the events of that part.
    ``reach`` is how far ahead the whole window goes.
    """

    store: Store
    clock: Clock
    systems: Mapping[str, System]
    read_only: frozenset[tuple[str, str]]
    reach: timedelta
    pauses: WritePauses
    due: set[str] = field(default_factory=set)
    _around: dict[str, set[Id]] = field(default_factory=dict)
    _wanted: PackedBlocks = field(default_factory=PackedBlocks)

    def update(
        self, provider: str, wanted: RequiredBlocks, part: ProviderState | None = None
    ) -> None:
        """Take over what was decided, on a provider or on a part of it."""
        if part is None or provider not in self._wanted:
            self._wanted.put(provider, wanted)
            self.due.add(provider)
            return
        self._wanted.put_part(provider, {b.id for b in part.bookings}, wanted)
        self._around.setdefault(provider, set()).update((r.system, r.id) for r in part.records)

    async def measure(self) -> int:
        """Measure those that may have changed; return how many intervals are exposed in all."""
        now = self.clock.now()
        if not (self.due or self._around):
            return shelf.count_exposures(self.store, now)
        known: dict[str, list[Exposure]] = {}
        for each in shelf.exposures(self.store, now):
            known.setdefault(each.provider, []).append(each)
        # Where anything is open, all of it is measured anew: it is rare, and has an end.
        self.due |= self._around.keys() & known.keys()
        local = {p: ids for p, ids in self._around.items() if p not in self.due}
        closed: list[TimeToBlock] = []
        found = {}
        for provider, part in related_state(self.store, local).items():
            wanted = self._wanted.of_some(provider, {b.id for b in part.bookings})
            found[provider] = self._measure(part, wanted, (), closed)
        # One transaction for all parts: what is lost in between is measured anew after a start.
        self._keep(found, known)
        for provider in sorted(p for p in self.due if p in self._wanted):
            state, before = self.store.state(provider), known.get(provider, ())
            measured = self._measure(state, self._wanted.of(provider), before, closed)
            self._keep({provider: measured}, known)
            await yield_after(state.records, state.bookings)
        if closed:
            shelf.save_times_to_block(self.store, closed)
        self.due.clear()
        self._around.clear()
        return shelf.count_exposures(self.store, now)

    def _keep(
        self, found: Mapping[str, Sequence[Exposure]], known: Mapping[str, Sequence[Exposure]]
    ) -> None:
        changed = {p: each for p, each in found.items() if each != known.get(p, [])}
        if changed:
            shelf.save_exposures(self.store, changed)

    def _measure(
        self,
        state: ProviderState,
        wanted: RequiredBlocks,
        known: Sequence[Exposure],
        closed: list[TimeToBlock],
    ) -> list[Exposure]:
        """What is open; the closings that changed are added to ``closed``."""
        provider, now = state.provider, self.clock.now()
        # An answer of a time to come was asked for by a clock that was ahead: nobody knows when.
        free = {
            system: free
            for (_, system), free in shelf.availabilities(self.store, provider).items()
            if free.asked_at <= now
        }
        since = min((f.asked_at for f in free.values()), default=None)
        gone = shelf.ended_events(self.store, provider, since) if since is not None else ()
        seen = ExposureInput(
            provider=provider,
            required=wanted,
            records=(*state.records, *gone),
            free=free,
            lags={name: system.capabilities.lag for name, system in self.systems.items()},
            now=now,
            undone=_undone(state),
            released=_released(state),
            read_only={system for who, system in self.read_only if who == provider},
            held_back={
                system: cause
                for system in wanted
                if (cause := self.pauses.cause(provider, system)) is not None
            },
        )
        found = find_exposures(seen, known)
        busy = [b for b in state.bookings if b.agreed.busy and b.agreed.end > now]
        kept = shelf.times_to_block_of(self.store, [b.id for b in busy])
        measured = {(c.booking, c.revision): c for c in kept}
        fresh = [b for b in busy if (b.id, b.revision) not in measured]
        closed += times_to_block(seen, busy, self._visible(state, fresh), found, measured)
        return found

    def _visible(self, state: ProviderState, bookings: Sequence[Booking]) -> dict[str, datetime]:
        if not bookings:
            return {}
        first = shelf.first_reads(self.store, state.provider)
        skews = {n: s.traffic.skew or timedelta(0) for n, s in self.systems.items()}
        records = {(r.system, r.id): r for r in state.records}
        shown: dict[str, list[TrackedEvent]] = {}
        for replica in state.replicas:
            record = records.get((replica.system, replica.event))
            if record is not None and replica.role.is_meeting:
                shown.setdefault(replica.booking, []).append(record)
        found = {
            b.id: visible_at(b, shown.get(b.id, ()), skews, first, self.reach) for b in bookings
        }
        return {booking: at for booking, at in found.items() if at is not None}


def _undone(state: ProviderState) -> set[tuple[str, str]]:
    revisions = {b.id: b.revision for b in state.bookings}
    return {
        (w.booking, w.system)
        for w in state.undo_suppressions
        if revisions.get(w.booking) == w.revision
    }


def _released(state: ProviderState) -> set[tuple[str, str]]:
    return {(r.booking, r.system) for r in state.replicas if r.role is Role.RELEASED}
