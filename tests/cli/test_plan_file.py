"""Plan files: either exactly the listed writes are made, or none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from syncd.cli import plan_file, resync_run
from syncd.lab.sandbox import Fault, FaultKind
from tests.cli.conftest import CliHarness
from tests.cli.test_left_behind_view import without
from tests.cli.test_question import made

PLAN = "plan.json"


def planned(cli: CliHarness, *also: str) -> list[dict[str, Any]]:
    """Make a plan file; return its operations."""
    result = cli.run("plan", "--out", PLAN, *also)
    assert result.code == 0, result.err
    operations: list[dict[str, Any]] = json.loads(Path(PLAN).read_text())["operations"]
    return operations


def test_a_plan_file_is_carried_out_exactly_and_without_a_question(cli: CliHarness) -> None:
    operations = planned(cli)
    assert Path(PLAN).stat().st_mode & 0o777 == 0o600
    assert made(cli) == 0
    result = cli.run("resync", "--plan", PLAN, "--json")
    data = json.loads(result.out)
    assert result.code == 0
    assert data["plan"] == {"refused": False, "not_wanted": [], "new": []}
    assert sum(data["operations"].values()) == len(operations) == made(cli)
    assert cli.disagreements() == []
    assert "--yes" not in result.err


def test_a_plan_is_refused_as_a_whole_after_a_new_booking(cli: CliHarness) -> None:
    planned(cli)
    cli.world.book("crm", "alice", cli.world.at(3, 17))
    result = cli.run("resync", "--plan", PLAN)
    assert result.code == 4
    shown = " ".join(result.out.split())
    assert "refused as a whole" in shown
    assert "needed now, not planned" in shown
    assert "planned, no longer needed" not in shown
    assert result.out.count("block Thu") == 2
    assert "Nothing was written." in result.out
    assert made(cli) == 0
    assert not (cli.path.parent / "state.db").exists()
    data = json.loads(cli.run("resync", "--plan", PLAN, "--json").out)["plan"]
    assert (data["refused"], data["not_wanted"], len(data["new"])) == (True, [], 2)


def test_a_change_just_before_the_write_refuses_the_plan(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(cli)
    preview = resync_run.preview_resync

    def then_book(*given: Any, **named: Any) -> Any:
        tried = preview(*given, **named)
        cli.world.book("crm", "alice", cli.world.at(3, 17))
        return tried

    monkeypatch.setattr("syncd.cli.resync_plan.preview_resync", then_book)
    result = cli.run("resync", "--plan", PLAN, "--json")
    data = json.loads(result.out)
    assert (result.code, data["plan"]["refused"], len(data["plan"]["new"])) == (4, True, 2)
    assert sum(data["operations"].values()) == 0
    assert made(cli) == 0


def test_a_plan_is_refused_after_a_move(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    event = cli.world.book("clinic", "alice", cli.world.at(3, 15))
    assert len(planned(cli)) == 2
    before = made(cli)
    clinic = cli.world.sandbox.clinic
    clinic.move(event, cli.world.at(3, 16), cli.world.at(3, 17))
    data = json.loads(cli.run("resync", "--plan", PLAN, "--json").out)
    assert (len(data["plan"]["not_wanted"]), len(data["plan"]["new"])) == (2, 2)
    assert made(cli) == before


def test_a_plan_cannot_be_carried_out_twice(cli: CliHarness) -> None:
    planned(cli)
    run = json.loads(cli.run("resync", "--plan", PLAN, "--json").out)["run"]
    written = made(cli)
    result = cli.run("resync", "--plan", PLAN)
    assert result.code == 2
    assert f"run {run} already carried out this plan" in " ".join(result.err.split())
    assert made(cli) == written


def test_a_refused_plan_names_the_system_that_does_not_answer(cli: CliHarness) -> None:
    planned(cli)
    cli.world.sandbox.clinic.faults.add(Fault(FaultKind.ERROR, status=500))
    result = cli.run("resync", "--plan", PLAN)
    assert result.code == 4
    assert "clinic is down" in " ".join(result.err.split())
    assert made(cli) == 0


@pytest.mark.parametrize("how", ["pause", "observe"])
def test_a_refused_plan_names_the_pause(cli: CliHarness, how: str) -> None:
    planned(cli)
    if how == "pause":
        cli.run("pause", "clinic", "--reason", "they move")
    else:
        text = cli.path.read_text()
        cli.path.write_text(text.replace("[syncd]", '[syncd]\nmode = "observe"', 1))
    result = cli.run("resync", "--plan", PLAN)
    told = " ".join(result.err.split())
    assert (result.code, made(cli)) == (4, 0)
    if how == "pause":
        assert "system clinic has been paused since" in told
        assert "(they move): `syncd unpause --system clinic` ends it." in told
    else:
        assert told.count('mode = "observe" is set in [syncd]: nothing is written. Remove') == 1


def test_events_new_in_the_window_are_left_for_the_next_run(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    operations = planned(cli)
    text = json.loads(Path(PLAN).read_text())
    del text["digest"]
    last = max(o["after"]["start"] for o in operations)
    text["until"] = (datetime.fromisoformat(last) - timedelta(seconds=1)).isoformat()
    text["operations"] = [o for o in operations if o["after"]["start"] < last]
    text["digest"] = plan_file._digest(text)
    Path(PLAN).write_text(json.dumps(text))
    result = cli.run("resync", "--plan", PLAN, "--json")
    assert made(cli) == len(text["operations"]) < len(operations)
    # The result says that a write is left.
    assert (result.code, json.loads(result.out)["converged"]) == (4, False)
    monkeypatch.undo()


Change = Callable[[dict[str, Any]], object]
CHANGES: dict[str, tuple[Change, str]] = {
    "edited": (lambda p: p["operations"].pop(), "was edited after syncd made it"),
    "moved": (
        lambda p: p["operations"][0]["after"].update(start="2031-01-01T10:00:00Z"),
        "was edited after syncd made it",
    ),
    "no digest": (lambda p: p.pop("digest"), "was edited after syncd made it"),
    "other version": (lambda p: p.update(version="0.0.9"), "syncd 0.0.9 made the plan"),
    "newer format": (lambda p: p.update(syncd_plan=2), "made the plan, but this is syncd"),
    "no plan": (lambda p: p.pop("syncd_plan"), "the file is not a plan"),
}
SIGNED: dict[str, tuple[Change, str]] = {
    "expired": (lambda p: p.update(expires_at="2020-01-01T00:00:00Z"), "the plan expired on"),
    "from the future": (
        lambda p: p.update(made_at=(datetime.now(UTC) + timedelta(days=1)).isoformat()),
        "in the future",
    ),
    "other installation": (lambda p: p.update(installation=77), "another installation"),
    "other calendars": (lambda p: p["calendars"].pop("bob in crm"), "bob in crm"),
    "system gone": (
        lambda p: p["operations"][0].update(system="sales"),
        "no longer has the system sales",
    ),
    "no action": (
        lambda p: p["operations"][0].update(action="wipe"),
        "the content of the plan is not valid",
    ),
    "odd provider": (
        lambda p: p.update(provider=["alice"]),
        "the content of the plan is not valid",
    ),
    "odd installation": (
        lambda p: p.update(installation=[1]),
        "the content of the plan is not valid",
    ),
    "no list": (lambda p: p.update(operations=7), "the content of the plan is not valid"),
}


@pytest.mark.parametrize("how", [*CHANGES, *SIGNED])
def test_an_edited_expired_or_foreign_plan_is_refused(cli: CliHarness, how: str) -> None:
    planned(cli)
    data = json.loads(Path(PLAN).read_text())
    change, words = {**CHANGES, **SIGNED}[how]
    change(data)
    if how in SIGNED:
        del data["digest"]
        data["digest"] = plan_file._digest(data)
    Path(PLAN).write_text(json.dumps(data))
    refused = cli.run("resync", "--plan", PLAN)
    assert (refused.code, words in " ".join(refused.err.split())) == (2, True), refused.err
    assert made(cli) == 0


@pytest.mark.parametrize("fault", ["cut", "empty", "pipe", "folder", "missing", "binary", "deep"])
def test_a_file_that_is_not_a_complete_plan_is_refused(cli: CliHarness, fault: str) -> None:
    planned(cli)
    text = Path(PLAN).read_bytes()
    Path(PLAN).unlink()
    match fault:
        case "pipe":
            os.mkfifo(PLAN)
        case "folder":
            Path(PLAN).mkdir()
        case "missing":
            pass
        case _:
            content = {
                "cut": text[: len(text) // 2],
                "empty": b"",
                "binary": b"\xff\x00" * 99,
                "deep": b"[" * 100_000,
            }
            Path(PLAN).write_bytes(content[fault])
    refused = cli.run("resync", "--plan", PLAN)
    assert refused.code == 2
    assert "nothing was written" in refused.err
    assert made(cli) == 0


def test_an_edited_plan_with_a_new_digest_writes_nothing(cli: CliHarness) -> None:
    planned(cli)
    data = json.loads(Path(PLAN).read_text())
    del data["digest"]
    data["operations"][0]["after"]["start"] = "2031-01-01T10:00:00Z"
    data["operations"][0]["after"]["end"] = "2031-01-01T11:00:00Z"
    data["digest"] = plan_file._digest(data)
    Path(PLAN).write_text(json.dumps(data))
    assert cli.run("resync", "--plan", PLAN).code == 4
    assert made(cli) == 0


def test_a_plan_for_other_calendars_is_refused_and_names_them(cli: CliHarness) -> None:
    planned(cli)
    without(cli, "calendar")
    refused = cli.run("resync", "--plan", PLAN)
    assert refused.code == 2
    assert "now maps these calendars differently: bob in clinic" in " ".join(refused.err.split())


def test_an_existing_file_is_not_replaced_by_a_plan(cli: CliHarness) -> None:
    Path(PLAN).write_text("mine")
    result = cli.run("plan", "--out", PLAN)
    assert (result.code, "exists already" in result.err) == (1, True)
    assert Path(PLAN).read_text() == "mine"
    Path("link.json").symlink_to("elsewhere")
    assert cli.run("plan", "--out", "link.json").code == 1
    assert not Path("elsewhere").exists()


def test_a_plan_on_a_full_disk_says_so_and_leaves_no_file(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int, _text: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("syncd.cli.privileges.os.write", full)
    result = cli.run("plan", "--out", PLAN)
    assert (result.code, "No space left" in result.err) == (1, True)
    assert not Path(PLAN).exists()


def test_a_plan_that_fails_leaves_no_file(cli: CliHarness) -> None:
    assert cli.run("plan", "--out", PLAN, "--provider", "nobody").code == 2
    assert not Path(PLAN).exists()


def test_a_plan_file_accepts_no_other_options(cli: CliHarness) -> None:
    planned(cli)
    for also in (("--provider", "alice"), ("--dry-run",), ("--from", "2026-01-01")):
        result = cli.run("resync", "--plan", PLAN, *also)
        assert (result.code, "--plan cannot be combined" in result.err) == (2, True)
    assert made(cli) == 0


def test_a_plan_for_one_provider_writes_to_no_other(cli: CliHarness) -> None:
    operations = planned(cli, "--provider", "alice")
    assert {o["provider"] for o in operations} == {"alice"}
    assert cli.run("resync", "--plan", PLAN).code == 0
    assert made(cli) == len(operations)
