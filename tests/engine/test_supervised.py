"""An unexpected exception in the work of one system is the fault of that system only."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from syncd.engine.report.run_report import SystemStatus
from syncd.engine.tasks.breaker import BreakerSystem
from syncd.model import (
    MAX_DAILY_WAIT,
    Action,
    Changes,
    Event,
    IntentState,
    Kind,
    Operation,
    Person,
    SystemState,
    Window,
)
from syncd.store import StateError
from syncd.store.store import Store
from syncd.systems.errors import (
    IncompleteReadError,
    PlatformError,
    RateLimitedError,
    RetryableError,
    UnknownOutcomeError,
    UnreadableError,
)
from syncd.systems.port import Row
from tests.core.kit import NOW, v
from tests.engine.conftest import Rig
from tests.engine.fakes import FakeClock, FakeSystem

SAID = "Kim Example"
UNEXPECTED = [
    OverflowError(SAID),
    RecursionError(SAID),
    MemoryError(SAID),
    LookupError(SAID),
    UnicodeEncodeError("utf-8", SAID, 0, 1, SAID),
    AssertionError(SAID),
]


def names(errors: list[Exception]) -> list[str]:
    return [type(error).__name__ for error in errors]


@pytest.mark.parametrize("error", UNEXPECTED, ids=names(UNEXPECTED))
async def test_a_read_that_raises_stops_no_other_system(rig: Rig, error: Exception) -> None:
    rig.c.faults["read"] = [error]
    rig.a.book("p", v(9))
    with capture_logs() as logs:
        report = await rig.engine.poll(near=True)
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": []}
    assert report.systems["c"].state is SystemStatus.DOWN
    assert type(error).__name__ in report.systems["c"].cause
    assert SAID not in f"{report} {logs}"
    assert [each["system"] for each in logs if each["log_level"] == "error"] == ["c"]
    assert (await rig.engine.resync()).converged
    assert rig.blocks()["c"] == [v(9).interval]


async def test_nothing_is_freed_by_a_read_that_raises(rig: Rig) -> None:
    rig.a.book("p", v(9))
    await rig.engine.resync()
    rig.a.faults["read"] = [ValueError(SAID)] * 3
    for _ in range(3):
        await rig.engine.poll(near=True)
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}


async def test_what_was_seen_is_stored_whole_or_not_at_all(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.a.book("p", v(9))
    rig.a.book("p", v(11))
    read, rows = rig.a.event, iter([False, True])

    def stumble(row: Row) -> Event:
        if next(rows, False):
            raise TypeError(SAID)
        return read(row)

    monkeypatch.setattr(rig.a, "event", stumble)
    report = await rig.engine.poll(near=True)
    assert (report.news, report.systems["a"].state, rig.writes()) == (0, SystemStatus.DOWN, 0)
    assert (await rig.engine.resync()).converged
    assert rig.blocks()["b"] == [v(9).interval, v(11).interval]


async def test_a_write_that_raises_after_it_was_sent_is_looked_for(rig: Rig) -> None:
    rig.c.faults["reply"] = [KeyError(SAID)]
    rig.a.book("p", v(9))
    report = await rig.engine.poll(near=True)
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    (left,) = rig.store.pending_intents()
    assert (left.state, left.operation.system) == (IntentState.OPEN, "c")
    assert "KeyError" in " ".join(report.failures)
    assert SAID not in f"{report}"
    assert (await rig.engine.resync()).converged
    assert rig.blocks()["c"] == [v(9).interval]
    made = [o for o in rig.c.writes if o.action is Action.CREATE_BLOCK]
    assert len(made) == 1


async def test_an_exception_while_checking_a_write_leaves_it_open(rig: Rig) -> None:
    rig.b.faults["reply"] = [ValueError(SAID)]
    rig.c.faults["reply"] = [ValueError(SAID)]
    rig.a.book("p", v(9))
    await rig.engine.poll(near=True)
    rig.c.faults["read"] = [ValueError(SAID)]
    await rig.engine.poll(near=True)
    assert [i.operation.system for i in rig.store.pending_intents()] == ["c"]
    assert (await rig.engine.resync()).converged
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}


async def test_a_state_that_cannot_be_written_stops_the_cycle(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.a.book("p", v(9))
    applied, full = rig.store.apply, iter([True])

    def apply(*steps: Changes) -> None:
        if next(full, False):
            raise StateError("state.db", "the disk is full", "Free some space.")
        applied(*steps)

    monkeypatch.setattr(rig.store, "apply", apply)
    with pytest.raises(StateError):
        await rig.engine.poll(near=True)
    assert rig.writes() == 0
    assert (await rig.engine.resync()).converged
    assert rig.blocks()["b"] == [v(9).interval]


async def test_odd_free_slots_and_customers_stop_nothing(rig: Rig) -> None:
    rig.a.book("p", v(9), customer="1")
    rig.b.book("p", v(9), customer="2")
    rig.a.faults["person"] = [TypeError(SAID)]
    rig.b.customers["2"] = Person(("kim\ud83d@example.com",), ())
    rig.c.faults["free_slots"] = [ValueError(SAID)] * 2
    await rig.engine.resync()
    await rig.engine.read_free_slots()
    assert rig.blocks()["c"] == [v(9).interval]


# --- the boundary around each system ------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "state.db")
    yield opened
    opened.close()


@pytest.fixture
def system() -> FakeSystem:
    return FakeSystem("a", ["p"], FakeClock())


def window(system: FakeSystem) -> Window:
    return Window(system.clock.now(), system.clock.now() + timedelta(days=2))


def create() -> Operation:
    return Operation(Action.CREATE_BLOCK, "a", "p", Kind.BLOCK, None, None, v(9), key="k")


async def test_each_call_of_a_system_raises_its_faults_only(
    store: Store, system: FakeSystem
) -> None:
    attended = BreakerSystem(system, store, system.clock)
    event = system.book("p", v(9), customer="1")
    (row,) = (await attended.read(window(system))).rows
    seen = attended.event(row)
    asks: dict[str, Callable[[], Awaitable[object]]] = {
        "read": lambda: attended.read(window(system)),
        "read_one": lambda: attended.read_one(seen.ref),
        "person": lambda: attended.customer(seen),
        "free_slots": lambda: attended.free_slots("p", window(system)),
    }
    for call, ask in asks.items():
        system.faults[call] = [OverflowError(SAID)]
        with pytest.raises(IncompleteReadError, match="OverflowError at syncd"):
            await ask()
    assert attended.health.state is SystemState.DOWN
    assert "OverflowError" in attended.health.cause
    assert event == seen.id


def test_an_exception_in_parsing_affects_only_that_row(
    store: Store, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_row: object) -> None:
        raise TypeError(SAID)

    monkeypatch.setattr(system, "event", stumble)
    with pytest.raises(UnreadableError, match="it cannot be parsed: TypeError"):
        BreakerSystem(system, store, system.clock).event(Row("1", "p", "", None))


@pytest.mark.parametrize(
    ("call", "fault"),
    [("write", RetryableError), ("reply", UnknownOutcomeError)],
    ids=["unsent", "sent"],
)
async def test_a_write_that_raises_is_ambiguous_once_it_was_sent(
    store: Store, system: FakeSystem, call: str, fault: type[PlatformError]
) -> None:
    system.faults[call] = [ValueError(SAID)]
    with pytest.raises(PlatformError) as caught:
        await BreakerSystem(system, store, system.clock).write([create()])
    assert type(caught.value) is fault


# --- waits --------------------------------------------------------------------------------------


async def test_a_wait_of_ten_years_in_an_old_state_ends_within_a_day(
    store: Store, system: FakeSystem, tmp_path: Path
) -> None:
    attended = BreakerSystem(system, store, system.clock)
    system.faults["read"] = [RateLimitedError("a", wait=60.0)]
    with pytest.raises(RateLimitedError):
        await attended.read(window(system))
    with closing(sqlite3.connect(tmp_path / "state.db")) as state:
        state.execute("UPDATE health SET retry_at = replace(retry_at, '2026', '2036')")
        state.commit()
    kept = store.health()["a"]
    assert kept.retry_at is not None
    assert kept.retry_at <= NOW + timedelta(seconds=MAX_DAILY_WAIT)
    again = BreakerSystem(system, store, system.clock)
    system.clock.pass_(hours=25)
    await again.read(window(system))


@pytest.mark.parametrize("wait", [315_360_000.0, float("inf"), float("nan"), -1.0])
async def test_a_wait_beyond_all_bounds_is_capped(
    store: Store, system: FakeSystem, wait: float
) -> None:
    attended = BreakerSystem(system, store, system.clock)
    system.faults["read"] = [RateLimitedError("a", wait=wait)]
    with pytest.raises(RateLimitedError):
        await attended.read(window(system))
    system.clock.pass_(hours=25)
    await attended.read(window(system))
    assert attended.health.state is SystemState.OK


async def test_a_clock_that_jumps_back_ends_no_wait_in_years(
    store: Store, system: FakeSystem
) -> None:
    attended = BreakerSystem(system, store, system.clock)
    system.faults["read"] = [RateLimitedError("a", wait=3_600.0)]
    with pytest.raises(RateLimitedError):
        await attended.read(window(system))
    system.clock.pass_(days=-3_650)
    await attended.read(window(system))
