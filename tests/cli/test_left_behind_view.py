"""Blocks of entries that left the configuration are named, and do not count as work left."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.conftest import CliHarness
from tests.cli.test_undo import synced

COMMANDS = {
    "provider": "`syncd cleanup --provider bob`",
    "calendar": "`syncd cleanup --system clinic --provider bob`",
    "system": "`syncd cleanup --system clinic`",
}
"""The command that removes the blocks, by the kind of entry that left the configuration."""
LATER = pytest.mark.prove
"""`make test` runs each of the three kinds in one of two tests."""


def without(cli: CliHarness, what: str) -> None:
    """Remove a provider, one of its calendars, or a whole system from the configuration."""
    text = cli.path.read_text()
    match what:
        case "provider":
            text = re.sub(
                r"\[providers\.bob\]\n.*?(?=\[providers\.carol\])", "", text, flags=re.DOTALL
            )
        case "calendar":
            bob = text.index("[providers.bob]")
            text = text[:bob] + re.sub(r"clinic = .*\n", "", text[bob:], count=1)
        case _:
            text = re.sub(r"\[systems\.clinic\]\n.*?\n\n", "", text, flags=re.DOTALL)
            text = re.sub(r"clinic = .*\n", "", text)
    cli.path.write_text(text)


def standing(cli: CliHarness, system: str, who: str) -> int:
    """Return the number of syncd blocks of a provider in a system."""
    seat = cli.world.seed_users[system, who]
    blocks = cli.world.sandbox.systems[system].blocks()
    return sum(not b.deleted and b.user == seat.user for b in blocks)


@pytest.mark.parametrize(
    ("what", "places"),
    [
        ("provider", [("bob", "clinic"), ("bob", "crm"), ("bob", "legacy")]),
        pytest.param("calendar", [("bob", "clinic")], marks=LATER),
        pytest.param(
            "system", [("alice", "clinic"), ("bob", "clinic"), ("carol", "clinic")], marks=LATER
        ),
    ],
)
def test_calendars_that_left_the_configuration_are_named_with_their_blocks(
    cli: CliHarness, what: str, places: list[tuple[str, str]]
) -> None:
    synced(cli)
    before = json.loads(cli.run("status", "--json").out)
    assert before["left_behind"] == []
    without(cli, what)
    for ran in (False, True):  # before the first run without it, and after it
        status = cli.run("status")
        assert status.code == 0
        found = json.loads(cli.run("status", "--json").out)["left_behind"]
        assert [(each["provider"], each["system"]) for each in found] == places
        assert {each["gone"] for each in found} == {what}
        assert all(each["blocks"] > 0 and each["first"] < each["last"] for each in found)
        for command in ("plan", "check"):
            result = cli.run(command)
            shown = " ".join((result.err + result.out).split())
            # A first cycle removes nothing, so removals wait.
            assert result.code == 0 or (result.code, ran, command) == (4, False, "plan")
            assert "no longer in the configuration" in shown or "no longer has a calendar" in shown
            assert COMMANDS[what] in shown
        assert json.loads(cli.run("resync", "--json").out)["left_behind"] == found
        cli.run("resync", "--yes")
    assert "everything in the configuration agrees" in cli.run("resync", "--yes").out
    warning = " ".join(status.err.split())
    assert COMMANDS[what] in warning
    assert "no longer in the configuration" in warning or "no longer has" in warning


def test_one_resync_makes_the_removals_after_a_calendar_is_removed(cli: CliHarness) -> None:
    synced(cli)
    without(cli, "calendar")
    result = cli.run("resync", "--yes")
    assert (result.code, result.out.splitlines()[-1]) == (
        0,
        "everything in the configuration agrees",
    )
    assert "4 blocks removed" in result.out


@pytest.mark.parametrize("what", [pytest.param("provider", marks=LATER), "calendar", "system"])
def test_an_undo_names_the_blocks_that_it_could_not_reach(cli: CliHarness, what: str) -> None:
    run = synced(cli)
    without(cli, what)
    cli.run("resync", "--yes")
    dry = cli.run("undo", run, "--dry-run")
    assert dry.code == 3
    result = cli.run("undo", run, "--json", "--yes")
    data = json.loads(result.out)
    assert (result.code, data["done"]) == (3, False)
    assert {each["gone"] for each in data["left_behind"]} == {what}
    shown = cli.run("undo", run, "--yes")
    assert "These blocks were not undone" in " ".join(shown.err.split())
    assert COMMANDS[what] in " ".join(shown.err.split())


def test_an_undo_without_unreachable_blocks_exits_with_zero(cli: CliHarness) -> None:
    synced(cli)
    cli.world.book("clinic", "alice", cli.world.at(4, 20))
    run = synced(cli)
    without(cli, "provider")
    result = cli.run("undo", run, "--json", "--yes")
    assert (result.code, json.loads(result.out)["left_behind"]) == (0, [])


def test_a_provider_that_returns_is_no_longer_left_behind(cli: CliHarness) -> None:
    text = cli.path.read_text()
    synced(cli)
    without(cli, "provider")
    assert json.loads(cli.run("status", "--json").out)["left_behind"]
    cli.path.write_text(text)
    assert json.loads(cli.run("status", "--json").out)["left_behind"] == []
