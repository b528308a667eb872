"""The program as systemd and people run it: real processes, signals and kills."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from syncd.lab.sandbox import Fault, FaultKind
from syncd.lab.sandbox.consistency import disagreements, event_summaries
from syncd.lab.sandbox.scenario import SYSTEM_NAMES, Clinic, config_text, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from tests.daemon.kit import until

pytestmark = pytest.mark.slow


@dataclass
class Place:
    """A served sandbox, and a folder with its configuration."""

    world: Clinic
    path: Path

    @asynccontextmanager
    async def syncd(self, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run the program inside the context."""
        process = await asyncio.create_subprocess_exec(
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
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def ask(self, *arguments: str) -> tuple[int, str, str]:
        """Run one command to its end."""
        async with self.syncd(*arguments) as process:
            out, err = await asyncio.wait_for(process.communicate(), 150)
        return process.returncode or 0, out.decode(), err.decode()

    def blocks(self) -> int:
        """Return the number of blocks in all systems."""
        return sum(len(s.blocks()) for s in self.world.sandbox.systems.values())

    def wrong(self) -> list[str]:
        """Return the disagreements between the systems."""
        seen = event_summaries(self.world.sandbox.systems, self.world.owners)
        return [str(each) for each in disagreements(seen, SYSTEM_NAMES, datetime.now(UTC))]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Yield a seeded place in which nothing was synced yet."""
    sandbox = Sandbox()
    sandbox.crm.limit = None
    world = seed_clinic(sandbox, datetime.now(UTC))
    async with sandbox.serve():
        path = tmp_path / "syncd.toml"
        text = config_text(world, "state.db").replace("calls_per_5s = 25", "calls_per_5s = 100")
        path.write_text(text)
        yield Place(world, path)


async def ready(daemon: asyncio.subprocess.Process) -> None:
    """Wait until the daemon reports that it is ready."""
    assert daemon.stderr is not None
    while b'"ready"' not in (line := await asyncio.wait_for(daemon.stderr.readline(), 20)):
        assert line, "the daemon ended"


async def test_the_daemon_syncs_answers_and_ends_with_zero(place: Place) -> None:
    async with place.syncd("run") as daemon:
        await ready(daemon)
        place.world.book("crm", "alice", place.world.at(3, 17))
        # Whoever asks the daemon needs no secrets of their own.
        text = place.path.read_text()
        place.path.write_text(re.sub(r'token = ".*"', 'token = { env = "NOT_SET" }', text))
        code, out, _ = await place.ask("resync", "--json")
        assert (code, json.loads(out)["converged"], place.wrong()) == (0, True, [])
        place.path.write_text(text)
        second, _, output = await place.ask("run")
        assert second == 6
        assert "another syncd" in " ".join(output.split())
        status = json.loads((await place.ask("status", "--json"))[1])
        assert status["held_by"] == {"role": "daemon", "pid": daemon.pid}
        daemon.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(daemon.wait(), 25) == 0
    assert not place.path.with_name("state.db.sock").exists()


@pytest.mark.prove
async def test_a_stop_is_shown_and_accepted_through_the_running_daemon(place: Place) -> None:
    world, clinic = place.world, place.world.sandbox.clinic
    for hour in range(6, 20):
        world.book("clinic", "carol", world.at(9, hour))
    async with place.syncd("run") as daemon:
        await ready(daemon)
        await place.ask("resync", "--json")
        for meeting in clinic.appointments():
            if meeting.user == world.seed_users["clinic", "carol"].user:
                clinic.delete(meeting.id)
        world.book("clinic", "bob", world.at(9, 12))
        code, out, _ = await place.ask("resync", "--json")
        data = json.loads(out)
        assert (code, data["conflicts"], len(data["stopped"])) == (5, 1, 1)
        code, out, err = await place.ask("resync")
        assert (code, "no calendar needed a change" in out) == (5, False)
        assert "stopped by the guard: carol in clinic" in " ".join(err.split())
        code, _, err = await place.ask("resync", "--accept", "nonsense")
        assert (code, "there is no run 'nonsense'" in " ".join(err.split())) == (2, True)
        code, out, err = await place.ask("resync", "--accept", data["stopped"][0]["run"])
        assert (code, place.wrong()) == (0, []), out + err


@pytest.mark.prove
async def test_the_service_manager_hears_of_a_real_daemon(place: Place, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    output: list[bytes] = []

    class Manager(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            del addr
            output.append(data)

    address = str(tmp_path / "n")
    manager, _ = await loop.create_datagram_endpoint(Manager, local_addr=address, family=1)
    os.environ["NOTIFY_SOCKET"] = address
    try:
        async with place.syncd("run") as daemon:
            await ready(daemon)
            await asyncio.sleep(0.5)
            daemon.send_signal(signal.SIGTERM)
            await asyncio.wait_for(daemon.wait(), 25)
    finally:
        del os.environ["NOTIFY_SOCKET"]
        manager.close()
    assert output[0] == b"READY=1"
    assert output[-1] == b"STOPPING=1"


@pytest.mark.prove
@pytest.mark.parametrize(
    "system", ["crm", *(pytest.param(s, marks=pytest.mark.prove) for s in ("clinic", "legacy"))]
)
async def test_a_kill_between_request_and_answer_doubles_nothing(place: Place, system: str) -> None:
    """The request arrives, its answer is slow, and the process is killed meanwhile."""
    assert (await place.ask("resync", "--yes"))[0] == 0
    faults = place.world.sandbox.systems[system].faults
    path = {"crm": ".*Create", "clinic": ".*block-slots", "legacy": "/appointments"}[system]
    other = next(name for name in SYSTEM_NAMES if name != system)
    place.world.book(other, "carol", place.world.at(3, 17))
    before = len(place.world.sandbox.systems[system].calls)
    faults.add(Fault(FaultKind.LOSE_AFTER, path=path, method="POST", times=1))
    async with place.syncd("resync", "--yes") as process:
        calls = place.world.sandbox.systems[system].calls
        await until(lambda: any(call.status == 0 for call in calls[before:]), 20)
        process.kill()
    code, _, _ = await place.ask("resync", "--yes")
    assert (code, place.wrong()) == (0, [])
    code, out, _ = await place.ask("resync", "--json")
    assert (code, sum(json.loads(out)["operations"].values())) == (0, 0)


@pytest.mark.prove
async def test_a_term_in_the_middle_of_a_resync_ends_it_cleanly(place: Place) -> None:
    for platform in place.world.sandbox.systems.values():
        platform.faults.add(Fault(FaultKind.SLOW, method="POST", seconds=0.2))
    by_hand = place.blocks()
    async with place.syncd("resync", "--yes") as process:
        await until(lambda: place.blocks() > by_hand, 20)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 20) == 4
    for platform in place.world.sandbox.systems.values():
        platform.faults.clear()
    code, _, _ = await place.ask("resync", "--yes")
    assert (code, place.wrong()) == (0, [])


async def said(daemon: asyncio.subprocess.Process, word: str) -> str:
    """Wait until the daemon's log contains a word; return the line."""
    assert daemon.stderr is not None
    while word.encode() not in (line := await asyncio.wait_for(daemon.stderr.readline(), 20)):
        assert line, "the daemon ended"
    return line.decode()


@pytest.mark.prove
async def test_sighup_takes_a_right_configuration_and_refuses_a_wrong_one(place: Place) -> None:
    text = place.path.read_text()
    without_carol = re.sub(
        r"\[providers\.carol\].*?(?=\n\[(?!providers\.carol)|\Z)", "", text, flags=re.DOTALL
    )
    assert "carol" not in without_carol
    place.path.write_text(without_carol)
    async with place.syncd("run") as daemon:
        await ready(daemon)
        await said(daemon, '"event": "cycle"')
        assert any("carol" in line for line in place.wrong())
        place.path.write_text(text.replace('type = "leadsquared"', 'type = "leadsquare"'))
        daemon.send_signal(signal.SIGHUP)
        refused = await said(daemon, "configuration refused")
        assert "leadsquare" in refused or "unknown type of system" in refused
        assert (await place.ask("resync", "--json"))[0] == 2
        place.path.write_text(text.replace('state = "state.db"', 'state = "elsewhere.db"'))
        daemon.send_signal(signal.SIGHUP)
        assert "a reload cannot change the path of the state" in await said(
            daemon, "configuration refused"
        )
        place.path.write_text(text)
        daemon.send_signal(signal.SIGHUP)
        await said(daemon, "configuration reloaded")
        code, out, _ = await place.ask("resync", "--json")
        assert (code, json.loads(out)["converged"], place.wrong()) == (0, True, [])
        daemon.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(daemon.wait(), 25) == 0


@pytest.mark.prove
async def test_a_cleanup_is_carried_out_by_the_running_daemon_and_nothing_comes_back(
    place: Place,
) -> None:
    by_hand = place.blocks()
    async with place.syncd("run") as daemon:
        await ready(daemon)
        assert (await place.ask("resync", "--json"))[0] == 0
        # Whoever asks the daemon needs no secrets of their own.
        text = place.path.read_text()
        place.path.write_text(re.sub(r'token = ".*"', 'token = { env = "NOT_SET" }', text))
        async with place.syncd("cleanup", "--yes", "--json") as cleaning:
            out, output = await asyncio.wait_for(cleaning.communicate(), 240)
        assert (cleaning.returncode, json.loads(out)["done"]) == (0, True), output
        await place.ask("resync", "--json")
        standing = [b for s in place.world.sandbox.systems.values() for b in s.blocks()]
        assert sum(not b.deleted for b in standing) == by_hand
        daemon.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(daemon.wait(), 25) == 0


@pytest.mark.prove
async def test_an_undo_is_carried_out_by_the_running_daemon(place: Place) -> None:
    by_hand = place.blocks()
    async with place.syncd("run") as daemon:
        await ready(daemon)
        assert (await place.ask("resync", "--json"))[0] == 0
        runs = json.loads((await place.ask("history", "--limit", "1000", "--json"))[1])
        (run,) = {n["run"] for n in runs if n["what"] == "create-block"}
        code, out, _ = await place.ask("undo", run, "--yes")
        assert (code, "carried out by the running daemon" in out) == (0, True)
        standing = [b for s in place.world.sandbox.systems.values() for b in s.blocks()]
        assert sum(not b.deleted for b in standing) == by_hand
        code, _, output = await place.ask("undo", "zzz", "--yes")
        assert (code, "there is no run 'zzz'" in output) == (2, True)
        daemon.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(daemon.wait(), 25) == 0
