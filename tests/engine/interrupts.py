"""A business whose engine can be stopped dead at any step, and what is left of it afterwards.

A step is an instant at which a process can end: before and after each commit of `Store.apply`, and
before and after the effect of each call to a system. After the last one nothing of the process
does anything any more, in no task, until the business is restarted from disk.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copyfile

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection

from syncd.engine.agenda import Agenda
from syncd.engine.report import Report
from syncd.model import (
    Action,
    Changes,
    Event,
    EventRef,
    Kind,
    Operation,
    Person,
    Role,
    Status,
    Value,
    Window,
)
from syncd.store.created import beside
from syncd.store.store import Store
from syncd.systems.port import NOTHING_KNOWN, Capabilities, Reply, Sighting, Snapshot
from tests.core.kit import SYSTEMS
from tests.engine.conftest import Shop, make_engine
from tests.engine.fakes import FakeClock, FakeSystem

LAG = timedelta(seconds=30)
QUEUE = timedelta(seconds=2)
"""How long a platform takes to carry out what it only accepted."""

MOST_RESYNCS = 4


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Steps:
    """The steps of a process, named in order; it ends at the one numbered ``end`` (from 1)."""

    end: int | None = None
    passed: list[str] = field(default_factory=list)
    counting: bool = False

    @contextmanager
    def counted(self, end: int | None) -> Iterator[None]:
        """Count the steps of what is done inside, and let it end at that one."""
        self.end, self.passed, self.counting = end, [], True
        try:
            yield
        finally:
            self.counting = False

    def step(self, name: str) -> None:
        """One step; raises Killed if it is the last one, or if that has passed."""
        if not self.counting:
            return
        if self.end is not None and len(self.passed) >= self.end:
            raise Killed
        self.passed.append(name)
        if len(self.passed) == self.end:
            raise Killed

    @contextmanager
    def around(self, name: str) -> Iterator[None]:
        """A step before, and one after, also where the answer would have been a refusal."""
        self.step(f"before {name}")
        try:
            yield
        finally:
            self.step(f"after {name}")


class MortalStore(Store):
    """A store that a process can die before and after writing to."""

    steps: Steps

    @classmethod
    def begin(cls, path: Path, steps: Steps) -> MortalStore:
        """Open the state; the disk is not waited for, as it outlives a process anyhow."""
        store = cls.open(path)
        store.steps = steps
        if store.created is not None:
            store.created.wait = lambda _descriptor: None
        event.listen(store._engine, "connect", _without_waiting)
        store._engine.dispose()
        return store

    def apply(self, *steps: Changes) -> None:
        kept = [name for name in Changes.__slots__ if any(getattr(step, name) for step in steps)]
        with self.steps.around(f"storing {', '.join(kept) or 'nothing'}"):
            super().apply(*steps)


def _without_waiting(connection: DBAPIConnection, _record: object) -> None:
    connection.cursor().execute("PRAGMA synchronous=OFF")


@dataclass
class MortalSystem(FakeSystem):
    """A system that a process can die before and after calling; it remembers what took effect.

    Calls take a turn of the loop, so that those to different systems interleave.
    """

    steps: Steps = field(default_factory=Steps)
    effects: Counter[str] = field(default_factory=Counter)
    twice: list[str] = field(default_factory=list)
    made: set[str] = field(default_factory=set)
    ripe_at: datetime | None = None

    @asynccontextmanager
    async def _call(self, name: str) -> AsyncIterator[None]:
        await asyncio.sleep(0)
        if self.ripe_at is not None and self.clock.now() >= self.ripe_at:
            self.run_queue()
        with self.steps.around(f"{self.name}.{name}"):
            yield
        await asyncio.sleep(0)

    async def read(
        self,
        window: Window,
        providers: Collection[str] | None = None,
        known: Mapping[str, str] = NOTHING_KNOWN,
    ) -> Snapshot:
        async with self._call("read"):
            return await super().read(window, providers, known)

    async def read_one(self, ref: EventRef, value: Value | None = None) -> Sighting:
        async with self._call("read_one"):
            return await super().read_one(ref, value)

    async def person(self, event: Event) -> Person | None:
        async with self._call("person"):
            return await super().person(event)

    async def write(self, operations: Sequence[Operation]) -> Reply:
        async with self._call(f"write {operations[0].action}"):
            self.ripe_at = self.clock.now() + QUEUE
            return await super().write(operations)

    def _put_back(self, operation: Operation) -> None:
        reset = self.events[operation.event].value if operation.event in self.events else None
        wanted = operation.after
        if reset is not None and wanted is not None and reset.status is not wanted.status:
            with self.steps.around(f"{self.name}.putting back"):
                super()._put_back(operation)
                # By a later write or within this one: it is the same effect.
                self.effects[f"{Action.SET_STATUS} {reset} > {wanted}"] += 1

    def _apply(self, operation: Operation) -> str:
        event = super()._apply(operation)
        self.effects[f"{operation.action} {operation.before} > {operation.after}"] += 1
        if operation.action is Action.CREATE_BLOCK:
            self.made.add(event)
            here = self.events[event]
            standing = [
                e
                for e in self.made & self.events.keys()
                if self.events[e].provider == here.provider
                and self.events[e].value.interval == here.value.interval
            ]
            if len(standing) > 1:
                self.twice.append(f"{operation.after} on {self.name}")
        return event


@dataclass
class Numbers:
    """0, 1, 2 …, in a form that can be copied."""

    following: int = 0

    def __iter__(self) -> Iterator[int]:
        """Itself."""
        return self

    def __next__(self) -> int:
        """The following number."""
        self.following += 1
        return self.following - 1


@dataclass
class MortalShop(Shop):
    """The business; its configuration (mapping and policy) outlives a restart."""

    steps: Steps

    @classmethod
    def open(cls, path: Path) -> MortalShop:
        """The business, empty, with its state at this path."""
        clock, steps = FakeClock(), Steps()
        a, b, c = (
            MortalSystem(
                name, ("p", "q"), clock, Capabilities(lag=LAG), steps=steps, numbers=Numbers()
            )
            for name in SYSTEMS
        )
        return cls._over(path, clock, (a, b, c), Numbers(), steps)

    @classmethod
    def _over(
        cls,
        path: Path,
        clock: FakeClock,
        systems: tuple[MortalSystem, MortalSystem, MortalSystem],
        rows: Iterator[int],
        steps: Steps,
    ) -> MortalShop:
        store = MortalStore.begin(path, steps)
        engine = make_engine(store, clock, systems, rows)
        return cls(path, clock, *systems, store, engine, rows, steps)

    @property
    def mortals(self) -> list[MortalSystem]:
        """The systems, as what they are."""
        return [s for s in self.systems if isinstance(s, MortalSystem)]

    def copy(self, path: Path) -> MortalShop:
        """The same business, its store closed, once more: with its state at this path."""
        copyfile(self.path, path)
        beside(path).unlink(missing_ok=True)
        if beside(self.path).exists():
            copyfile(beside(self.path), beside(path))
        clock, (a, b, c), rows, steps = deepcopy((self.clock, self.mortals, self.rows, self.steps))
        twin = self._over(path, clock, (a, b, c), rows, steps)
        twin.engine = replace(twin.engine, mapping=self.engine.mapping, policy=self.engine.policy)
        return twin

    def restart(self) -> None:
        self.store.close()
        self.store = MortalStore.begin(self.path, self.steps)
        self.engine = replace(self.engine, store=self.store, agenda=Agenda(), answered=set())

    def configure(self, mapping: Mapping[str, Sequence[str]]) -> None:
        """Start the engine of the same state with another mapping."""
        self.engine = replace(self.engine, mapping=mapping)

    def left(self) -> str:
        """All that a process finds when it starts: the time, the state, the systems."""
        with closing(sqlite3.connect(self.path)) as state:
            rows = "\n".join(state.iterdump())
        return repr((self.clock.time, rows, [(s.events, s.queue) for s in self.mortals]))


Act = Callable[[MortalShop], None]
Run = Callable[[MortalShop], Coroutine[None, None, Report]]


async def resync(shop: MortalShop) -> Report:
    """What a person or the daemon runs, and runs again after a stop."""
    return await shop.engine.resync()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A business at rest after ``arrange``, then ``act`` outside, then the run under test."""

    name: str
    arrange: Act
    act: Act
    run: Run = resync


@dataclass(frozen=True, slots=True)
class Ending:
    """What is left in the end, without ids.

    Events by system; agreed values; which system's event plays which role for them, and whether
    syncd knows it as its own; the writes that took effect, by system.
    """

    outside: Mapping[str, Sequence[tuple[Kind, str, datetime, datetime, Status]]]
    agreed: Sequence[tuple[str, Kind, datetime, datetime, Status]]
    replicas: Sequence[tuple[str, datetime, datetime, str, Role, bool]]
    effects: Mapping[str, Counter[str]]


def ending(shop: MortalShop) -> Ending:
    """What stands now."""
    bookings = {b.id: b for b in shop.store.bookings()}
    states = [shop.store.state(p) for p in shop.engine.mapping]
    mine = {(r.system, r.id) for state in states for r in state.records if r.mine}
    return Ending(
        outside={
            s.name: sorted(
                (h.kind, h.provider, *h.value.interval, h.value.status) for h in s.events.values()
            )
            for s in shop.mortals
        },
        agreed=sorted(
            (b.provider, b.kind, *b.agreed.interval, b.agreed.status) for b in bookings.values()
        ),
        replicas=sorted(
            (
                state.provider,
                *bookings[r.booking].agreed.interval,
                r.system,
                r.role,
                (r.system, r.event) in mine,
            )
            for state in states
            for r in state.replicas
        ),
        effects={s.name: Counter(s.effects) for s in shop.mortals},
    )


def _at_rest(scenario: Scenario, path: Path) -> MortalShop:
    """The business just before the run under test, its store closed."""
    shop = MortalShop.open(path)
    scenario.arrange(shop)
    _settle(scenario, shop)
    shop.clock.pass_(minutes=5)
    scenario.act(shop)
    for system in shop.mortals:
        system.effects.clear()
    shop.store.close()
    return shop


def _start(scenario: Scenario, shop: MortalShop, end: int | None = None) -> None:
    """The run under test, stopped dead at a step or undisturbed."""
    with shop.steps.counted(end), suppress(Killed):
        # A loop of its own, as a process has: whatever still waits in it dies with it.
        asyncio.run(scenario.run(shop))


def _finish(scenario: Scenario, shop: MortalShop) -> Ending:
    """Start again, come to rest, and prove that it is rest."""
    shop.restart()
    shop.clock.pass_(seconds=2 * LAG.total_seconds())
    _settle(scenario, shop)
    found = ending(shop)
    before = shop.writes()
    asyncio.run(shop.engine.resync())
    assert shop.writes() == before, "a finished run is followed by writes"
    assert not [t for s in shop.mortals for t in s.twice], "two creates stood at one interval"
    return found


def _settle(scenario: Scenario, shop: MortalShop) -> None:
    for _ in range(MOST_RESYNCS):
        report = asyncio.run(scenario.run(shop))
        if report.converged:
            return
    raise AssertionError(f"not at rest after {MOST_RESYNCS} runs: {report}")


def interrupted_everywhere(scenario: Scenario, folder: Path) -> int:
    """Stop a scenario dead at every step; return their number.

    Raises AssertionError, with the step, where an interrupted run ends otherwise than one that is
    left alone. Steps that leave the same behind (before and after a read, say) are finished once.
    """
    rest = _at_rest(scenario, folder / "rest.db")
    whole = rest.copy(folder / "whole.db")
    _start(scenario, whole)
    passed = whole.steps.passed
    wanted = _finish(scenario, whole)
    whole.store.close()
    finished: set[str] = set()
    for end, name in enumerate(passed, start=1):
        where = f"{scenario.name}, stopped at step {end} of {len(passed)}, {name}"
        shop = rest.copy(folder / "stopped.db")
        try:
            _start(scenario, shop, end)
            assert shop.steps.passed == passed[:end], f"{where}: it took another way there"
            left = shop.left()
            if left not in finished:
                finished.add(left)
                found = _finish(scenario, shop)
                same = found == wanted  # of the two, pytest would look for every difference
                assert same, f"\n{found}\ninstead of\n{wanted}"
        except AssertionError as why:
            raise AssertionError(f"{where}: {why}") from why
        finally:
            shop.store.close()
    return len(passed)
