"""The service life cycle: ready, scheduled jobs, and an end that waits for requests in flight."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from syncd.config.problems import ConfigError, Problem
from syncd.daemon import service
from syncd.daemon.jobs import Jobs
from syncd.daemon.service import JobIntervals, Reloaded, serve
from tests.daemon.kit import FakeEngine, until

SOON = JobIntervals(timedelta(seconds=0.1), timedelta(seconds=0.25), time(3, 30), UTC)
RARE = JobIntervals(timedelta(hours=1), timedelta(hours=1), time(3, 30), UTC)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """A service manager that listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


def heard(manager: socket.socket) -> list[str]:
    """What the manager was told so far."""
    said = []
    while True:
        try:
            said.append(manager.recv(4096).decode())
        except BlockingIOError:
            return said


async def test_it_begins_with_a_resync_and_then_polls_by_the_clock(tmp_path: Path) -> None:
    engine = FakeEngine()
    running = asyncio.create_task(serve(engine, SOON, tmp_path / "s.db", {}, handle_signals=False))
    await until(lambda: engine.asked.count("near") >= 3 and "far" in engine.asked)
    engine.stopping.set()
    assert await running == 0
    assert engine.asked[0] == "resync None None"
    after = len(engine.asked)
    await asyncio.sleep(0.3)
    assert len(engine.asked) == after
    assert engine.most_at_work == 1


async def test_systemd_hears_ready_status_watchdog_and_stopping(
    tmp_path: Path, manager: socket.socket
) -> None:
    engine = FakeEngine()
    env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "100000"}
    running = asyncio.create_task(serve(engine, SOON, tmp_path / "s.db", env, handle_signals=False))
    await asyncio.sleep(0.25)
    engine.stopping.set()
    await running
    said = heard(manager)
    assert "READY=1" in said
    assert said.count("WATCHDOG=1") >= 2
    assert "STATUS=1 of 1 systems respond" in said
    assert said.index("STOPPING=1") > said.index("READY=1")


async def test_the_watchdog_is_not_pinged_while_a_job_is_stuck(
    tmp_path: Path, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "STUCK_AFTER", 0.05)
    engine = FakeEngine(takes=0.4)
    env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "40000"}
    running = asyncio.create_task(serve(engine, RARE, tmp_path / "s.db", env, handle_signals=False))
    await asyncio.sleep(0.15)
    heard(manager)
    await asyncio.sleep(0.15)
    assert "WATCHDOG=1" not in heard(manager)
    await asyncio.sleep(0.2)
    assert "WATCHDOG=1" in heard(manager)
    engine.stopping.set()
    await running


async def test_no_status_is_sent_after_stopping(tmp_path: Path, manager: socket.socket) -> None:
    engine = FakeEngine(takes=0.2)
    env = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
    running = asyncio.create_task(serve(engine, RARE, tmp_path / "s.db", env, handle_signals=False))
    await until(lambda: engine.at_work)
    engine.stopping.set()
    await running
    assert engine.at_work == 0
    assert heard(manager) == ["READY=1", "STOPPING=1"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_the_job_in_flight_end(tmp_path: Path, number: signal.Signals) -> None:
    engine = FakeEngine(takes=0.3)
    running = asyncio.create_task(serve(engine, RARE, tmp_path / "s.db", {}))
    await until(lambda: engine.at_work)
    os.kill(os.getpid(), number)
    assert await asyncio.wait_for(running, 5) == 0
    assert engine.at_work == 0
    assert engine.stopping.is_set()


async def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    engine = FakeEngine(takes=30)
    running = asyncio.create_task(serve(engine, RARE, tmp_path / "s.db", {}))
    await until(lambda: engine.at_work)
    os.kill(os.getpid(), signal.SIGTERM)
    await until(engine.stopping.is_set)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(running, 5) == 0


async def test_draining_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "DRAIN_TIMEOUT", 0.1)
    engine = FakeEngine(takes=30)
    running = asyncio.create_task(serve(engine, RARE, tmp_path / "s.db", {}, handle_signals=False))
    await until(lambda: engine.at_work)
    engine.stopping.set()
    assert await asyncio.wait_for(running, 5) == 0


def successor(engine: FakeEngine, old: FakeEngine, said: list[str]) -> Reloaded:
    """An engine that takes the place of another, and a pace that shows."""
    engine.stopping = old.stopping

    async def close_previous() -> None:
        said.append(f"close_previous, {old.at_work} at work")

    return Reloaded(engine, SOON, close_previous)


async def test_sighup_applies_the_configuration_after_the_running_job(
    tmp_path: Path, manager: socket.socket
) -> None:
    old, new = FakeEngine(takes=0.2), FakeEngine()
    said: list[str] = []
    env = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
    running = asyncio.create_task(
        serve(old, RARE, tmp_path / "s.db", env, reload=lambda: successor(new, old, said))
    )
    await until(lambda: old.at_work)
    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: new.asked.count("near") >= 2)
    assert (new.asked[0], said, old.asked) == (
        "resync None None",
        ["close_previous, 0 at work"],
        ["resync None None"],
    )
    new.stopping.set()
    await running
    told = [line.split("\n")[0] for line in heard(manager)]
    assert told.index("RELOADING=1") < len(told) - told[::-1].index("READY=1") - 1


async def test_an_invalid_configuration_is_refused_and_the_old_one_stays(
    tmp_path: Path, manager: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = FakeEngine()
    asked = 0

    def refuse() -> Reloaded:
        nonlocal asked
        asked += 1
        raise ConfigError([Problem(tmp_path / "syncd.toml", "systems.crm", 3, "odd", "Mend it.")])

    env = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
    running = asyncio.create_task(serve(engine, SOON, tmp_path / "s.db", env, reload=refuse))
    await until(lambda: engine.asked)
    for times in (1, 2):
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda times=times: asked == times)  # type: ignore[misc]
    before = len(engine.asked)
    await until(lambda: len(engine.asked) > before + 1)
    engine.stopping.set()
    assert await running == 0
    assert "syncd.toml:3: systems.crm: odd. Mend it." in capsys.readouterr().out
    told = heard(manager)
    assert sum("RELOADING=1" in line for line in told) == 2
    assert told.count("READY=1") == 3
    assert any("the old one stays" in line for line in told)


async def test_the_scheduler_itself_feeds_the_watchdog(
    tmp_path: Path, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedulers: list[AsyncIOScheduler] = []

    class Watched(AsyncIOScheduler):  # type: ignore[misc]
        def start(self, *given: object, **named: object) -> None:
            schedulers.append(self)
            super().start(*given, **named)

    monkeypatch.setattr(service, "AsyncIOScheduler", Watched)
    engine = FakeEngine()
    env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "40000"}
    running = asyncio.create_task(serve(engine, RARE, tmp_path / "s.db", env, handle_signals=False))
    await asyncio.sleep(0.1)
    assert "WATCHDOG=1" in heard(manager)
    schedulers[0].pause()
    await asyncio.sleep(0.05)
    heard(manager)
    await asyncio.sleep(0.15)
    assert "WATCHDOG=1" not in heard(manager)
    engine.stopping.set()
    await running


async def test_jobs_that_were_missed_run_once_and_never_overlap() -> None:
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    scheduler = AsyncIOScheduler(timezone=UTC)
    for _ in range(2):
        service._schedule(scheduler, Jobs(FakeEngine()), RARE, noon)
        if not scheduler.running:
            scheduler.start(paused=True)
    jobs = scheduler.get_jobs()
    assert len(jobs) == 4
    for job in jobs:
        assert job.coalesce
        assert job.max_instances == 1
        assert job.misfire_grace_time >= 60
        assert job.trigger.jitter


def nights(at: time, zone: str, since: datetime, until: datetime) -> list[datetime]:
    """When the nightly resync runs, asked for as the scheduler asks."""
    trigger = service._nightly(replace(RARE, resync_at=at, zone=ZoneInfo(zone)), since)
    found: list[datetime] = []
    now, due = since, trigger.get_next_fire_time(None, since)
    while due is not None and due < until and len(found) < 10:
        found.append(due.astimezone(UTC))
        now = max(now, found[-1]) + timedelta(milliseconds=1)
        due = trigger.get_next_fire_time(due, now.astimezone(due.tzinfo))
    return found


@pytest.mark.parametrize(
    ("at", "zone", "since", "expected"),
    [
        pytest.param(
            time(3, 30),
            "UTC",
            datetime(2026, 11, 21, 12, tzinfo=UTC),
            ["22 03:30", "23 03:30"],
            id="plain",
        ),
        pytest.param(
            time(3, 30),
            "UTC",
            datetime(2026, 11, 21, 2, tzinfo=UTC),
            ["21 03:30", "22 03:30"],
            id="still-to-come-today",
        ),
        pytest.param(
            time(2, 30),
            "Europe/Berlin",
            datetime(2026, 10, 24, 12, tzinfo=UTC),
            ["25 00:30", "26 01:30"],
            id="happens-twice",
        ),
        pytest.param(
            time(1, 30),
            "America/New_York",
            datetime(2026, 10, 31, 12, tzinfo=UTC),
            ["01 05:30", "02 06:30"],
            id="happens-twice-overseas",
        ),
        pytest.param(
            time(2, 30),
            "Europe/Berlin",
            datetime(2027, 3, 27, 12, tzinfo=UTC),
            ["29 00:30"],
            id="skipped",
        ),
        pytest.param(
            time(23, 59, 59),
            "UTC",
            datetime(2026, 11, 21, 12, tzinfo=UTC),
            ["21 23:59", "22 23:59"],
            id="just-before-midnight",
        ),
    ],
)
def test_the_nightly_resync_runs_once_per_night_across_clock_changes(
    at: time, zone: str, since: datetime, expected: list[str]
) -> None:
    found = nights(at, zone, since, since + timedelta(hours=48))
    assert [f"{when:%d %H:%M}" for when in found] == expected


async def test_a_job_that_fails_is_seen_in_the_status(
    tmp_path: Path, manager: socket.socket
) -> None:
    engine = FakeEngine()
    engine.fault = ZeroDivisionError("planted")
    env = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
    running = asyncio.create_task(serve(engine, RARE, tmp_path / "s.db", env, handle_signals=False))
    await until(lambda: "STATUS=the last job (resync) failed: see the log" in heard(manager))
    engine.stopping.set()
    assert await running == 0
