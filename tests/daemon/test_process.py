"""A daemon in its own process: real signals, real kills, one writer per state."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from syncd.daemon.client import DaemonError, DaemonReply, send_request
from syncd.daemon.control_socket import short_path

DAEMON = """
import asyncio, sys
from datetime import UTC, time, timedelta
from pathlib import Path
from syncd.daemon.lock import StateLockedError, StateLock
from syncd.daemon.service import JobIntervals, serve
from tests.daemon.kit import FakeEngine

class Engine(FakeEngine):
    async def _job(self, name):
        if "slow" in name:  # only the request that asks for it
            self.takes = float(sys.argv[2])
        return await super()._job(name)

async def main(state):
    pace = JobIntervals(timedelta(hours=1), timedelta(hours=1), time(3, 30), UTC)
    return await serve(Engine(), pace, state, {})

state = Path(sys.argv[1])
try:
    with StateLock(state, role="daemon"):
        print("started", flush=True)
        code = asyncio.run(main(state))
except StateLockedError as held:
    print(held, flush=True)
    code = 6
sys.exit(code)
"""

Start = Callable[[float], "subprocess.Popen[str]"]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def start(state: Path) -> Iterator[Start]:
    """Start a daemon whose slow requests take so many seconds."""
    started: list[subprocess.Popen[str]] = []

    def begin(takes: float) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", DAEMON, str(state), str(takes)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        with process:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


class Asking:
    """A slow request, on its way."""

    def __init__(self, state: Path) -> None:
        self.answer: DaemonReply | None = None
        self.error: DaemonError | None = None
        self._at_work = Event()
        self._thread = Thread(target=self._ask, args=(state,))
        self._thread.start()
        assert self._at_work.wait(10)

    def _ask(self, state: Path) -> None:
        try:
            self.answer = send_request(state, "resync", {"accept": "slow"}, self._hear)
        except DaemonError as error:
            self.error = error

    def _hear(self, text: str) -> None:
        if text == "reading":
            self._at_work.set()

    def end(self) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.mark.prove
def test_a_killed_daemon_is_reported_and_the_next_takes_over(state: Path, start: Start) -> None:
    killed = start(60)
    assert first_line(killed) == "started\n"
    asking = Asking(state)
    killed.send_signal(signal.SIGKILL)
    asking.end()
    assert "stopped before the command was done" in str(asking.error)
    assert state.with_name("state.db.sock").exists()
    assert first_line(start(0)) == "started\n"
    assert send_request(state, "resync", {}, lambda _text: None).exit == 0


@pytest.mark.prove
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.prove)]
)
def test_a_signal_lets_the_request_in_flight_have_its_answer(
    state: Path, start: Start, number: signal.Signals
) -> None:
    daemon = start(0.3)
    assert first_line(daemon) == "started\n"
    asking = Asking(state)
    daemon.send_signal(number)
    asking.end()
    assert asking.answer is not None
    assert asking.answer.exit == 0
    assert daemon.wait(10) == 0
    assert not state.with_name("state.db.sock").exists()


@pytest.mark.prove
def test_a_second_signal_ends_a_request_that_takes_long(state: Path, start: Start) -> None:
    daemon = start(60)
    assert first_line(daemon) == "started\n"
    asking = Asking(state)
    daemon.send_signal(signal.SIGTERM)
    with short_path(state) as path, socket.socket(socket.AF_UNIX) as another:
        another.connect(path)
        another.sendall(json.dumps({"command": "resync"}).encode() + b"\n")
        assert b"stopping" in another.recv(1000)
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(10) == 0
    asking.end()
    assert asking.answer is None


def test_a_second_daemon_gets_the_holder_of_the_state(state: Path, start: Start) -> None:
    one = start(0)
    assert first_line(one) == "started\n"
    two = start(0)
    assert f"daemon, process {one.pid}" in first_line(two)
    assert two.wait(10) == 6
    assert send_request(state, "resync", {}, lambda _text: None).exit == 0
