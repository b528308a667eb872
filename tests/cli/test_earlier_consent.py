"""What counts as consent to a resync without a terminal (docs/design.md#consent)."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.conftest import Desk
from tests.cli.test_left_behind_view import without

NOTICE = "from version 0.2 on, this needs --yes"


def made(desk: Desk) -> int:
    """Return the number of writes of all runs so far."""
    if not (desk.path.parent / "state.db").exists():
        return 0
    written = json.loads(desk.say("history", "--limit", "1000", "--json").out)
    return sum(note["what"] == "create-block" for note in written)


@pytest.mark.parametrize("also", [(), ("--json",), ("--provider", "alice")])
def test_a_new_state_needs_consent_before_its_first_write(
    desk: Desk, also: tuple[str, ...]
) -> None:
    before = len(desk.wrong())
    said = desk.say("resync", *also)
    assert said.code == 2
    told = json.loads(said.out)["error"] if "--json" in also else {}
    assert "there is no terminal to ask on" in (told.get("message", "") + said.err)
    assert "resync --yes" in (told.get("remedy", "") + " ".join(said.err.split()))
    assert (made(desk), len(desk.wrong())) == (0, before)
    assert not (desk.path.parent / "state.db").exists()


def test_a_state_that_was_only_read_needs_consent_before_its_first_write(desk: Desk) -> None:
    text = desk.path.read_text()
    desk.path.write_text(re.sub(r"(crm|clinic|legacy) = { ", r"\1 = { write = false, ", text))
    desk.say("resync", "--yes")
    desk.path.write_text(text)
    assert desk.say("resync").code == 2
    assert made(desk) == 0


def test_after_consent_later_runs_write_and_print_a_notice(desk: Desk) -> None:
    assert desk.say("resync", "--yes").code == 0
    desk.world.book("crm", "alice", desk.world.at(3, 17))
    said = desk.say("resync")
    assert (said.code, desk.wrong()) == (0, [])
    assert " ".join(said.err.split()).count(NOTICE) == 1
    again = desk.say("resync", "--json")
    assert json.loads(again.out)["converged"] is True
    assert NOTICE in " ".join(again.err.split())


def test_yes_is_consent_and_prints_no_notice(desk: Desk) -> None:
    said = desk.say("resync", "--yes", "--yes")
    assert (said.code, desk.wrong()) == (0, [])
    assert "--yes" not in said.err


@pytest.mark.parametrize("what", ["provider", "calendar", "system"])
def test_a_calendar_that_is_new_to_the_state_needs_consent(desk: Desk, what: str) -> None:
    whole = desk.path.read_text()
    without(desk, what)
    assert desk.say("resync", "--yes").code == 0
    desk.path.write_text(whole)
    written = made(desk)
    said = desk.say("resync")
    assert said.code == 2
    new = {"provider": "bob in clinic", "calendar": "bob in clinic", "system": "alice in clinic"}
    assert new[what] in " ".join(said.err.split())
    assert made(desk) == written
    if what == "provider":
        # The other calendars are known.
        assert desk.say("resync", "--provider", "alice").code == 0
    assert desk.say("resync", "--yes").code == 0
    assert desk.say("resync").code == 0
    assert desk.wrong() == []


def test_a_remapped_calendar_needs_consent(desk: Desk) -> None:
    desk.say("resync", "--yes")
    text = desk.path.read_text()
    users = [desk.world.seed_users["crm", who].user for who in ("alice", "bob")]
    parts = re.split(rf"({users[0]}|{users[1]})", text)
    swapped = "".join(users[1 - users.index(p)] if p in users else p for p in parts)
    desk.path.write_text(swapped)
    said = desk.say("resync")
    assert said.code == 2
    assert "alice in crm, bob in crm" in " ".join(said.err.split())


@pytest.mark.parametrize("command", ["undo", "restore"])
def test_undo_and_restore_need_yes_without_a_terminal(desk: Desk, command: str) -> None:
    run = json.loads(desk.say("resync", "--yes", "--json").out)["run"]
    desk.say("backup", "copy.db")
    what = {"undo": run, "restore": "copy.db"}[command]
    for also in ((), ("--json",)):
        said = desk.say(command, what, *also)
        assert said.code == 2
        assert "there is no terminal to ask on" in " ".join((said.out + said.err).split())
    assert desk.wrong() == []
    assert desk.say(command, what, "--yes").code == 0
