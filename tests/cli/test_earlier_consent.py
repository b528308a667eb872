"""What counts as consent to a resync without a terminal (docs/design.md#consent)."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.conftest import CliHarness
from tests.cli.test_left_behind_view import without

NOTICE = "From version 0.2 on, this requires --yes"


def made(cli: CliHarness) -> int:
    """Return the number of writes of all runs so far."""
    if not (cli.path.parent / "state.db").exists():
        return 0
    written = json.loads(cli.run("history", "--limit", "1000", "--json").out)
    return sum(note["what"] == "create-block" for note in written)


@pytest.mark.parametrize("also", [(), ("--json",), ("--provider", "alice")])
def test_a_new_state_needs_consent_before_its_first_write(
    cli: CliHarness, also: tuple[str, ...]
) -> None:
    before = len(cli.disagreements())
    result = cli.run("resync", *also)
    assert result.code == 2
    data = json.loads(result.out)["error"] if "--json" in also else {}
    assert "there is no terminal for the question" in (data.get("message", "") + result.err)
    assert "resync --yes" in (data.get("remedy", "") + " ".join(result.err.split()))
    assert (made(cli), len(cli.disagreements())) == (0, before)
    assert not (cli.path.parent / "state.db").exists()


def test_a_state_that_was_only_read_needs_consent_before_its_first_write(cli: CliHarness) -> None:
    text = cli.path.read_text()
    cli.path.write_text(re.sub(r"(crm|clinic|legacy) = { ", r"\1 = { write = false, ", text))
    cli.run("resync", "--yes")
    cli.path.write_text(text)
    assert cli.run("resync").code == 2
    assert made(cli) == 0


def test_after_consent_later_runs_write_and_print_a_notice(cli: CliHarness) -> None:
    assert cli.run("resync", "--yes").code == 0
    cli.world.book("crm", "alice", cli.world.at(3, 17))
    result = cli.run("resync")
    assert (result.code, cli.disagreements()) == (0, [])
    assert " ".join(result.err.split()).count(NOTICE) == 1
    again = cli.run("resync", "--json")
    assert json.loads(again.out)["converged"] is True
    assert NOTICE in " ".join(again.err.split())


def test_yes_is_consent_and_prints_no_notice(cli: CliHarness) -> None:
    result = cli.run("resync", "--yes", "--yes")
    assert (result.code, cli.disagreements()) == (0, [])
    assert "--yes" not in result.err


@pytest.mark.parametrize("what", ["provider", "calendar", "system"])
def test_a_calendar_that_is_new_to_the_state_needs_consent(cli: CliHarness, what: str) -> None:
    whole = cli.path.read_text()
    without(cli, what)
    assert cli.run("resync", "--yes").code == 0
    cli.path.write_text(whole)
    written = made(cli)
    result = cli.run("resync")
    assert result.code == 2
    new = {"provider": "bob in clinic", "calendar": "bob in clinic", "system": "alice in clinic"}
    assert new[what] in " ".join(result.err.split())
    assert made(cli) == written
    if what == "provider":
        # The other calendars are known.
        assert cli.run("resync", "--provider", "alice").code == 0
    assert cli.run("resync", "--yes").code == 0
    assert cli.run("resync").code == 0
    assert cli.disagreements() == []


def test_a_remapped_calendar_needs_consent(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    text = cli.path.read_text()
    users = [cli.world.seed_users["crm", who].user for who in ("alice", "bob")]
    parts = re.split(rf"({users[0]}|{users[1]})", text)
    swapped = "".join(users[1 - users.index(p)] if p in users else p for p in parts)
    cli.path.write_text(swapped)
    result = cli.run("resync")
    assert result.code == 2
    assert "alice in crm, bob in crm" in " ".join(result.err.split())


@pytest.mark.parametrize("command", ["undo", "restore"])
def test_undo_and_restore_need_yes_without_a_terminal(cli: CliHarness, command: str) -> None:
    run = json.loads(cli.run("resync", "--yes", "--json").out)["run"]
    cli.run("backup", "copy.db")
    what = {"undo": run, "restore": "copy.db"}[command]
    for also in ((), ("--json",)):
        result = cli.run(command, what, *also)
        assert result.code == 2
        assert "there is no terminal for the question" in " ".join(
            (result.out + result.err).split()
        )
    assert cli.disagreements() == []
    assert cli.run(command, what, "--yes").code == 0
