"""The state is backed up, lost and restored by commands, beside platforms on real sockets."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.cli import terminal
from syncd.daemon.lock import StateLock
from syncd.store import Store
from tests.cli.conftest import Desk

HOUR = timedelta(hours=1)


def written(desk: Desk) -> dict[str, int]:
    """What one resync writes; it must end with everything in step."""
    said = json.loads(desk.say("resync", "--yes", "--json").out)
    assert said["converged"]
    return {name: count for name, count in said["operations"].items() if count}


def test_what_was_backed_up_can_be_restored_and_nothing_is_doubled(desk: Desk) -> None:
    gone = desk.world.book("clinic", "bob", desk.world.at(4, 17))
    written(desk)
    said = desk.say("backup", "copy.db")
    assert said.code == 0
    assert "whole and checked" in said.out
    again = desk.say("backup", "copy.db")
    assert (again.code, "there already" in again.err) == (1, True)
    assert desk.say("backup", "copy.db", "--force").code == 0

    crm, clinic = desk.world.sandbox.systems["crm"], desk.world.sandbox.systems["clinic"]
    start = desk.world.at(3, 17)
    booked = desk.world.book("crm", "alice", start)
    written(desk)
    crm.move(booked, start + HOUR, start + 2 * HOUR)
    assert written(desk)
    clinic.cancel(gone)

    said = desk.say("restore", "copy.db", "--yes")
    assert said.code == 0
    assert "removes nothing" in said.out
    # What was written since the backup is taken over; what was called off since then is freed.
    assert written(desk) == {"remove-block": 2}
    assert desk.wrong() == []
    assert written(desk) == {}


def test_a_plan_after_a_restore_removes_nothing(desk: Desk) -> None:
    booked = desk.world.book("clinic", "bob", desk.world.at(4, 17))
    written(desk)
    desk.say("backup", "copy.db")
    desk.world.sandbox.systems["clinic"].cancel(booked)
    desk.say("restore", "copy.db", "--yes")
    assert json.loads(desk.say("plan", "--json").out)["plan"] == []
    shown = desk.say("plan")
    assert "2 removals would wait" in shown.out
    assert "remove-block" not in shown.out


def test_a_lost_state_doubles_nothing(desk: Desk) -> None:
    written(desk)
    for file in desk.path.parent.glob("state.db*"):
        file.unlink()
    assert written(desk) == {}
    assert desk.wrong() == []


def test_a_restore_asks_first(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    written(desk)
    desk.say("backup", "copy.db")
    state = desk.path.parent / "state.db"
    before = state.read_bytes()
    monkeypatch.setattr(terminal, "confirmed", lambda _question: False)
    said = desk.say("restore", "copy.db")
    assert (said.code, "nothing was changed" in said.out) == (0, True)
    assert state.read_bytes() == before


def test_a_restore_waits_for_no_daemon_and_a_backup_needs_none(desk: Desk) -> None:
    written(desk)
    state = desk.path.parent / "state.db"
    with StateLock(state, role="daemon"):
        assert desk.say("backup", "copy.db").code == 0
        said = desk.say("restore", "copy.db", "--yes")
    assert said.code == 6
    assert "systemctl stop syncd" in said.err


def test_both_tell_what_they_did_as_json(desk: Desk) -> None:
    written(desk)
    made = json.loads(desk.say("backup", "copy.db", "--json").out)
    assert made["bytes"] == Path(made["file"]).stat().st_size
    done = json.loads(desk.say("restore", "copy.db", "--json").out)
    assert set(done) == {"state", "bookings", "dropped", "kept"}
    assert Path(done["kept"]).exists()


def test_migrate_brings_a_state_up_to_date_and_says_so(desk: Desk) -> None:
    said = desk.say("migrate")
    assert (said.code, "is up to date" in said.out) == (0, True)
    Store.open(desk.path.parent / "state.db", write=False).close()


@pytest.mark.parametrize("command", ["resync --yes", "run", "backup copy.db", "status"])
def test_a_damaged_state_is_told_with_the_remedy_and_left_alone(desk: Desk, command: str) -> None:
    state = desk.path.parent / "state.db"
    state.write_bytes(b"this is no database, " * 400)
    before = state.read_bytes()
    said = desk.say(*command.split())
    assert said.code == 1
    assert "damaged, or not a syncd state" in " ".join(said.err.split())
    assert "syncd restore" in " ".join(said.err.split())
    assert state.read_bytes() == before
