"""Promise 8 over real sockets: one slow system does not delay the two others."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from syncd.lab.sandbox.scenario import Clinic, config_text, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from tests.daemon.kit import until
from tests.hostile.front import Front, fronted
from tests.hostile.slowness import Stopwatch

pytestmark = [pytest.mark.slow, pytest.mark.prove]

POLL = 5.5
"""Seconds within which a poll is due: every five, plus a random tenth."""

SLOWER = 1.0
"""Seconds by which a third system may delay a change (promise 8)."""

PROCESSES = 2.0
"""Seconds by which two starts of the program may differ on a busy machine."""


async def trickle(writer: asyncio.StreamWriter) -> None:
    """Answer one byte per second."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(1)


async def silence(_writer: asyncio.StreamWriter) -> None:
    """Accept the connection, and never answer during a test."""
    await asyncio.sleep(300)


Tempo = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class SlowFront(Front):
    """A front that answers at its own ``tempo``, if it has one."""

    tempo: Tempo | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.tempo is None:
            await super().serve(reader, writer)
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.hits += 1
            await self.tempo(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()


@dataclass
class Place:
    """Three systems behind sockets, and a configuration."""

    world: Clinic
    front: SlowFront
    path: Path
    started: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "syncd", "--config", str(self.path)),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            stdin=asyncio.subprocess.DEVNULL,
        )
        self.started.append(process)
        return process

    async def end(self) -> None:
        """End the processes that a failed test left running."""
        for process in self.started:
            if process.returncode is None:
                process.kill()
                await process.communicate()

    def blocks(self) -> int:
        return len(self.world.sandbox.systems["legacy"].blocks())

    async def carried(self, hour: int, daemon: asyncio.subprocess.Process) -> float:
        """Book in one system; return the seconds until the other system is blocked.

        Leaves out the time taken by the machine (`Stopwatch.net`).
        """
        before, watch = self.blocks(), Stopwatch.start(daemon.pid)
        self.world.book("clinic", "alice", self.world.at(3, hour))
        await until(lambda: self.blocks() == before + 1, 60)
        return watch.net


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Yield a seeded place that was synced once."""
    sandbox = Sandbox()
    sandbox.crm.limit = None
    world = seed_clinic(sandbox, datetime.now(UTC))
    async with AsyncExitStack() as stack:
        fronts: dict[str, Front] = {
            name: await stack.enter_async_context(fronted(app))
            for name, app in sandbox.systems.items()
            if name != "crm"
        }
        front = SlowFront(sandbox.systems["crm"])
        server = await asyncio.start_server(front.serve, "127.0.0.1", 0)
        stack.callback(server.close)
        front.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        fronts["crm"] = front
        sandbox.urls = {name: f.url + sandbox.base_path(name) for name, f in fronts.items()}
        path = tmp_path / "syncd.toml"
        text = config_text(world, "state.db").replace("calls_per_5s = 25", "calls_per_5s = 100")
        path.write_text(text.replace('every = "10s"', 'every = "5s"'))
        found = Place(world, front, path)
        stack.push_async_callback(found.end)
        process = await found.start("resync", "--yes")
        await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == 0
        yield found
        tasks = list(front._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.05)  # transports close in the loop's next rounds


@pytest.mark.parametrize("tempo", [trickle, silence])
async def test_the_daemon_carries_between_the_others_as_fast_as_ever(
    place: Place, tempo: Tempo
) -> None:
    daemon = await place.start("run")
    try:
        await until(lambda: place.front.app is not None, 1)
        await asyncio.sleep(4)
        normal = [await place.carried(hour, daemon) for hour in (14, 15, 16)]
        place.front.tempo = tempo
        await asyncio.sleep(6)
        hindered = [await place.carried(hour, daemon) for hour in (18, 19, 20)]
        assert place.front.hits
        # Whether a poll is due at once or only in five seconds is chance, in both.
        assert max(normal) <= POLL
        assert max(hindered) <= POLL + SLOWER
        daemon.terminate()
        began = time.monotonic()
        _, err = await asyncio.wait_for(daemon.communicate(), 30)
        assert daemon.returncode == 0
        assert time.monotonic() - began < 20
        assert b"job failed" not in err
    finally:
        if daemon.returncode is None:
            daemon.kill()
            await daemon.wait()


async def test_a_resync_carries_changes_first_and_names_slow_systems(place: Place) -> None:
    began = time.monotonic()
    place.world.book("clinic", "alice", place.world.at(3, 17))
    before = place.blocks()
    process = await place.start("resync", "--yes")
    await until(lambda: place.blocks() == before + 1, 60)
    normal = time.monotonic() - began
    await asyncio.wait_for(process.communicate(), 60)
    place.front.tempo = silence
    before, began = place.blocks(), time.monotonic()
    place.world.book("clinic", "alice", place.world.at(3, 19))
    process = await place.start("resync", "--yes", "--json")
    await until(lambda: place.blocks() == before + 1, 60)
    assert time.monotonic() - began < normal + 1 + PROCESSES
    process.terminate()
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 4
    assert json.loads(out)["systems"]["crm"]["state"] in {"slow", "interrupted"}
