"""Compute when calendars of a system are blocked because a room or equipment they need is in use.

To the engine this module looks like an additional, read-only system. Its events are the spans in
which a calendar has no free room; the engine carries these spans to other calendars as blocks. The
spans are computed from the stored bookings of the rooms, so this system makes no list calls, and is
read after all others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

from sqlalchemy import select

from syncd.core.blocks.resources import BlockedSpan, Reservation, blocked_spans
from syncd.model import (
    READABLE,
    BlockTarget,
    Buffer,
    Clock,
    ConflictKind,
    Coverage,
    Event,
    EventRef,
    Kind,
    Offer,
    Operation,
    Person,
    ProviderState,
    Status,
    UserDirectory,
    Value,
    Window,
)
from syncd.model.event_fields import EventFields
from syncd.store.store import Store
from syncd.store.tables.tables import EVENT
from syncd.systems.call_stats import CallStats
from syncd.systems.errors import RejectedError, RetryableError, UnreadableError
from syncd.systems.facts import FactStore
from syncd.systems.lookup_results import Found, Gone, LookupResult
from syncd.systems.measured import MeasuredFacts
from syncd.systems.port import (
    NO_LOOK_BACK,
    NOTHING_KNOWN,
    Capabilities,
    CheckResult,
    ListCall,
    Row,
    Snapshot,
)
from syncd.systems.probing import Prober
from syncd.systems.replies import Reply

RESOURCE_SUFFIX = "+rooms"


TargetLookup = Callable[[], Coroutine[Any, Any, Sequence[BlockTarget]]]
Ask = Callable[[TargetLookup], Coroutine[Any, Any, Sequence[BlockTarget]]]
"""Makes a `TargetLookup` call. Raises PlatformError, also if the response is late."""


async def call_directly(call: TargetLookup) -> Sequence[BlockTarget]:
    """Make the call at once. Used if no other task needs the system."""
    return await call()


class ResourceHost(Protocol):
    """A system with rooms, and with calendars that need these rooms."""

    @property
    def name(self) -> str:
        """The name of the system."""
        ...

    async def block_targets(self, also: Collection[str]) -> Sequence[BlockTarget]:
        """Return the calendars that rooms can block, and those of the providers in ``also``.

        Each target states which rooms and equipment its calendar needs. Raises PlatformError.
        """
        ...


class ResourceBlocks:
    """The calendars that the rooms of one system (``host``) block. A read-only `port.System`."""

    def __init__(self, host: ResourceHost, store: Store, clock: Clock) -> None:
        """Create a source without block targets; `refresh` loads them."""
        self.host = host.name
        self.name = host.name + RESOURCE_SUFFIX
        self.providers: Collection[str] = ()
        self.capabilities = Capabilities(
            lag=timedelta(0),
            gone_proofs=dict.fromkeys(Kind, 1),
            statuses={},
            reach=frozenset({host.name}),
        )
        self.facts = FactStore(self.name, clock)
        self.measured = MeasuredFacts("", self.facts)
        self._host = host
        self._store = store
        self._clock = clock
        self._targets: Mapping[str, BlockTarget] | None = None

    async def refresh(self, ask: Ask = call_directly) -> Collection[str]:
        """Look up the block targets; return their providers. Raises PlatformError.

        ``ask`` makes the call. A former target that needs no rooms any more stays a target as long
        as events of this source are stored for it, so that the next read removes its blocks.
        """
        alive = (EVENT.c.system == self.name, EVENT.c.retired.is_(False))
        query = select(EVENT.c.provider).where(*alive).distinct()
        former = {row["provider"] for row in self._store.query_once(query)}
        targets = {
            target.provider: target
            for target in await ask(partial(self._host.block_targets, former))
        }
        self._targets = {**{provider: BlockTarget(provider, ()) for provider in former}, **targets}
        self.providers = tuple(sorted(self._targets))
        return self.providers

    @property
    def known(self) -> bool:
        """Return true if the block targets are loaded."""
        return self._targets is not None

    def targets_of(self, rooms: Collection[str]) -> set[str]:
        """Return the providers whose calendars at least one of these rooms can block."""
        return {
            provider
            for provider, target in (self._targets or {}).items()
            if _rooms(target) & set(rooms)
        }

    def rooms_of(self, provider: str) -> set[str]:
        """Return the rooms and equipment that can block this provider's calendar."""
        target = (self._targets or {}).get(provider)
        return set() if target is None else _rooms(target)

    async def read(
        self,
        window: Window,
        providers: Collection[str] | None = None,
        known: Mapping[str, str] = NOTHING_KNOWN,
        *,
        look_back: timedelta = NO_LOOK_BACK,
    ) -> Snapshot:
        """Compute the blocked spans of this window. Raises RetryableError before `refresh`."""
        del known, look_back  # The spans are computed from the state, without calls.
        wanted = sorted(set(self.providers) & set(providers or self.providers))
        rows = [
            Row(span.id, provider, f"{span.start}|{span.end}", span)
            for provider in wanted
            for span in self._spans_of(provider)
            if window.overlaps(_value(span))
        ]
        now = self._clock.now()
        kinds = frozenset(Kind)
        # The rows contain every span that overlaps the window, wherever it begins or ends.
        proven = Window(window.start - READABLE, window.end + READABLE)
        coverage = [Coverage(self.name, provider, kinds, proven, now) for provider in wanted]
        return Snapshot(self.name, rows, coverage)

    def event(self, row: Row) -> Event:
        """Return the event of a blocked span. Raises UnreadableError."""
        if not isinstance(row.wire, BlockedSpan):
            raise UnreadableError(self.name, row.id, "the row is not a blocked span")
        return Event(self.name, row.provider, row.id, Kind.BLOCK, _value(row.wire))

    async def read_one(self, ref: EventRef, value: Value | None = None) -> LookupResult:
        """Look up one blocked span by id. Raises RetryableError before `refresh`."""
        del value
        for span in self._spans_of(ref.provider):
            if span.id == ref.id:
                row = Row(span.id, ref.provider, "", span)
                return Found(self.event(row))
        return Gone()

    async def whole(self, ref: EventRef) -> EventFields:
        """Raise RejectedError: a blocked span is not a record of a platform."""
        raise RejectedError(
            self.name, detail=f"{ref.id} is computed by syncd and is no record of a platform"
        )

    async def users(self) -> UserDirectory:
        """Return an empty directory: blocked spans have no owner."""
        return UserDirectory()

    async def customer(self, event: Event) -> Person | None:
        """Return None: a blocked span has no customer."""
        del event
        return None

    async def write(self, operations: Sequence[Operation]) -> Reply:
        """Raise RejectedError: this source is read-only."""
        raise RejectedError(
            self.name, str(operations[0].action), detail="blocked spans are read-only"
        )

    async def free_slots(self, provider: str, window: Window) -> Sequence[Offer]:
        """Return no slots: this source offers no times."""
        del provider, window
        return ()

    @property
    def seats(self) -> Mapping[str, int]:
        """Return no capacities: this source has no meetings."""
        return {}

    @property
    def buffers(self) -> Mapping[str, Buffer]:
        """Return no buffers: this source has no meetings."""
        return {}

    def plan(self, window: Window, providers: Collection[str] | None = None) -> Sequence[ListCall]:
        """Return no list calls: spans are computed from the state."""
        del window, providers
        return ()

    def calls_per_read(self, window: Window, providers: Collection[str] | None = None) -> int:
        """Return 0: a read makes no calls."""
        return len(self.plan(window, providers))

    async def prober(self) -> Prober:
        """Raise RejectedError: only the host system has facts to measure."""
        raise RejectedError(self.name, detail=f"this source is derived from {self.host}")

    async def check(self) -> Sequence[CheckResult]:
        """Return no results: the host system checks its rooms."""
        return ()

    @property
    def traffic(self) -> CallStats:
        """Return empty counts: this source makes no calls of its own."""
        return CallStats()

    async def aclose(self) -> None:
        """Do nothing: there is no connection to close."""

    def _spans_of(self, provider: str) -> list[BlockedSpan]:
        if self._targets is None:
            raise RetryableError(self.name, detail=f"the rooms of {self.host} are not known yet")
        target = self._targets.get(provider)
        if target is None:
            return []
        return blocked_spans(target, {room: self._reservations(room) for room in _rooms(target)})

    def _reservations(self, room: str) -> list[Reservation]:
        state = self._store.state(room)
        ended = {(record.system, record.id) for record in state.ended}
        at_host = {
            replica.booking
            for replica in state.replicas
            if replica.system == self.host
            and replica.role.is_meeting
            and (replica.system, replica.event) not in ended
        }
        return [
            Reservation(booking.agreed.start, booking.agreed.end, booking.id, booking.id in at_host)
            for booking in state.bookings
            if booking.agreed.busy
        ] + [*self.stopped_reservations(state)]

    def stopped_reservations(self, state: ProviderState) -> Iterator[Reservation]:
        """Yield the new times of bookings that the guard stopped.

        Such a booking takes up its room at both its agreed time and its new time.
        """
        links = {(r.system, r.event): r.booking for r in state.replicas if r.role.is_meeting}
        for conflict in state.conflicts:
            for claim in (
                conflict.conflict.claims if conflict.conflict.kind is ConflictKind.GUARD else ()
            ):
                booking = links.get((claim.system, claim.event or ""))
                if booking is not None and claim.value is not None and claim.value.busy:
                    at_host = claim.system == self.host
                    yield Reservation(claim.value.start, claim.value.end, booking, at_host)


def _rooms(target: BlockTarget) -> set[str]:
    return {
        room
        for requirement in target.requirements
        for room in (*requirement.rooms, *(equipment for equipment, _ in requirement.equipment))
    }


def _value(span: BlockedSpan) -> Value:
    return Value(span.start, span.end, Status.CONFIRMED)
