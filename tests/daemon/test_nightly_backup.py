"""Nightly backups of the daemon: at night, or later if missed, and without delaying jobs."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, time, timedelta, timezone
from pathlib import Path
from time import monotonic, sleep
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from syncd.daemon import nightly_backup as job
from syncd.daemon.nightly_backup import Backups, last_night
from syncd.daemon.service import JobIntervals, serve
from syncd.store import StateError, Store
from syncd.store.backup.nightly import KeptBackup, backup_folder, kept_backups, make_backup
from tests.daemon.kit import FakeEngine, until

DAY = timedelta(days=1)
NIGHT = time(3, 30)
NOW = datetime(2026, 6, 10, 3, 40, tzinfo=UTC)

DAEMON = """
import asyncio, sys
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from syncd.daemon.lock import StateLock
from syncd.daemon.service import JobIntervals, serve
from tests.daemon.kit import FakeEngine

state, at = Path(sys.argv[1]), time.fromisoformat(sys.argv[2])
hour = timedelta(hours=1)
pace = JobIntervals(hour, hour, at, UTC, backups=timedelta(seconds=0.2))
with StateLock(state, role="daemon"):
    print("started", flush=True)
    sys.exit(asyncio.run(serve(FakeEngine(), pace, state, {})))
"""

Start = Callable[[time], "subprocess.Popen[str]"]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state that is not empty."""
    path = tmp_path / "state.db"
    Store.open(path).close()
    return path


@pytest.fixture
def start(state: Path) -> Iterator[Start]:
    """Start a daemon in a process of its own, whose nights begin at this time (UTC)."""
    started: list[subprocess.Popen[str]] = []

    def begin(at: time) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", DAEMON, str(state), at.isoformat()],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        return process

    yield begin
    for process in started:
        with process:
            process.kill()


def wait_for(true: Callable[[], object], seconds: float = 15.0) -> None:
    end = monotonic() + seconds
    while not true():
        assert monotonic() < end, "it did not come true in time"
        sleep(0.05)


def nightly(
    state: Path, now: list[datetime], stopping: Callable[[], bool] | None = None
) -> Backups:
    """The job, by a clock that a test moves: ``now`` holds its time."""
    return Backups(state, NIGHT, UTC, stopping or (lambda: False), lambda: now[0])


# --- a real process -------------------------------------------------------------------------------


@pytest.mark.prove
def test_a_daemon_makes_up_for_a_missed_night_and_ends_when_asked(
    state: Path, start: Start
) -> None:
    make_backup(state, datetime.now(UTC) - 2 * DAY)
    daemon = start(time(0, 0))
    wait_for(lambda: len(kept_backups(state)) == 2)
    assert datetime.now(UTC) - kept_backups(state)[-1].made_at < timedelta(minutes=1)
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(10) == 0
    assert [each.name for each in backup_folder(state).iterdir() if each.name.startswith(".")] == []


@pytest.mark.prove
def test_a_daemon_makes_a_backup_when_night_falls(state: Path, start: Start) -> None:
    night = (datetime.now(UTC) + timedelta(seconds=6)).replace(microsecond=0)
    make_backup(state, night - timedelta(hours=1))
    start(night.time())
    wait_for(lambda: len(kept_backups(state)) == 2)
    sleep(0.6)
    assert [each.made_at >= night for each in kept_backups(state)] == [False, True]


# --- when it is made ------------------------------------------------------------------------------


async def test_one_is_made_each_night_and_none_between(state: Path) -> None:
    now = [NOW]
    backups = nightly(state, now)
    for _ in range(3 * 24):
        await backups.backup()
        now[0] += timedelta(minutes=30)
    assert [each.made_at for each in kept_backups(state)] == [NOW, NOW + DAY]


async def test_a_failed_backup_is_tried_again_and_logged_once(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [NOW]
    backups = nightly(state, now)

    def full(*_given: object) -> None:
        raise StateError("syncd.db", "the disk is full", "Free some space.")

    with capture_logs() as logs:
        with monkeypatch.context() as patch:
            patch.setattr(job, "make_backup", full)
            for _ in range(5):
                await backups.backup()
                now[0] += timedelta(minutes=30)
        await backups.backup()
    assert [entry["event"] for entry in logs] == ["backup failed", "backup made"]
    assert (logs[0]["reason"], logs[0]["log_level"]) == ("the disk is full", "error")
    assert len(kept_backups(state)) == 1


async def test_a_bug_in_the_backup_ends_nothing(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(job, "make_backup", broken)
    with capture_logs() as logs:
        await nightly(state, [NOW]).backup()
    assert [entry["event"] for entry in logs] == ["backup failed"]


async def test_the_loop_goes_on_while_a_backup_is_made(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_given: object) -> KeptBackup:
        sleep(0.3)
        return make_backup(state, NOW)

    monkeypatch.setattr(job, "make_backup", slow)
    backup = asyncio.create_task(nightly(state, [NOW]).backup())
    turns = 0
    while not backup.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 10


async def test_a_missing_state_is_not_backed_up(tmp_path: Path) -> None:
    with capture_logs() as logs:
        await nightly(tmp_path / "state.db", [NOW]).backup()
    assert logs == []
    assert kept_backups(tmp_path / "state.db") == []


async def test_the_service_backs_up_while_its_engine_writes(tmp_path: Path) -> None:
    engine = FakeEngine()
    state = tmp_path / "state.db"
    with closing(Store.open(state)) as store:
        hour = timedelta(hours=1)
        pace = JobIntervals(hour, hour, NIGHT, UTC, backups=timedelta(seconds=0.1))
        running = asyncio.create_task(serve(engine, pace, state, {}, handle_signals=False))
        for number in range(50):
            store.start_run(f"r{number}", "near", NOW)
            await asyncio.sleep(0.01)
        await until(lambda: kept_backups(state))
        engine.stopping.set()
        assert await running == 0
    assert len(kept_backups(state)) == 1


async def test_a_stopping_daemon_starts_no_backup(state: Path) -> None:
    await nightly(state, [NOW], lambda: True).backup()
    assert kept_backups(state) == []


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        ("2026-06-10T03:30:00+00:00", UTC, "2026-06-10T03:30:00+00:00"),
        ("2026-06-10T03:29:59+00:00", UTC, "2026-06-09T03:30:00+00:00"),
        ("2026-06-10T00:00:00+00:00", timezone(timedelta(hours=9)), "2026-06-09T18:30:00+00:00"),
        # Berlin, where the clocks go back at 3 o'clock, and forward from 2 to 3.
        ("2026-10-25T02:31:00+00:00", ZoneInfo("Europe/Berlin"), "2026-10-25T02:30:00+00:00"),
        ("2026-03-29T01:29:00+00:00", ZoneInfo("Europe/Berlin"), "2026-03-28T02:30:00+00:00"),
    ],
)
def test_the_last_night_is_computed_in_the_configured_zone(
    now: str, zone: ZoneInfo, expected: str
) -> None:
    found = last_night(datetime.fromisoformat(now), NIGHT, zone)
    assert found == datetime.fromisoformat(expected)
