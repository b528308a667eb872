"""Track exposures: intervals that a system still offers although the provider is busy elsewhere.

Exposures are measured after the writes of each cycle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from syncd.core.availability.exposure import (
    ExposureInput,
    RequiredBlocks,
    find_exposures,
    times_to_block,
    visible_at,
)
from syncd.engine.availability.packed_blocks import PackedBlocks
from syncd.engine.writing.pauses import WritePauses
from syncd.model import Booking, Clock, Exposure, Id, ProviderState, Role, TimeToBlock, TrackedEvent
from syncd.store.queries import availability as exposure_store
from syncd.store.repository.partial_load import related_state
from syncd.store.store import Store
from syncd.systems.port import System
from syncd.systems.time_slices import yield_after


@dataclass(slots=True)
class ExposureTracker:
    """The blocks that each calendar needs, and the providers to measure next.

    A provider in ``due`` is measured in full. After a partial decision, the provider is measured
    only around the events of that part. ``read_only`` are the calendars, (provider, system), that
    syncd never writes to. ``reach`` is how far ahead the far window goes.
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
        """Note the blocks that a decision requires, and mark the provider to be measured.

        ``part`` is the part of the state that was decided on; None for the whole state.
        """
        if part is None or provider not in self._wanted:
            self._wanted.put(provider, wanted)
            self.due.add(provider)
            return
        self._wanted.put_part(provider, {b.id for b in part.bookings}, wanted)
        self._around.setdefault(provider, set()).update((r.system, r.id) for r in part.records)

    async def measure(self) -> int:
        """Measure and store the exposures of changed providers; return the number of exposures."""
        now = self.clock.now()
        if not (self.due or self._around):
            return exposure_store.count_exposures(self.store, now)
        known: dict[str, list[Exposure]] = {}
        for each in exposure_store.exposures(self.store, now):
            known.setdefault(each.provider, []).append(each)
        # A provider with an exposure is measured in full. Exposures are rare and short.
        self.due |= self._around.keys() & known.keys()
        local = {p: ids for p, ids in self._around.items() if p not in self.due}
        closed: list[TimeToBlock] = []
        exposures: dict[str, list[Exposure]] = {}
        for provider, part in related_state(self.store, local).items():
            wanted = self._wanted.of_some(provider, {b.id for b in part.bookings})
            exposures[provider] = self._measure(part, wanted, (), closed)
        # One transaction for all parts. After a crash, everything is measured again.
        self._store(exposures, known)
        for provider in sorted(p for p in self.due if p in self._wanted):
            state, before = self.store.state(provider), known.get(provider, ())
            measured = self._measure(state, self._wanted.of(provider), before, closed)
            self._store({provider: measured}, known)
            await yield_after(state.records, state.bookings)
        if closed:
            exposure_store.save_times_to_block(self.store, closed)
        self.due.clear()
        self._around.clear()
        return exposure_store.count_exposures(self.store, now)

    def _store(
        self, measured: Mapping[str, Sequence[Exposure]], known: Mapping[str, Sequence[Exposure]]
    ) -> None:
        changed = {p: each for p, each in measured.items() if each != known.get(p, [])}
        if changed:
            exposure_store.save_exposures(self.store, changed)

    def _measure(
        self,
        state: ProviderState,
        wanted: RequiredBlocks,
        known: Sequence[Exposure],
        closed: list[TimeToBlock],
    ) -> list[Exposure]:
        """Return the exposures of a state; add the changed times to block to ``closed``."""
        provider, now = state.provider, self.clock.now()
        # Ignore answers from the future: the clock was ahead when they were read.
        free = {
            system: free
            for (_, system), free in exposure_store.availabilities(self.store, provider).items()
            if free.asked_at <= now
        }
        since = min((f.asked_at for f in free.values()), default=None)
        gone = exposure_store.ended_events(self.store, provider, since) if since is not None else ()
        given = ExposureInput(
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
                if (cause := self.pauses.exposure_cause(provider, system)) is not None
            },
        )
        found = find_exposures(given, known)
        busy = [b for b in state.bookings if b.agreed.busy and b.agreed.end > now]
        stored = exposure_store.times_to_block_of(self.store, [b.id for b in busy])
        measured = {(c.booking, c.revision): c for c in stored}
        fresh = [b for b in busy if (b.id, b.revision) not in measured]
        closed += times_to_block(given, busy, self._visible(state, fresh), found, measured)
        return found

    def _visible(self, state: ProviderState, bookings: Sequence[Booking]) -> dict[str, datetime]:
        if not bookings:
            return {}
        first = exposure_store.first_reads(self.store, state.provider)
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
