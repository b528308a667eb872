"""Provide a system in memory and a clock that moves only on request, for the engine's tests.

Tests of wire faults use the sandbox instead.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from syncd.model import (
    Action,
    Buffer,
    Coverage,
    Event,
    EventRef,
    Kind,
    Offer,
    Operation,
    Person,
    Status,
    Topic,
    Unproven,
    UserDirectory,
    Value,
    Window,
    embed_tag,
    find_tag,
    read_value,
)
from syncd.model.event_fields import EventFields, event_fields
from syncd.model.intervals import uncovered
from syncd.systems.call_stats import CallStats
from syncd.systems.errors import (
    PlatformError,
    RejectedError,
    RejectionReason,
    UnknownOutcomeError,
    UnreadableError,
)
from syncd.systems.facts import FactStore
from syncd.systems.lookup_results import Found, Gone, LookupResult, Unknown
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
from syncd.systems.replies import Accepted, Done, Reply
from tests.core.kit import NOW


@dataclass
class FakeClock:
    """A virtual clock: a sleep returns at once and advances the time."""

    time: datetime = NOW

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return (self.time - NOW).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    def pass_(self, **span: float) -> None:
        """Advance the time."""
        self.time += timedelta(**span)


@dataclass
class Held:
    """One event as the fake platform stores it."""

    provider: str
    kind: Kind
    value: Value
    customer: str | None = None
    title: str = ""
    updated_at: datetime | None = None
    service: str = "s"
    created_at: datetime | None = None
    notes: str = ""


@dataclass
class FakeSystem:
    """A platform in memory. ``faults`` are raised by the next calls of that name, in order."""

    name: str
    providers: Collection[str]
    clock: FakeClock
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(lag=timedelta(0)))
    events: dict[str, Held] = field(default_factory=dict)
    customers: dict[str, Person] = field(default_factory=dict)
    faults: dict[str, list[BaseException]] = field(default_factory=dict)
    writes: list[Operation] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    odd: dict[str, str] = field(default_factory=dict)
    unnamed: dict[str, datetime] = field(default_factory=dict)
    """Providers whose list contains a row without an id, each with the row's time."""
    unnamed_kinds: frozenset[Kind] = frozenset(Kind)
    ownerless: set[str] = field(default_factory=set)
    """Events that the list shows without an owner."""
    unknown: set[str] = field(default_factory=set)
    """Events that cannot be read by id."""
    asked: list[str] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    refused: Mapping[str, RejectedError] = field(default_factory=dict)
    told_users: Mapping[str, str] = field(default_factory=dict)
    empty_users: bool = False
    empty: bool = False
    skew: timedelta | None = None
    """How far the platform's clock is ahead of the host's."""
    incomplete: bool = False
    holes: Sequence[Window] = ()
    strip_keys: bool = False
    queue: list[Operation] = field(default_factory=list)
    queued: bool = False
    hides_cancelled: bool = False
    """Lists omit cancelled appointments."""
    lists_blocks: bool = True
    leaky: bool = False
    by_start: bool = False
    resets: bool = False
    tells_times: bool = True
    """Rows contain the times of creation and last change."""
    refuses: dict[str, PlatformError] = field(default_factory=dict)
    """The fault that a read of these events by id raises."""
    refuses_gone: bool = False
    """Reads of deleted events are answered with status 400."""
    rooms: dict[str, int] = field(default_factory=dict)
    kept_free: dict[str, Buffer] = field(default_factory=dict)
    reads: int = 0
    numbers: Any = field(default_factory=count)
    facts: FactStore = field(init=False)
    measured: MeasuredFacts = field(init=False)

    def __post_init__(self) -> None:
        """Start without measured facts."""
        self.facts = FactStore(self.name, self.clock)
        self.measured = MeasuredFacts("", self.facts)

    # the outside

    def book(
        self, provider: str, value: Value, customer: str | None = None, service: str = "s"
    ) -> str:
        now = self.clock.now()
        return self._put(Held(provider, Kind.APPOINTMENT, value, customer, "", now, service, now))

    def human_block(self, provider: str, value: Value) -> str:
        return self._put(Held(provider, Kind.BLOCK, value, None, "lunch", self.clock.now()))

    def move(self, event: str, value: Value) -> None:
        self.events[event] = replace(self.events[event], value=value, updated_at=self.clock.now())

    def cancel(self, event: str) -> None:
        held = self.events[event]
        self.move(event, replace(held.value, status=Status.CANCELLED))

    def delete(self, event: str) -> None:
        del self.events[event]

    def blocks(self, provider: str | None = None) -> list[tuple[datetime, datetime]]:
        return sorted(
            h.value.interval
            for h in self.events.values()
            if h.kind is Kind.BLOCK and provider in {None, h.provider}
        )

    def run_queue(self) -> None:
        for operation in self.queue:
            self._apply(operation)
        self.queue.clear()

    def _put(self, held: Held) -> str:
        event = f"{self.name}{next(self.numbers)}"
        self.events[event] = held
        return event

    # the port

    async def read(
        self,
        window: Window,
        providers: Collection[str] | None = None,
        known: Mapping[str, str] = NOTHING_KNOWN,
        *,
        look_back: timedelta = NO_LOOK_BACK,
    ) -> Snapshot:
        self.reads += 1
        asked = window.from_earlier(look_back)
        self._fail("read")
        chosen = set(self.providers if providers is None else providers)
        rows = [
            Row(event, h.provider, f"{h.value}|{h.provider}|{h.customer}", h)
            for event, h in self.events.items()
            if h.provider in chosen
            and event not in self.hidden
            and not self.empty
            and window.overlaps(h.value)
            and (h.value.start >= asked.start or not self.by_start)
            and (self.lists_blocks or h.kind is Kind.APPOINTMENT)
            and (h.value.busy or not self.hides_cancelled)
            and not any(hole.overlaps(h.value) for hole in self.holes)
        ]
        rows = [row for row in rows if row.provider not in self.refused]
        unnamed = {p for p, at in self.unnamed.items() if at in window} & chosen
        malformed = [
            UnreadableError(self.name, f"list of {p}", "1 row has no id", providers=[p])
            for p in unnamed
        ]
        ownerless = [row for row in rows if row.id in self.ownerless]
        malformed += [UnreadableError(self.name, row.id, "names no owner") for row in ownerless]
        rows = [row for row in rows if row not in ownerless]
        covered = chosen - self.refused.keys() - unnamed
        kinds = frozenset(Kind) if self.lists_blocks else frozenset({Kind.APPOINTMENT})
        coverage = [
            Coverage(self.name, p, kinds, span, self.clock.now())
            for p in covered
            for span in uncovered(asked, self.holes)
        ]
        if rest := kinds - self.unnamed_kinds:
            coverage += [Coverage(self.name, p, rest, asked, self.clock.now()) for p in unnamed]
        malformed += [
            UnreadableError(self.name, "", "it is cut", Topic.LIST, p)
            for p in covered
            if self.holes
        ]
        same = {row.id for row in rows if known.get(row.id) == row.fingerprint}
        news = [row for row in rows if row.id not in same]
        return Snapshot(
            self.name,
            news,
            [] if self.incomplete else coverage,
            same=same,
            malformed=malformed,
            refused=self.refused,
            users=self.told_users,
            unproven=[Unproven(p, kinds & self.unnamed_kinds, asked) for p in unnamed],
        )

    def event(self, row: Row) -> Event:
        held = row.wire
        assert isinstance(held, Held)
        if row.id in self.broken:
            raise UnreadableError(self.name, row.id, "it ends before it starts")
        return self._event(row.id, held)

    def _event(self, event: str, held: Held) -> Event:
        value = held.value
        try:
            value = read_value(value.start, value.end, value.status, self.clock.now())
        except ValueError as error:
            raise UnreadableError(self.name, event, str(error)) from None
        return Event(
            self.name,
            held.provider,
            event,
            held.kind,
            value,
            customer=held.customer,
            service=held.service,
            key=find_tag(held.title),
            updated_at=self._time(held.updated_at),
            created_at=self._time(held.created_at),
            assumption=self.odd.get(event, ""),
            owner=held.provider,
        )

    def _time(self, at: datetime | None) -> datetime | None:
        return None if at is None or not self.tells_times else at + (self.skew or timedelta(0))

    async def read_one(self, ref: EventRef, value: Value | None = None) -> LookupResult:
        del value
        self._fail("read_one")
        self.asked.append(ref.id)
        if ref.id in self.unknown:
            return Unknown()
        if ref.id in self.refuses:
            raise self.refuses[ref.id]
        held = self.events.get(ref.id)
        if held is None and self.refuses_gone:
            return Unknown("answered 400", refused=True)
        try:
            return Gone() if held is None else Found(self._event(ref.id, held))
        except UnreadableError as error:
            return Unknown(str(error))

    async def whole(self, ref: EventRef) -> EventFields:
        """Read all fields of an event."""
        self._fail("whole")
        held = self.events.get(ref.id)
        if held is None:
            raise RejectedError(self.name, "whole", why=RejectionReason.GONE)
        start, end = held.value.interval
        tree = {
            "start": start.isoformat(),
            "end": end.isoformat(),
            "status": str(held.value.status),
            "title": held.title,
            "provider": held.provider,
            "person": held.customer,
            "notes": held.notes,
        }
        return event_fields(tree, held.value.status, "secret")

    async def users(self) -> UserDirectory:
        """Return the users: those of all providers and of all events."""
        self._fail("users")
        others = {h.provider for h in self.events.values()} - {""}
        present = ({*self.providers} | others) - self.missing
        mapped = {p: p if p in present else None for p in self.providers}
        listed = bool(present) and not self.empty_users
        return UserDirectory(frozenset(present), mapped=mapped, listed=listed)

    async def customer(self, event: Event) -> Person | None:
        self._fail("person")
        return self.customers.get(event.customer or "")

    async def write(self, operations: Sequence[Operation]) -> Reply:
        self._fail("write")
        self.writes.extend(operations)
        if self.queued and operations[0].action in self.capabilities.asynchronous:
            self.queue.extend(operations)
            return Accepted("job1")
        ids = [self._apply(operation) for operation in operations]
        if self.resets:
            for operation in operations:
                self._put_back(operation)
        lost = self.faults.get("reply", [])
        if lost:
            raise lost.pop(0)
        return Done([(event, None) for event in ids])

    def _apply(self, operation: Operation) -> str:
        if operation.event is None:
            assert operation.after is not None
            title = "Busy" if self.strip_keys else embed_tag("Busy", operation.key or "")
            return self._put(Held(operation.provider, Kind.BLOCK, operation.after, None, title))
        if operation.event not in self.events:
            raise RejectedError(self.name, "write", why=RejectionReason.GONE)
        if operation.action is Action.REMOVE_BLOCK:
            del self.events[operation.event]
        elif operation.after is not None:
            reset = self.resets and operation.action is Action.MOVE_APPOINTMENT
            status = Status.CONFIRMED if reset else operation.after.status
            self.move(operation.event, replace(operation.after, status=status))
        return operation.event

    def _put_back(self, operation: Operation) -> None:
        """Restore a status that the update reset, as the adapter does within the same write."""
        wanted, held = operation.after, self.events.get(operation.event or "")
        if wanted is not None and held is not None and held.value.status is not wanted.status:
            self.move(operation.event or "", wanted)

    async def free_slots(self, provider: str, window: Window) -> Sequence[Offer]:
        """Return all time without events; the blocks of a leaky system take none."""
        self._fail("free_slots")
        taken = sorted(
            h.value.interval
            for h in self.events.values()
            if h.provider == provider and h.value.busy and not (self.leaky and h.kind is Kind.BLOCK)
        )
        free, start = [], window.start
        for begin, end in taken:
            if start < begin:
                free.append(Offer(start, min(begin, window.end), "seat"))
            start = max(start, end)
        return [*free, Offer(start, window.end, "seat")]

    def plan(self, window: Window, providers: Collection[str] | None = None) -> Sequence[ListCall]:
        asked = frozenset(self.providers if providers is None else providers)
        return [ListCall("GET events", frozenset(Kind), "all", (), asked, window)]

    def calls_per_read(self, window: Window, providers: Collection[str] | None = None) -> int:
        return len(self.plan(window, providers))

    async def check(self) -> Sequence[CheckResult]:
        return []

    @property
    def seats(self) -> Mapping[str, int]:
        """Set by the test."""
        return self.rooms

    @property
    def buffers(self) -> Mapping[str, Buffer]:
        """Set by the test."""
        return self.kept_free

    @property
    def traffic(self) -> CallStats:
        return CallStats(reads=self.reads, writes=len(self.writes), skew=self.skew)

    async def prober(self) -> Prober:
        raise RejectedError(self.name, detail="nothing of it is uncertain")

    async def aclose(self) -> None:
        return None

    def _fail(self, call: str) -> None:
        waiting = self.faults.get(call)
        if waiting:
            raise waiting.pop(0)


def lost_reply(system: str) -> PlatformError:
    """A write without an answer."""
    return UnknownOutcomeError(system, "POST /", detail="connection lost")
