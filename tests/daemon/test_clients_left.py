"""A client of the socket that leaves ends its request, whatever it asked for and whenever it goes.

The socket is a real one, and so is the engine; the platforms hold a request until they are let go.
"""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from syncd.app import App, build
from syncd.config.load import load
from syncd.daemon.control_socket import Command, control_socket, short_path
from syncd.daemon.jobs import Jobs
from syncd.daemon.service import commands_of
from syncd.lab.sandbox.asgi_transport import AsgiTransport
from syncd.lab.sandbox.clock import ManualClock
from syncd.lab.sandbox.consistency import disagreements, event_summaries
from syncd.lab.sandbox.scenario import SYSTEM_NAMES, Clinic, config_text, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from syncd.store.queries.canaries import canaries
from tests.daemon.kit import FakeEngine, until

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class Gate(httpx.AsyncBaseTransport):
    """The way to one platform, which may hold its requests: before they arrive, or after."""

    inner: AsgiTransport
    open: asyncio.Event
    after: bool = False
    reached: list[str] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.after:
            response = await self.inner.handle_async_request(request)
            await self._hold(request)
            return response
        await self._hold(request)
        return await self.inner.handle_async_request(request)

    async def _hold(self, request: httpx.Request) -> None:
        if not self.open.is_set():
            self.reached.append(f"{request.method} {request.url.path}")
            await self.open.wait()


@dataclass
class Office:
    """Three systems in step, and a daemon's socket."""

    world: Clinic
    app: App
    work: Jobs
    state: Path
    open: asyncio.Event
    gates: Mapping[str, Gate]

    def wrong(self) -> list[str]:
        found = event_summaries(self.world.sandbox.systems, self.world.owners)
        return [
            str(each) for each in disagreements(found, SYSTEM_NAMES, self.app.engine.clock.now())
        ]

    def reached(self) -> list[str]:
        return [call for gate in self.gates.values() for call in gate.reached]

    async def leaves(self, command: str, arguments: Mapping[str, object], *, after: bool) -> None:
        """Ask for something, and leave while the platforms hold its first requests."""
        self.open.clear()
        for gate in self.gates.values():
            gate.after = after
        writer = await asks(self.state, command, arguments)
        await until(self.reached)
        writer.close()
        await until(lambda: not self.at_work(), 3)
        self.open.set()

    def at_work(self) -> bool:
        return self.work._engine_lock.locked() or self.work._probe_lock.locked()


async def asks(state: Path, command: str, arguments: Mapping[str, object]) -> asyncio.StreamWriter:
    with short_path(state) as path:
        _, writer = await asyncio.open_unix_connection(path)
    writer.write(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
    return writer


@asynccontextmanager
async def office(folder: Path) -> AsyncIterator[Office]:
    clock = ManualClock(NOW)
    sandbox = Sandbox(clock)
    sandbox.crm.limit = None
    world = seed_clinic(sandbox, NOW)
    sandbox.urls = {name: f"http://127.0.0.1{sandbox.base_path(name)}" for name in SYSTEM_NAMES}
    path = folder / "syncd.toml"
    path.write_text(
        config_text(world, str(folder / "state.db")) + '\n[rules]\nmoved_apart = "hold"\n'
    )
    opened = asyncio.Event()
    opened.set()
    gates = {name: Gate(AsgiTransport(sandbox.apps[name]), opened) for name in SYSTEM_NAMES}
    app = build(load(path, {}), clock=clock, transports=gates)
    work = Jobs(app.engine, reset_backoff=app.reset_backoff)
    try:
        async with control_socket(folder / "state.db", commands_of(work)):
            assert (await app.engine.resync()).converged
            yield Office(world, app, work, folder / "state.db", opened, gates)
    finally:
        opened.set()
        await app.aclose()


def books(place: Office) -> None:
    place.world.book("clinic", "alice", place.world.at(3, 17), 30)


def moves_apart(place: Office) -> None:
    for system, hour in (("legacy", 15), ("clinic", 10)):
        platform = place.world.sandbox.systems[system]
        twin = next(m for m in platform.appointments() if m.start == place.world.at(1, 16))
        platform.move(twin.id, place.world.at(4, hour), place.world.at(4, hour) + HOUR)


@pytest.mark.prove
@pytest.mark.parametrize("after", [False, True], ids=["before it arrives", "before the answer"])
@pytest.mark.parametrize("command", ["resync", "undo", "resolve", "probe"])
async def test_a_client_that_leaves_ends_its_request_and_nothing_is_lost_or_doubled(
    tmp_path: Path, command: str, *, after: bool
) -> None:
    async with office(tmp_path) as place:
        store = place.app.store
        arguments: dict[str, object] = {}
        match command:
            case "resync":
                books(place)
            case "undo":
                books(place)
                arguments = {"run": (await place.app.engine.resync()).run}
            case "resolve":
                moves_apart(place)
                await place.app.engine.resync()
                (held,) = store.open_conflicts("alice") or store.open_conflicts("bob")
                arguments = {"conflict": held.id, "way": "take", "system": "clinic"}
            case _:
                arguments = {"systems": ["clinic"]}
        await place.leaves(command, arguments, after=after)
        assert place.app.engine.answers == {}
        place.app.reset_backoff()
        await place.app.engine.resync()
        place.app.reset_backoff()
        report = await place.app.engine.resync()
        assert not any(canary.may_exist for canary in canaries(store))
        if command == "resolve":
            assert report.conflicts == 1, "an answer whose client left does not count"
        else:
            assert report.converged
            assert place.wrong() == []


FAKED: Mapping[str, Mapping[str, object]] = {
    "resync": {},
    "undo": {"run": "r"},
    "resolve": {"conflict": "c", "way": "keep"},
    "acknowledge": {"id": "abc", "by": "x"},
    "probe": {"systems": ["crm"]},
    "cleanup": {},
    "forget-person": {"contacts": [["crm", "c"]]},
}


async def test_every_command_of_the_socket_is_among_those_that_are_left() -> None:
    # A pause and its end wait for no turn: they are carried out beside the job at work.
    assert set(commands_of(Jobs(FakeEngine()))) == {*FAKED, "pause", "unpause"}


@pytest.mark.parametrize("command", FAKED)
async def test_a_client_that_leaves_while_waiting_has_no_effect(
    tmp_path: Path, command: str
) -> None:
    engine = FakeEngine()
    work = Jobs(engine)
    state = tmp_path / "state.db"
    begun: list[str] = []
    ended: list[str] = []

    def watched(name: str, run: Command) -> Command:
        async def each(
            arguments: Mapping[str, object], progress: Callable[[str], None]
        ) -> tuple[Mapping[str, object], int]:
            begun.append(name)
            try:
                return await run(arguments, progress)
            finally:
                ended.append(name)

        return each

    commands = {name: watched(name, run) for name, run in commands_of(work).items()}
    async with control_socket(state, commands):
        lock = work._probe_lock if command == "probe" else work._engine_lock
        async with lock:
            writer = await asks(state, command, FAKED[command])
            await until(lambda: begun)
            writer.close()
            await until(lambda: ended, 2)
    assert engine.asked == []


async def test_extra_lines_do_not_count_as_a_disconnect(tmp_path: Path) -> None:
    engine = FakeEngine(takes=0.1)
    state = tmp_path / "state.db"
    async with control_socket(state, commands_of(Jobs(engine))):
        with short_path(state) as path:
            reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"command": "resync"}\n\n')
        await asyncio.sleep(0.05)
        writer.write(b"x" * 200_000)
        said = (await asyncio.wait_for(reader.read(), 5)).splitlines()
        writer.close()
    assert "result" in json.loads(said[-1])


async def test_an_error_after_the_client_left_is_logged_clearly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begun = asyncio.Event()

    async def breaks(
        _arguments: Mapping[str, object], _progress: Callable[[str], None]
    ) -> tuple[Mapping[str, object], int]:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            raise ZeroDivisionError

    state = tmp_path / "state.db"
    async with control_socket(state, {"breaks": breaks}):
        writer = await asks(state, "breaks", {})
        await begun.wait()
        writer.close()
        await asyncio.sleep(0.05)
    gc.collect()
    assert "never retrieved" not in caplog.text
