"""The commands as a person calls them, beside a sandbox: in the same process, or on real sockets.

Half the time of a command in a test was spent on sockets. So only those tests have them that are
about connections or start another process: they are marked ``sockets``, and a thread serves them.
No wait of a command takes any time: the commands and the platforms share a clock that is put
forward instead.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from syncd.cli.main import run_with
from syncd.lab.sandbox.asgi_transport import AsgiTransport
from syncd.lab.sandbox.consistency import disagreements, event_summaries
from syncd.lab.sandbox.scenario import SYSTEM_NAMES, Clinic, config_text, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from syncd.machine import RealClock
from syncd.systems.client import SENT
from syncd.systems.connections import Connections
from tests.fast_clock import FastClock


@dataclass
class Result:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


RunCommand = Callable[..., Result]


@dataclass
class CliHarness:
    """A furnished sandbox, a configuration for it, and the terminal."""

    world: Clinic
    path: Path
    run: RunCommand

    def disagreements(self) -> list[str]:
        """What an outside observer would call wrong."""
        seen = event_summaries(self.world.sandbox.systems, self.world.owners)
        return [
            str(each) for each in disagreements(seen, SYSTEM_NAMES, self.world.sandbox.clock.now())
        ]


@pytest.fixture
def run_command(capsys: pytest.CaptureFixture[str]) -> RunCommand:
    """Run one command in this process."""

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        code = run_with([str(each) for each in arguments])
        printed = capsys.readouterr()
        return Result(code, printed.out, printed.err)

    return run


@contextmanager
def on_loopback(sandbox: Sandbox) -> Iterator[None]:
    """Let a thread serve the platforms on loopback sockets, for every process to call."""
    ready: Future[None] = Future()
    stop: list[Callable[[], object]] = []

    async def serve() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(ended.set))
        async with sandbox.serve():
            ready.set_result(None)
            await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.result(timeout=10)
    yield
    stop[0]()
    thread.join(timeout=10)


@contextmanager
def in_process(sandbox: Sandbox) -> Iterator[None]:
    """Let the commands of this process reach the platforms without a socket.

    Their addresses are ports at which nobody listens. What is meant for another one goes to the
    network.
    """
    ways: dict[tuple[str, int | None], AsgiTransport] = {}
    for port, (name, app) in enumerate(sandbox.apps.items(), 1):
        sandbox.urls[name] = f"http://127.0.0.1:{port}{sandbox.base_path(name)}"
        ways["127.0.0.1", port] = AsgiTransport(app)
    really = Connections.handle_async_request

    async def ask(connections: Connections, request: httpx.Request) -> httpx.Response:
        way = ways.get((request.url.host, request.url.port))
        if way is None:
            return await really(connections, request)
        request.extensions[SENT] = True
        return await way.handle_async_request(request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connections, "handle_async_request", ask)
        yield


@pytest.fixture
def cli(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_command: RunCommand,
) -> Iterator[CliHarness]:
    """Everything is there, and nothing was synced yet; the configuration is in the folder.

    A test that is marked ``sockets`` has the platforms on sockets, all others at hand.
    """
    clock = FastClock()
    for name in ("now", "monotonic", "sleep"):
        monkeypatch.setattr(RealClock, name, staticmethod(getattr(clock, name)))
    sandbox = Sandbox(clock)
    sandbox.crm.limit = None
    world = seed_clinic(sandbox, clock.now())
    served = on_loopback if request.node.get_closest_marker("sockets") else in_process
    with served(sandbox):
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("SYNCD_CONFIG", raising=False)
        monkeypatch.delenv("COLUMNS", raising=False)
        path = tmp_path / "syncd.toml"
        text = config_text(world, "state.db").replace("calls_per_5s = 25", "calls_per_5s = 100")
        path.write_text(text)
        path.chmod(0o600)
        yield CliHarness(world, path, run_command)
