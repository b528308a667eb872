"""Busy rooms and equipment as a source of their own: what they close in one system.

It looks to the engine like a system that is only read: its events are the spans in which a calendar
has no free room left, and the engine carries them over as blocks, with all of its promises. What is
busy it takes from the stored bookings of the rooms, so it asks nobody, and is read after them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

from sqlalchemy import select

from syncd.core.resource_conflicts import BlockedSpan, Reservation, blocked_spans
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
from syncd.model.whole_record import WholeRecord
from syncd.store.store import Store
from syncd.store.tables import EVENT
from syncd.systems.facts import FactStore
from syncd.systems.measured import MeasuredFacts
from syncd.systems.port import (
    NO_LOOK_BACK,
    NOTHING_KNOWN,
    CallStats,
    Capabilities,
    CheckResult,
    Found,
    Gone,
    ListCall,
    LookupResult,
    RejectedError,
    Reply,
    RetryableError,
    Row,
    Snapshot,
    UnreadableError,
)
from syncd.systems.probing import Prober

RESOURCE_SUFFIX = "+rooms"


TargetLookup = Callable[[], Coroutine[Any, Any, Sequence[BlockTarget]]]
Ask = Callable[[TargetLookup], Coroutine[Any, Any, Sequence[BlockTarget]]]
"""Makes such a call, or gives up on it for now. Raises PlatformError."""


async def call_directly(call: TargetLookup) -> Sequence[BlockTarget]:
    """Make the call."""
    return await call()


class ResourceHost(Protocol):
    """A system that has rooms, and calendars that need them."""

    @property
    def name(self) -> str:
        """The name of the system."""
        ...

    async def block_targets(self, also: Collection[str]) -> Sequence[BlockTarget]:
        """What rooms can close; takes in the providers that own it, and those of ``also``.

        Raises PlatformError.
        """
        ...


class ResourceBlocks:
    """What the rooms of one system close there. Keeps `port.System`; it is never written to."""

    def __init__(self, house: ResourceHost, store: Store, clock: Clock) -> None:
        """Nothing is known yet; see `refresh`."""
        self.house = house.name
        self.name = house.name + RESOURCE_SUFFIX
        self.providers: Collection[str] = ()
        self.capabilities = Capabilities(
            lag=timedelta(0),
            gone_proofs=dict.fromkeys(Kind, 1),
            statuses={},
            reach=frozenset({house.name}),
        )
        self.facts = FactStore(self.name, clock)
        self.measured = MeasuredFacts("", self.facts)
        self._house = house
        self._store = store
        self._clock = clock
        self._doors: Mapping[str, BlockTarget] | None = None

    async def refresh(self, ask: Ask = call_directly) -> Collection[str]:
        """Ask which doors there are, and return their providers. Raises PlatformError.

        One that is no more is kept, always open, for as long as something of it may be closed.
        """
        alive = (EVENT.c.system == self.name, EVENT.c.retired.is_(False))
        query = select(EVENT.c.provider).where(*alive).distinct()
        former = {row["provider"] for row in self._store.query_once(query)}
        doors = {
            door.provider: door for door in await ask(partial(self._house.block_targets, former))
        }
        self._doors = {**{provider: BlockTarget(provider, ()) for provider in former}, **doors}
        self.providers = tuple(sorted(self._doors))
        return self.providers

    @property
    def known(self) -> bool:
        """Whether it was learned which doors there are."""
        return self._doors is not None

    def targets_of(self, rooms: Collection[str]) -> set[str]:
        """The doors that some of these rooms can close."""
        return {
            provider for provider, door in (self._doors or {}).items() if _rooms(door) & set(rooms)
        }

    def rooms_of(self, provider: str) -> set[str]:
        """Return the rooms and equipment that can close a door."""
        door = (self._doors or {}).get(provider)
        return set() if door is None else _rooms(door)

    async def read(
        self,
        window: Window,
        providers: Collection[str] | None = None,
        known: Mapping[str, str] = NOTHING_KNOWN,
        *,
        look_back: timedelta = NO_LOOK_BACK,
    ) -> Snapshot:
        """Work out what is closed. Raises RetryableError while the doors are not known."""
        del known, look_back  # nothing is saved, and all is known: it is asked of nobody
        wanted = sorted(set(self.providers) & set(providers or self.providers))
        rows = [
            Row(closure.id, provider, f"{closure.start}|{closure.end}", closure)
            for provider in wanted
            for closure in self._closures(provider)
            if window.overlaps(_value(closure))
        ]
        now = self._clock.now()
        kinds = frozenset(Kind)
        # Whatever touches the window is among the rows, however early it begins or late it ends.
        proven = Window(window.start - READABLE, window.end + READABLE)
        coverage = [Coverage(self.name, provider, kinds, proven, now) for provider in wanted]
        return Snapshot(self.name, rows, coverage)

    def event(self, row: Row) -> Event:
        """Make an event of a closure. Raises UnreadableError."""
        if not isinstance(row.wire, BlockedSpan):
            raise UnreadableError(self.name, row.id, "is no closure")
        return Event(self.name, row.provider, row.id, Kind.BLOCK, _value(row.wire))

    async def read_one(self, ref: EventRef, value: Value | None = None) -> LookupResult:
        """Look for one closure. Raises RetryableError while the doors are not known."""
        del value
        for closure in self._closures(ref.provider):
            if closure.id == ref.id:
                row = Row(closure.id, ref.provider, "", closure)
                return Found(self.event(row))
        return Gone()

    async def whole(self, ref: EventRef) -> WholeRecord:
        """Refuse: nothing is written to a closure."""
        raise RejectedError(self.name, detail=f"{ref.id} is no record of a platform")

    async def users(self) -> UserDirectory:
        """Nobody owns what rooms close."""
        return UserDirectory()

    async def person(self, event: Event) -> Person | None:
        """Nobody is behind it."""
        del event
        return None

    async def write(self, operations: Sequence[Operation]) -> Reply:
        """It is only read."""
        raise RejectedError(self.name, str(operations[0].action), detail="it is only read")

    async def free_slots(self, provider: str, window: Window) -> Sequence[Offer]:
        """It offers nothing."""
        del provider, window
        return ()

    @property
    def seats(self) -> Mapping[str, int]:
        """It has no meetings."""
        return {}

    @property
    def buffers(self) -> Mapping[str, Buffer]:
        """What rooms close has no buffer."""
        return {}

    def plan(self, window: Window, providers: Collection[str] | None = None) -> Sequence[ListCall]:
        """It asks nobody."""
        del window, providers
        return ()

    def calls_per_read(self, window: Window, providers: Collection[str] | None = None) -> int:
        """It asks nobody."""
        return len(self.plan(window, providers))

    async def prober(self) -> Prober:
        """Raise Rejected: its house is measured."""
        raise RejectedError(self.name, detail="it is derived from another system")

    async def check(self) -> Sequence[CheckResult]:
        """Its house looks after it."""
        return ()

    @property
    def traffic(self) -> CallStats:
        """It asks nobody."""
        return CallStats()

    async def aclose(self) -> None:
        """It holds nothing."""

    def _closures(self, provider: str) -> list[BlockedSpan]:
        if self._doors is None:
            raise RetryableError(self.name, detail=f"what {self.house} has is not known yet")
        door = self._doors.get(provider)
        if door is None:
            return []
        return blocked_spans(door, {room: self._uses(room) for room in _rooms(door)})

    def _uses(self, room: str) -> list[Reservation]:
        state = self._store.state(room)
        ended = {(record.system, record.id) for record in state.ended}
        here = {
            replica.booking
            for replica in state.replicas
            if replica.system == self.house
            and replica.role.is_meeting
            and (replica.system, replica.event) not in ended
        }
        return [
            Reservation(booking.agreed.start, booking.agreed.end, booking.id, booking.id in here)
            for booking in state.bookings
            if booking.agreed.busy
        ] + [*self._stopped(state)]

    def _stopped(self, state: ProviderState) -> Iterator[Reservation]:
        """Yield where stopped bookings of a room are by now: they take both times."""
        links = {(r.system, r.event): r.booking for r in state.replicas if r.role.is_meeting}
        for held in state.conflicts:
            for claim in held.conflict.claims if held.conflict.kind is ConflictKind.GUARD else ():
                booking = links.get((claim.system, claim.event or ""))
                if booking is not None and claim.value is not None and claim.value.busy:
                    here = claim.system == self.house
                    yield Reservation(claim.value.start, claim.value.end, booking, here)


def _rooms(door: BlockTarget) -> set[str]:
    return {
        room
        for need in door.requirements
        for room in (*need.rooms, *(equipment for equipment, _ in need.equipment))
    }


def _value(closure: BlockedSpan) -> Value:
    return Value(closure.start, closure.end, Status.CONFIRMED)
