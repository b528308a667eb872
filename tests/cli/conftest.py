"""The commands as a person calls them, beside a sandbox that a thread serves on real sockets.

No wait of a command takes any time: the commands and the platforms share a clock that is put
forward instead.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import pytest

from syncd.cli.main import run_with
from syncd.sandbox.agreement import disagreements, sights
from syncd.sandbox.scenario import SYSTEMS, World, config_text, furnish
from syncd.sandbox.server import Sandbox
from syncd.wiring import RealClock
from tests.hasty import Hasty


@dataclass
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


Say = Callable[..., Said]


@dataclass
class Desk:
    """A furnished sandbox, a configuration for it, and the terminal."""

    world: World
    path: Path
    say: Say

    def wrong(self) -> list[str]:
        """What an outside observer would call wrong."""
        seen = sights(self.world.sandbox.systems, self.world.owners)
        return disagreements(seen, SYSTEMS, self.world.sandbox.clock.now())


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Run one command in this process."""

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        code = run_with([str(each) for each in arguments])
        printed = capsys.readouterr()
        return Said(code, printed.out, printed.err)

    return run


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Say) -> Iterator[Desk]:
    """Everything is there, and nothing was synced yet; the configuration is in the folder."""
    clock = Hasty()
    for name in ("now", "monotonic", "sleep"):
        monkeypatch.setattr(RealClock, name, staticmethod(getattr(clock, name)))
    sandbox = Sandbox(clock)
    sandbox.crm.limit = None
    world = furnish(sandbox, clock.now())
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
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYNCD_CONFIG", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    path = tmp_path / "syncd.toml"
    text = config_text(world, "state.db").replace("calls_per_5s = 25", "calls_per_5s = 100")
    path.write_text(text)
    path.chmod(0o600)
    yield Desk(world, path, say)
    stop[0]()
    thread.join(timeout=10)
