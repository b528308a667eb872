"""Test the circuit breaker: few calls while it is open, regular retries, and one log line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from syncd.core.merging.rules import Rules
from syncd.engine.deciding.customer_lookup import CustomerLookup
from syncd.engine.engine import Engine
from syncd.engine.policy import EnginePolicy, IdSource
from syncd.engine.tasks.breaker import BreakerSystem, CredentialRefresh, secret_fingerprint
from syncd.model import SystemState, Window
from syncd.store.store import Store
from syncd.systems.errors import PlatformError, RateLimitedError, RetryableError, UnauthorizedError
from syncd.systems.port import System
from tests.core.kit import v
from tests.engine.fakes import FakeClock, FakeSystem

MANY = 10_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "state.db")
    yield opened
    opened.close()


@pytest.fixture
def system(clock: FakeClock) -> FakeSystem:
    return FakeSystem("a", ["p"], clock)


def attend(
    system: FakeSystem, store: Store, secret: str = "s1", renew: CredentialRefresh = lambda: None
) -> BreakerSystem:
    return BreakerSystem(system, store, system.clock, [secret], renew)


def window(clock: FakeClock) -> Window:
    return Window(clock.now(), clock.now() + timedelta(days=2))


async def poll(attended: BreakerSystem, clock: FakeClock, times: int, every: float = 60.0) -> None:
    """Read so many times, like the daemon, and ignore faults."""
    for _ in range(times):
        with suppress(PlatformError):
            await attended.read(window(clock))
        clock.pass_(seconds=every)


def refuse(system: FakeSystem, fault: PlatformError, times: int = MANY) -> None:
    system.faults["read"] = [fault] * times


async def test_an_unauthorised_system_gets_few_calls(
    system: FakeSystem, store: Store, clock: FakeClock
) -> None:
    refuse(system, UnauthorizedError("a", "GET /", status=401, detail="Api key is invalid"))
    attended = attend(system, store)
    await poll(attended, clock, 24 * 60)
    assert attended.health.state is SystemState.UNAUTHORISED
    assert 90 <= system.reads <= 110  # four an hour, and some at first


async def test_the_fault_of_an_open_breaker_names_cause_and_retry_time(
    system: FakeSystem, store: Store, clock: FakeClock
) -> None:
    refuse(system, UnauthorizedError("a", "GET /", status=401, detail="Api key is invalid"))
    attended = attend(system, store)
    await poll(attended, clock, 1, every=1)
    with pytest.raises(
        UnauthorizedError, match=r"Api key is invalid.*no call is made before 06:01:00 UTC"
    ):
        await attended.read(window(clock))
    assert system.reads == 1


async def test_a_system_that_is_down_is_asked_every_five_minutes(
    system: FakeSystem, store: Store, clock: FakeClock
) -> None:
    refuse(system, RetryableError("a", "GET /", status=503))
    await poll(attend(system, store), clock, 60)
    assert 12 <= system.reads <= 18


async def test_one_log_line_when_a_system_fails_and_one_when_it_recovers(
    system: FakeSystem, store: Store, clock: FakeClock
) -> None:
    attended = attend(system, store)
    refuse(system, RetryableError("a", "GET /", status=503), times=4)
    with capture_logs() as lines:
        await poll(attended, clock, 30)
    assert [line["event"] for line in lines] == ["system in trouble", "system ok again"]
    went, returned = lines
    assert (went["system"], went["state"], went["log_level"]) == ("a", "down", "warning")
    assert went["cause"]
    assert went["remedy"]
    assert (returned["was"], returned["seconds"]) == ("down", 300)


async def test_an_open_breaker_and_its_cause_survive_a_restart(
    system: FakeSystem, store: Store, clock: FakeClock
) -> None:
    refuse(system, UnauthorizedError("a", "GET /", status=401, detail="expired"))
    await poll(attend(system, store), clock, 10)
    before = system.reads
    for _ in range(20):  # a service manager that restarts it again and again
        await poll(attend(system, store), clock, 1, every=1)
    assert system.reads <= before + 1
    health = store.health()["a"]
    assert health.state is SystemState.UNAUTHORISED
    assert "expired" in health.cause
    assert "Renew the secret" in health.remedy


async def test_a_rate_limit_is_waited_out_across_a_restart(
    system: FakeSystem, store: Store, clock: FakeClock
) -> None:
    refuse(system, RateLimitedError("a", "GET /", wait=3600.0), times=1)
    await poll(attend(system, store), clock, 1)
    await poll(attend(system, store), clock, 58)
    assert system.reads == 1
    await poll(attend(system, store), clock, 2)
    assert system.reads == 2
    assert store.health()["a"].state is SystemState.OK


async def test_another_secret_at_the_next_start_is_tried_at_once(
    system: FakeSystem, store: Store, clock: FakeClock
) -> None:
    refuse(system, UnauthorizedError("a"), times=5)
    await poll(attend(system, store), clock, 30)
    before = system.reads
    system.faults.clear()
    attended = attend(system, store, secret="s2")
    await poll(attended, clock, 1)
    assert system.reads == before + 1
    assert attended.health.state is SystemState.OK


async def test_a_secret_that_changes_while_it_runs_is_tried_at_once(
    system: FakeSystem, store: Store, clock: FakeClock
) -> None:
    fresh = replace(system, faults={}, reads=0)
    renewed: list[tuple[Sequence[str], System]] = []
    attended = attend(system, store, renew=lambda: renewed.pop() if renewed else None)
    refuse(system, UnauthorizedError("a"))
    await poll(attended, clock, 40)
    reads = attended.traffic.reads
    renewed.append((["s2"], fresh))
    with capture_logs() as lines:
        await poll(attended, clock, 1)
    assert [line["event"] for line in lines] == ["secret changed", "system ok again"]
    assert fresh.reads == 1
    assert attended.traffic.reads == reads + 1  # what was counted before is not lost


async def test_a_reset_by_a_person_closes_the_breaker(
    system: FakeSystem, store: Store, clock: FakeClock
) -> None:
    refuse(system, UnauthorizedError("a"), times=3)
    attended = attend(system, store)
    await poll(attended, clock, 3)
    before = system.reads
    attended.reset_backoff()
    await poll(attended, clock, 1)
    assert system.reads == before + 1


def test_a_secret_fingerprint_reveals_only_a_change() -> None:
    assert secret_fingerprint("a", ["s1"]) == secret_fingerprint("a", ["s1"])
    assert (
        len(
            {
                secret_fingerprint("a", ["s1"]),
                secret_fingerprint("a", ["s2"]),
                secret_fingerprint("b", ["s1"]),
            }
        )
        == 3
    )
    assert secret_fingerprint("a", ["x", "y"]) != secret_fingerprint("a", ["xy"])
    assert len(secret_fingerprint("a", ["s1"])) == 12


async def test_a_system_that_may_be_read_and_not_written_costs_no_write_a_minute(
    store: Store, clock: FakeClock
) -> None:
    """Other systems are still written to."""
    fakes = {name: FakeSystem(name, ["p"], clock) for name in ("a", "b", "c")}
    attended = {name: attend(fake, store) for name, fake in fakes.items()}
    numbers = count(1)
    engine = Engine(
        systems=attended,
        mapping={"p": ("a", "b", "c")},
        store=store,
        clock=clock,
        ids=IdSource(
            row=lambda: f"r{next(numbers)}", key=lambda: f"{next(numbers):010}".replace("0", "k")
        ),
        customers=CustomerLookup(b"k"),
        policy=EnginePolicy(rules={"p": Rules(prefer=("a", "b", "c"))}),
        why_suspended=lambda name: attended[name].writes_suspended(),
    )
    fakes["a"].book("p", v(9))
    refusals = fakes["b"].faults["write"] = [UnauthorizedError("b", "POST /", status=403)] * MANY
    with capture_logs() as lines:
        for _ in range(120):
            await engine.poll(near=False)
            clock.pass_(seconds=60)
    assert MANY - len(refusals) <= 14
    assert [line["state"] for line in lines if line["event"] == "system in trouble"] == [
        "unauthorised"
    ]
    assert fakes["b"].reads == 120
    assert fakes["c"].blocks() == [v(9).interval]
    refusals.clear()
    clock.pass_(seconds=900)
    await engine.poll(near=False)
    assert fakes["b"].blocks() == [v(9).interval]
    assert attended["b"].health.state is SystemState.OK
