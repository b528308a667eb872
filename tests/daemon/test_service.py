"""The service's life: ready, jobs by the clock, and an end that waits for what is in flight."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from syncd.daemon import service
from syncd.daemon.service import Pace, serve
from syncd.daemon.work import Work
from tests.daemon.kit import FakeEngine, until

SOON = Pace(timedelta(seconds=0.1), timedelta(seconds=0.25), time(3, 30), UTC)
RARE = Pace(timedelta(hours=1), timedelta(hours=1), time(3, 30), UTC)


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
    assert "STATUS=1 of 1 systems answer" in said
    assert said.index("STOPPING=1") > said.index("READY=1")


async def test_the_watchdog_is_left_to_bark_when_a_cycle_is_stuck(
    tmp_path: Path, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "STUCK", 0.05)
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
    monkeypatch.setattr(service, "DRAIN", 0.1)
    engine = FakeEngine(takes=30)
    running = asyncio.create_task(serve(engine, RARE, tmp_path / "s.db", {}, handle_signals=False))
    await until(lambda: engine.at_work)
    engine.stopping.set()
    assert await asyncio.wait_for(running, 5) == 0


async def test_sighup_is_ignored_aloud(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = FakeEngine()
    running = asyncio.create_task(serve(engine, RARE, tmp_path / "s.db", {}))
    await until(lambda: engine.asked)
    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.sleep(0.05)
    assert not running.done()
    engine.stopping.set()
    await running
    assert "SIGHUP is ignored" in capsys.readouterr().out


def test_jobs_that_were_missed_run_once_and_never_overlap() -> None:
    scheduler = service._schedule(Work(FakeEngine()), RARE)
    jobs = scheduler.get_jobs()
    assert len(jobs) == 3
    for job in jobs:
        assert job.coalesce
        assert job.max_instances == 1
        assert job.misfire_grace_time >= 60
        assert job.trigger.jitter
    at = jobs[2].trigger.get_next_fire_time(None, datetime(2026, 11, 21, 12, tzinfo=UTC))
    assert timedelta(hours=15, minutes=29) <= at - datetime(2026, 11, 21, 12, tzinfo=UTC)
