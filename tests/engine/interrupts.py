"""Run a business whose engine can be killed at any step, and compare how it ends.

A step is an instant at which a process can end: before and after each commit of `Store.apply`, and
before and after the effect of each call to a system. A process that is killed there leaves what is
on disk and in the systems. Both are copied at each step of one run, and another process continues
with the copy.
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
from contextlib import asynccontextmanager, closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copyfile

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection

from syncd.engine.deciding.dirty import DirtyProviders
from syncd.engine.engine import Engine
from syncd.engine.report.run_report import Report
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
from syncd.store.backup.created_ids import created_ids_path
from syncd.store.store import Store
from syncd.systems.lookup_results import LookupResult
from syncd.systems.port import NO_LOOK_BACK, NOTHING_KNOWN, Capabilities, Snapshot
from syncd.systems.replies import Reply
from tests.core.kit import SYSTEMS
from tests.engine.conftest import Rig, make_engine
from tests.engine.fakes import FakeClock, FakeSystem

LAG = timedelta(seconds=30)
QUEUE = timedelta(seconds=2)
"""How long a platform takes to carry out a queued write."""

MOST_RESYNCS = 4


@dataclass
class Steps:
    """The named steps of a process in order; ``at`` is called at each."""

    passed: list[str] = field(default_factory=list)
    at: Callable[[], None] | None = None

    @contextmanager
    def watched(self, at: Callable[[], None]) -> Iterator[None]:
        """Record the steps in this context."""
        self.passed, self.at = [], at
        try:
            yield
        finally:
            self.at = None

    def step(self, name: str) -> None:
        """Record one step."""
        if self.at is not None:
            self.passed.append(name)
            self.at()

    @contextmanager
    def around(self, name: str) -> Iterator[None]:
        """Record a step before and after the call, even if it raises."""
        self.step(f"before {name}")
        try:
            yield
        finally:
            self.step(f"after {name}")


class MortalStore(Store):
    """A store whose process can die before and after each write."""

    steps: Steps

    @classmethod
    def begin(cls, path: Path, steps: Steps) -> MortalStore:
        """Open the state without waiting for the disk, which outlives the process anyway."""
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
    """A system whose process can die before and after each call; it records the calls' effects.

    Calls yield to the event loop, so that calls to different systems interleave.
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
        *,
        look_back: timedelta = NO_LOOK_BACK,
    ) -> Snapshot:
        async with self._call("read"):
            return await super().read(window, providers, known, look_back=look_back)

    async def read_one(self, ref: EventRef, value: Value | None = None) -> LookupResult:
        async with self._call("read_one"):
            return await super().read_one(ref, value)

    async def customer(self, event: Event) -> Person | None:
        async with self._call("person"):
            return await super().customer(event)

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
    """A counter from 0 that can be copied."""

    following: int = 0

    def __iter__(self) -> Iterator[int]:
        """Return the counter."""
        return self

    def __next__(self) -> int:
        """Return the next number."""
        self.following += 1
        return self.following - 1


@dataclass
class MortalRig(Rig):
    """The business; its configuration (mapping and policy) survives a restart."""

    steps: Steps

    @classmethod
    def open(cls, path: Path) -> MortalRig:
        """Create an empty business whose state is at this path."""
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
    ) -> MortalRig:
        store = MortalStore.begin(path, steps)
        engine = make_engine(store, clock, systems, rows)
        return cls(path, clock, *systems, store, engine, rows, steps)

    @property
    def mortals(self) -> list[MortalSystem]:
        """Return the systems with their concrete type."""
        return [s for s in self.systems if isinstance(s, MortalSystem)]

    def leave(self, path: Path) -> Left:
        """Copy what a process that ends now leaves behind; its state goes to this path.

        The SQLite log is copied with the file, because commits may be in the log only.
        """
        for source, target in (
            (self.path, path),
            (Path(f"{self.path}-wal"), Path(f"{path}-wal")),
            (created_ids_path(self.path), created_ids_path(path)),
        ):
            target.unlink(missing_ok=True)
            if source.exists():
                copyfile(source, target)
        shared = {id(self.steps): Steps()}
        clock, systems, rows = deepcopy((self.clock, self.mortals, self.rows), shared)
        return Left(path, clock, systems, rows, self.engine)

    def restart(self) -> None:
        self.store.close()
        self.store = MortalStore.begin(self.path, self.steps)
        self.engine = replace(
            self.engine, store=self.store, dirty=DirtyProviders(), answered_calendars=set()
        )

    def configure(self, mapping: Mapping[str, Sequence[str]]) -> None:
        """Start the engine of the same state with another mapping."""
        self.engine = replace(self.engine, mapping=mapping)


@dataclass
class Left:
    """What a process leaves behind: files, the systems outside, and its configuration."""

    path: Path
    clock: FakeClock
    mortals: list[MortalSystem]
    rows: Iterator[int]
    engine: Engine

    def enter(self) -> MortalRig:
        """Start the next process with it."""
        a, b, c = self.mortals
        rig = MortalRig._over(self.path, self.clock, (a, b, c), self.rows, a.steps)
        rig.engine = replace(rig.engine, mapping=self.engine.mapping, policy=self.engine.policy)
        return rig

    def __str__(self) -> str:
        """Return a key of what the next process finds: the time, the state, the systems."""
        with closing(sqlite3.connect(self.path)) as state:
            rows = "\n".join(state.iterdump())
        return repr((self.clock.time, rows, [(s.events, s.queue) for s in self.mortals]))


Act = Callable[[MortalRig], None]
Run = Callable[[MortalRig], Coroutine[None, None, Report]]


async def resync(rig: MortalRig) -> Report:
    """Run a resync, as a person or the daemon does, also again after a stop."""
    return await rig.engine.resync()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A settled business after ``arrange``, an outside change ``act``, and the run under test."""

    name: str
    arrange: Act
    act: Act
    run: Run = resync


@dataclass(frozen=True, slots=True)
class Ending:
    """The final state without ids.

    Events by system; agreed values; the role of each system's event for them, and whether syncd
    knows it as its own; the writes that took effect, by system.
    """

    outside: Mapping[str, Sequence[tuple[Kind, str, datetime, datetime, Status]]]
    agreed: Sequence[tuple[str, Kind, datetime, datetime, Status]]
    replicas: Sequence[tuple[str, datetime, datetime, str, Role, bool]]
    effects: Mapping[str, Counter[str]]


def ending(rig: MortalRig) -> Ending:
    """Return the current state."""
    bookings = {b.id: b for b in rig.store.bookings()}
    states = [rig.store.state(p) for p in rig.engine.mapping]
    mine = {(r.system, r.id) for state in states for r in state.records if r.created_by_us}
    return Ending(
        outside={
            s.name: sorted(
                (h.kind, h.provider, *h.value.interval, h.value.status) for h in s.events.values()
            )
            for s in rig.mortals
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
        effects={s.name: Counter(s.effects) for s in rig.mortals},
    )


def _at_rest(scenario: Scenario, folder: Path) -> MortalRig:
    """Prepare the business just before the run under test."""
    rig = MortalRig.open(folder / "arranged.db")
    scenario.arrange(rig)
    _settle(scenario, rig)
    rig.clock.pass_(minutes=5)
    scenario.act(rig)
    for system in rig.mortals:
        system.effects.clear()
    rig.restart()
    return rig


def _finish(scenario: Scenario, rig: MortalRig) -> Ending:
    """Run until nothing is left to do, and check that another run changes nothing."""
    rig.clock.pass_(seconds=2 * LAG.total_seconds())
    _settle(scenario, rig)
    found = ending(rig)
    before = rig.writes()
    asyncio.run(rig.engine.resync())
    assert rig.writes() == before, "a finished run is followed by writes"
    assert not [t for s in rig.mortals for t in s.twice], "two creates stood at one interval"
    return found


def _settle(scenario: Scenario, rig: MortalRig) -> None:
    for _ in range(MOST_RESYNCS):
        report = asyncio.run(scenario.run(rig))
        if report.converged:
            return
    raise AssertionError(f"not at rest after {MOST_RESYNCS} runs: {report}")


def interrupted_everywhere(scenario: Scenario, folder: Path) -> int:
    """Kill a scenario at every step; return the number of steps.

    Raises AssertionError, with the step, if an interrupted run ends differently from an
    uninterrupted one. Steps that leave the same behind (before and after a read, for example) are
    continued once.
    """
    whole = _at_rest(scenario, folder)
    killed: dict[str, tuple[str, Left]] = {}

    def end_here() -> None:
        number, name = len(whole.steps.passed), whole.steps.passed[-1]
        left = whole.leave(folder / f"stopped{number}.db")
        killed.setdefault(str(left), (f"stopped at step {number}, {name}", left))

    with whole.steps.watched(end_here):
        asyncio.run(scenario.run(whole))
    passed = len(whole.steps.passed)
    whole.restart()
    wanted = _finish(scenario, whole)
    whole.store.close()
    for where, left in killed.values():
        rig = left.enter()
        try:
            found = _finish(scenario, rig)
            same = found == wanted  # of the two, pytest would look for every difference
            assert same, f"\n{found}\ninstead of\n{wanted}"
        except AssertionError as why:
            raise AssertionError(f"{scenario.name}, {where} of {passed}: {why}") from why
        finally:
            rig.store.close()
    return passed
