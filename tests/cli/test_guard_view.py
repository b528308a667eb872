"""The lines on mass-change stops, and which runs can be accepted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import CliHarness, Result


def wipe(cli: CliHarness, who: str = "carol", *, keep: int = 0) -> None:
    """Delete a provider's meetings in the clinic, except for ``keep`` of them."""
    clinic = cli.world.sandbox.clinic
    user = cli.world.seed_users["clinic", who].user
    mine = [m for m in clinic.appointments() if m.user == user and not m.deleted]
    for meeting in mine[: len(mine) - keep]:
        clinic.delete(meeting.id)


def accident(cli: CliHarness, *, keep: int = 0) -> None:
    """Fill a calendar, sync, and delete its meetings except for ``keep`` of them."""
    for hour in range(6, 20):
        cli.world.book("clinic", "carol", cli.world.at(9, hour))
    cli.run("resync", "--yes")
    wipe(cli, keep=keep)


def told(result: Result) -> dict[str, Any]:
    """Return the JSON object that a command printed."""
    found: dict[str, Any] = json.loads(result.out)
    return found


def test_a_stop_names_its_place_its_effects_and_the_command(cli: CliHarness) -> None:
    accident(cli)
    cli.world.book("clinic", "bob", cli.world.at(9, 12))
    result = cli.run("resync", "--yes")
    text = " ".join(result.err.split())
    assert result.code == 5
    assert (
        "stopped by the guard: carol in clinic: 16 meetings are gone, cancelled or moved at once"
        in text
    )
    assert "withheld: writes that would free, move or cancel these meetings in any system" in text
    assert (
        "synced as usual: new bookings and newly busy time in clinic, and all other calendars"
        in text
    )
    assert "undo the changes in clinic; the stop then ends by itself" in text
    assert "written: nothing" not in result.out
    status = cli.run("status")
    shown = " ".join(status.err.split())
    assert status.code == 5
    assert "stopped by the guard: carol in clinic: 16 meetings are gone" in shown
    assert "undo the changes in clinic" in shown
    assert (
        f"syncd resync --accept {json.loads(cli.run('conflicts', '--json').out)[0]['run']}" in shown
    )
    again = cli.run("resync", "--yes")
    assert again.code == 5
    assert "no calendar needed a change" not in again.out
    assert "1 calendar stopped by the guard" in again.out


@pytest.mark.prove
def test_the_json_of_a_stop_counts_it_and_each_listed_run_is_accepted(cli: CliHarness) -> None:
    accident(cli)
    cli.run("resync", "--yes")
    result = cli.run("resync", "--yes", "--json")
    last = told(result)
    assert (result.code, last["conflicts"], last["converged"]) == (5, 1, False)
    assert last["stopped"] == [
        {"system": "clinic", "provider": "carol", "run": last["run"], "count": 16}
    ]
    assert {w["why"] for w in last["waiting"]} == {"guard"}
    assert cli.run("resync", "--yes", "--accept", last["run"]).code == 0
    assert cli.disagreements() == []
    over = cli.run("resync", "--yes", "--accept", last["run"])
    assert over.code == 2
    text = " ".join(over.err.split())
    assert "the guard no longer stops any change" in text
    assert "The changes were accepted or reverted. The guard stops no changes now." in text


@pytest.mark.prove
def test_a_stop_that_grows_counts_as_one(cli: CliHarness) -> None:
    accident(cli, keep=2)
    cli.run("resync", "--yes")
    wipe(cli)
    last = told(cli.run("resync", "--yes", "--json"))
    seen = told(cli.run("status", "--json"))
    (stop,) = last["stopped"]
    (shown,) = seen["stopped"]
    assert (last["left"]["stopped"], stop["count"]) == (1, 16)
    assert {**shown, "run": None} == {**stop, "run": None}
    for kind in ("stopped", "conflicts"):
        assert seen["left"][kind] == last["left"][kind]
    assert cli.run("resync", "--yes", "--accept", shown["run"]).code == 0


@pytest.mark.prove
def test_an_accept_that_finds_more_changes_exits_with_five(cli: CliHarness) -> None:
    accident(cli, keep=2)
    first = told(cli.run("resync", "--yes", "--json"))
    wipe(cli)
    result = cli.run("resync", "--yes", "--accept", first["run"])
    text = " ".join(result.err.split())
    assert result.code == 5
    assert f"run {first['run']} did not list the changes below, so they stay stopped" in text
    assert "carol in clinic: 2 meetings are gone, cancelled or moved at once" in text


@pytest.mark.prove
def test_a_stop_that_only_a_dry_run_showed_is_accepted_by_its_name(cli: CliHarness) -> None:
    accident(cli)
    result = cli.run("plan", "--json")
    plan = told(result)
    assert result.code == 5
    assert plan["stopped"][0]["run"] == plan["run"]
    assert plan["plan"] == []
    dry = cli.run("resync", "--dry-run", "--accept", plan["run"])
    assert (dry.code, "--accept" in dry.err) == (0, False)
    assert cli.run("resync", "--yes", "--accept", plan["run"]).code == 0
    assert cli.disagreements() == []
    again = " ".join(cli.run("resync", "--yes", "--accept", plan["run"]).err.split())
    assert "listed. The guard stops no changes now." in again


@pytest.mark.prove
def test_a_dry_run_is_not_accepted_if_other_changes_are_stopped(cli: CliHarness) -> None:
    accident(cli, keep=1)
    plan = told(cli.run("plan", "--json"))
    wipe(cli)
    result = cli.run("resync", "--yes", "--accept", plan["run"])
    assert result.code == 5
    assert "so none were accepted" in " ".join(result.err.split())


@pytest.mark.prove
def test_runs_that_stopped_nothing_are_refused_with_the_reason(cli: CliHarness) -> None:
    accident(cli)
    quiet = told(cli.run("resync", "--yes", "--json", "--provider", "bob"))
    unknown = cli.run("resync", "--yes", "--accept", "nonsense")
    assert (unknown.code, "there is no run 'nonsense'" in unknown.err) == (2, True)
    never = cli.run("resync", "--yes", "--accept", quiet["run"])
    assert never.code == 2
    assert "the guard did not stop run" in " ".join(never.err.split())
    cli.run("resync", "--yes")
    text = " ".join(cli.run("resync", "--yes", "--accept", quiet["run"]).err.split())
    _, _, hint = text.partition("that the guard stops now: syncd resync --accept ")
    run = hint.split(".")[0]
    assert cli.run("resync", "--yes", "--accept", run).code == 0


@pytest.mark.prove
def test_the_conflicts_name_the_run_that_accepts_a_stop(cli: CliHarness) -> None:
    accident(cli)
    cli.run("resync", "--yes")
    cli.run("resync", "--yes")
    shown = cli.run("conflicts")
    run = shown.out.split("--accept")[1].split()[0]
    assert cli.run("resync", "--yes", "--accept", run).code == 0
