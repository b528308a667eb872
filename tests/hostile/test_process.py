"""Odd answers, sent to the real program: the daemon and the commands."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from syncd.lab.sandbox.scenario import Clinic, config_text, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from tests.daemon.kit import until
from tests.hostile.front import Front, fronted
from tests.hostile.rows import ROWS, Row

pytestmark = [pytest.mark.slow, pytest.mark.prove]

DEEP = next(row for row in ROWS if row.name == "deep")
LONG = next(row for row in ROWS if row.name == "retry-400-digits")


@dataclass
class Place:
    """A sandbox behind raw sockets, and a folder with a configuration for it."""

    world: Clinic
    fronts: dict[str, Front]
    path: Path

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start the program."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "syncd",
            "--config",
            str(self.path),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            stdin=asyncio.subprocess.DEVNULL,
        )

    async def ask(self, *arguments: str) -> tuple[int, str, str]:
        """Run one command to its end."""
        process = await self.start(*arguments)
        out, err = await asyncio.wait_for(process.communicate(), 120)
        return process.returncode or 0, out.decode(), err.decode()

    def blocks(self, system: str) -> int:
        """Return the number of blocks in a system."""
        return len(self.world.sandbox.systems[system].blocks())


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Yield a seeded place in which nothing was synced yet."""
    sandbox = Sandbox()
    sandbox.crm.limit = None
    world = seed_clinic(sandbox, datetime.now(UTC))
    async with AsyncExitStack() as stack:
        fronts = {
            name: await stack.enter_async_context(fronted(app))
            for name, app in sandbox.systems.items()
        }
        sandbox.urls = {name: f.url + sandbox.base_path(name) for name, f in fronts.items()}
        path = tmp_path / "syncd.toml"
        text = config_text(world, "state.db").replace("calls_per_5s = 25", "calls_per_5s = 100")
        path.write_text(text.replace('every = "10s"', 'every = "5s"'))
        yield Place(world, fronts, path)


@pytest.mark.parametrize("row", [DEEP, LONG], ids=lambda row: row.name)
async def test_resync_carries_what_it_can_and_names_the_odd_system(place: Place, row: Row) -> None:
    place.fronts["clinic"].respond_oddly(row, "GET /calendars/events")
    code, out, err = await place.ask("resync", "--yes", "--json")
    assert code == 4, err
    assert json.loads(out)["systems"]["clinic"]["state"] == "down"
    assert place.blocks("crm") > 1
    assert place.blocks("legacy") > 1
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["check", "discover"])
@pytest.mark.parametrize("row", [DEEP, LONG], ids=lambda row: row.name)
async def test_looking_at_an_odd_system_finds_it_odd(place: Place, command: str, row: Row) -> None:
    for front in place.fronts.values():
        front.respond_oddly(row)
    code, out, err = await place.ask(command, "--json")
    assert code == (2 if command == "check" else 4), err
    data = json.loads(out)
    assert all(name in str(data) for name in place.fronts)
    assert "Traceback" not in err
    assert "unexpected" not in err


async def test_the_daemon_carries_changes_between_the_others(place: Place) -> None:
    code, _, _ = await place.ask("resync", "--yes")
    assert code == 0
    daemon = await place.start("run")
    try:
        place.fronts["crm"].respond_oddly(DEEP)
        await asyncio.sleep(0.1)
        before = place.blocks("legacy")
        place.world.book("clinic", "alice", place.world.at(3, 18))
        await until(lambda: place.blocks("legacy") == before + 1, 60)
        assert place.fronts["crm"].hits
        crm = place.blocks("crm")
        place.fronts["crm"].respond_oddly(None)
        await until(lambda: place.blocks("crm") == crm + 1, 120)
        assert daemon.returncode is None
    finally:
        if daemon.returncode is None:
            daemon.terminate()
        _, err = await asyncio.wait_for(daemon.communicate(), 30)
    assert b"job failed" not in err
