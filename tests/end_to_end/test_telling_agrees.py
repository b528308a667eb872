"""`status` and `resync` agree about one state, in exit code and in what is left."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from syncd.cli.main import run_with
from syncd.engine.cycle import cycle as run_cycle
from syncd.engine.report.run_report import Report, RunExit
from syncd.lab.sandbox.scenario import PEOPLE
from syncd.lab.sandbox.write_access import forbid_writes
from syncd.model import Action
from tests.end_to_end.conftest import Site
from tests.end_to_end.test_queue import printed

HALF = timedelta(minutes=30)


def say(site: Site, *arguments: str) -> int:
    """Run a command that calls no platform in a thread, as another process would."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run_with, ["--config", str(site.path), *arguments]).result()


async def status(site: Site, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = say(site, "status", "--json")
    return code, printed(capsys)


async def same(site: Site, capsys: pytest.CaptureFixture[str], report: Report) -> dict[str, Any]:
    """Check that both report the same; return what they report as left."""
    code, reported = await status(site, capsys)
    assert (code, reported["left"]) == (report.exit.code, report.to_json()["left"])
    return {kind: number for kind, number in reported["left"].items() if number}


async def test_a_system_that_takes_no_writes_is_not_said_to_be_silent(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    await site.resync()
    forbid_writes(site.world.sandbox.crm, 403)
    event = site.world.book("clinic", "alice", site.world.at(1, 19))
    remaining = await same(site, capsys, await site.resync())
    assert remaining == {"waiting": 1, "exposures": 1}
    site.world.sandbox.clinic.delete(event)
    report = await site.resync()
    assert report.converged
    assert await same(site, capsys, report) == {}


async def test_a_stopped_system_is_one_stop_and_no_conflict(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    clinic = site.world.sandbox.clinic
    for who in PEOPLE:
        site.world.book("clinic", who, site.world.at(5, 17))
    await site.resync()
    for each in clinic.appointments():
        clinic.move(each.id, each.start + HALF, each.end + HALF)
    report = await site.resync()
    remaining = await same(site, capsys, report)
    assert (report.exit, remaining["stopped"], "conflicts" in remaining) == (
        RunExit.GUARDED,
        1,
        False,
    )
    _, reported = await status(site, capsys)
    assert reported["stopped"] == report.to_json()["stopped"]


async def test_one_resync_frees_the_time_of_a_removed_system(site: Site) -> None:
    await site.resync()
    text = re.sub(r"\[systems.crm\].*?(?=\[systems)", "", site.path.read_text(), flags=re.DOTALL)
    site.path.write_text(re.sub(r"crm = .*\n", "", text))
    await site.reload()
    report = await site.resync()
    assert (report.exit, report.waiting) == (RunExit.DONE, [])
    assert report.operations[Action.REMOVE_BLOCK] > 0


async def test_a_resync_of_one_person_does_not_say_that_all_agrees_while_another_waits(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    await site.resync()
    forbid_writes(site.world.sandbox.crm, 403)
    site.world.book("clinic", "alice", site.world.at(1, 19))
    every = await site.resync()
    for _ in range(2):
        report = await site.resync(providers=["bob"])
        assert (report.exit, report.converged) == (RunExit.UNANSWERED, False)
        assert report.to_json()["waiting"] == every.to_json()["waiting"]
        await same(site, capsys, report)
        await site.restart()


async def test_status_names_the_system_of_a_write_without_an_outcome(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    await site.resync()
    forbid_writes(site.world.sandbox.clinic, 403)  # an empty 403 of v2 proves nothing
    site.world.book("crm", "alice", site.world.at(1, 19))
    engine = site.app.engine
    report = Report(run="r")
    await run_cycle(engine, engine.window(near=False), report)
    capsys.readouterr()
    assert say(site, "status") == report.exit.code == RunExit.UNANSWERED.code
    assert "clinic: 1 write without a confirmed outcome" in capsys.readouterr().out
