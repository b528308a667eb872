"""What `status` and `resync` tell of one state agrees, in exit code and in what is left."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from syncd.cli.main import run_with
from syncd.engine.report import Report, RunExit
from syncd.model import Action
from syncd.sandbox.scenario import PEOPLE
from syncd.sandbox.write_access import forbid_writes
from tests.end_to_end.conftest import Shop
from tests.end_to_end.test_queue import printed

HALF = timedelta(minutes=30)


def say(shop: Shop, *arguments: str) -> int:
    """Run a command that asks no platform in a thread, as another process would."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run_with, ["--config", str(shop.path), *arguments]).result()


async def status(shop: Shop, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = say(shop, "status", "--json")
    return code, printed(capsys)


async def same(shop: Shop, capsys: pytest.CaptureFixture[str], report: Report) -> dict[str, Any]:
    """Check that both tell the same; return what they say is left."""
    code, told = await status(shop, capsys)
    assert (code, told["left"]) == (report.exit.code, report.to_json()["left"])
    return {kind: number for kind, number in told["left"].items() if number}


async def test_a_system_that_takes_no_writes_is_not_said_to_be_silent(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    await shop.resync()
    forbid_writes(shop.world.sandbox.crm, 403)
    event = shop.world.book("clinic", "alice", shop.world.at(1, 19))
    left = await same(shop, capsys, await shop.resync())
    assert left == {"waiting": 1, "exposures": 1}
    shop.world.sandbox.clinic.delete(event)
    report = await shop.resync()
    assert report.converged
    assert await same(shop, capsys, report) == {}


async def test_a_stopped_system_is_one_stop_and_no_conflict(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    clinic = shop.world.sandbox.clinic
    for who in PEOPLE:
        shop.world.book("clinic", who, shop.world.at(5, 17))
    await shop.resync()
    for each in clinic.appointments():
        clinic.move(each.id, each.start + HALF, each.end + HALF)
    report = await shop.resync()
    left = await same(shop, capsys, report)
    assert (report.exit, left["stopped"], "conflicts" in left) == (RunExit.GUARDED, 1, False)
    _, told = await status(shop, capsys)
    assert told["stopped"] == report.to_json()["stopped"]


async def test_one_resync_frees_what_a_removed_system_had_taken(shop: Shop) -> None:
    await shop.resync()
    text = re.sub(r"\[systems.crm\].*?(?=\[systems)", "", shop.path.read_text(), flags=re.DOTALL)
    shop.path.write_text(re.sub(r"crm = .*\n", "", text))
    await shop.reload()
    report = await shop.resync()
    assert (report.exit, report.waiting) == (RunExit.DONE, [])
    assert report.operations[Action.REMOVE_BLOCK] > 0


async def test_a_resync_of_one_person_does_not_say_that_all_agrees_while_another_waits(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    await shop.resync()
    forbid_writes(shop.world.sandbox.crm, 403)
    shop.world.book("clinic", "alice", shop.world.at(1, 19))
    every = await shop.resync()
    for _ in range(2):
        report = await shop.resync(providers=["bob"])
        assert (report.exit, report.converged) == (RunExit.UNANSWERED, False)
        assert report.to_json()["waiting"] == every.to_json()["waiting"]
        await same(shop, capsys, report)
        await shop.restart()


async def test_status_names_the_system_of_a_write_without_an_outcome(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    await shop.resync()
    forbid_writes(shop.world.sandbox.clinic, 403)  # an empty 403 of v2 proves nothing
    shop.world.book("crm", "alice", shop.world.at(1, 19))
    engine = shop.app.engine
    report = Report(run="r")
    await engine.cycle(engine.window(near=False), report)
    capsys.readouterr()
    assert say(shop, "status") == report.exit.code == RunExit.UNANSWERED.code
    assert "clinic: 1 write without a confirmed outcome" in capsys.readouterr().out
