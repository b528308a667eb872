"""Resolve a conflict while the daemon runs: through its socket, by its engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from syncd.cli.main import run_with
from syncd.daemon.control_socket import control_socket
from syncd.daemon.jobs import Jobs
from syncd.daemon.lock import StateLock
from syncd.lab.sandbox import Fault, FaultKind
from tests.end_to_end.conftest import Site

HOUR = timedelta(hours=1)


@pytest.fixture
def site(served_site: Site) -> Site:
    """Return a site on real sockets, in real time."""
    return served_site


@asynccontextmanager
async def daemon(site: Site) -> AsyncIterator[Jobs]:
    """Hold the state and listen on the control socket, as `syncd run` does."""
    path = site.app.settings.syncd.state_path
    work = Jobs(site.app.engine)
    with StateLock(path, role="daemon"):
        async with control_socket(path, {"resync": work.on_request, "resolve": work.on_resolve}):
            yield work


async def with_rules(site: Site, text: str) -> None:
    before = site.path.read_text().split("[rules]")[0]
    site.path.write_text(f"{before}\n[rules]\n{text}\n")
    await site.reload()


async def moved_apart(site: Site) -> tuple[Any, str]:
    """Move a twin to 12:00 in the clinic and to 15:00 in legacy; return both events."""
    await with_rules(site, 'moved_apart = "hold"')
    start = site.world.at(4, 10)
    clinic = site.world.book("clinic", "alice", start)
    legacy = site.world.book("legacy", "alice", start)
    await site.resync()
    systems = site.world.sandbox.systems
    systems["clinic"].move(clinic, start + 2 * HOUR, start + 3 * HOUR)
    systems["legacy"].move(legacy, start + 5 * HOUR, start + 6 * HOUR)
    await site.resync()
    return clinic, legacy


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return the JSON object that a command printed among the daemon's log lines."""
    out = capsys.readouterr().out
    return dict(json.JSONDecoder().raw_decode(out[out.index("{\n") :])[0])


async def say(site: Site, *arguments: str) -> int:
    """Run a command in a thread, as another process would."""
    return await asyncio.to_thread(run_with, ["--config", str(site.path), *arguments])


async def test_the_running_daemon_carries_out_the_answer(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    await moved_apart(site)
    (held,) = site.app.store.open_conflicts()
    async with daemon(site):
        capsys.readouterr()
        code = await say(site, "conflicts", "resolve", held.id, "--take", "legacy", "--json")
        text = printed(capsys)
        assert (code, text["ending"], text["answer"]) == (0, "resolved", "take legacy")
        assert text["resync"]["operations"]["move-appointment"] == 1
        assert await say(site, "conflicts", "resolve", held.id, "--take", "legacy") == 2
    assert site.app.store.open_conflicts() == []
    assert site.disagreements() == []


async def test_the_running_daemon_refuses_changed_conflicts_and_invalid_answers(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    clinic, _ = await moved_apart(site)
    (held,) = site.app.store.open_conflicts()
    async with daemon(site):
        assert await say(site, "conflicts", "resolve", held.id, "--take", "crm") != 0
        assert "has no event of this booking" in " ".join(capsys.readouterr().err.split())
        start = site.world.at(4, 16)
        site.world.sandbox.systems["clinic"].move(clinic, start, start + HOUR)
        assert await say(site, "conflicts", "resolve", held.id, "--take", "clinic", "--json") == 3
        assert printed(capsys)["ending"] == "changed"
    assert site.app.engine.answers == {}


async def test_a_daemon_whose_system_is_down_decides_nothing(site: Site) -> None:
    await moved_apart(site)
    (held,) = site.app.store.open_conflicts()
    site.world.sandbox.systems["legacy"].faults.add(Fault(FaultKind.UNAUTHORISED, times=50))
    async with daemon(site):
        assert await say(site, "conflicts", "resolve", held.id, "--take", "clinic") == 4
    assert [h.id for h in site.app.store.open_conflicts()] == [held.id]


async def test_a_meeting_follows_a_block_that_was_moved_by_hand(site: Site) -> None:
    await with_rules(site, 'block_edited = "reschedule"')
    start = site.world.at(4, 10)
    booked = site.world.book("clinic", "alice", start)
    await site.resync()
    crm = site.world.sandbox.crm
    block = next(b for b in crm.blocks() if b.start == start)
    crm.move_block(block.id, start + 2 * HOUR, start + 3 * HOUR)
    report = await site.resync()
    assert site.disagreements() == []
    met = next(m for m in site.world.sandbox.clinic.appointments() if m.id == booked)
    assert met.start == start + 2 * HOUR
    assert report.operations.total() == 2
    assert (await site.resync()).operations.total() == 0
