"""The commands backup, restore and migrate, with emulated platforms."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.cli import terminal
from syncd.daemon.lock import StateLock
from syncd.store import Store
from syncd.store.backup.nightly import kept_backups
from syncd.store.database.version import newest_schema
from tests.cli.conftest import CliHarness

HOUR = timedelta(hours=1)


def written(cli: CliHarness) -> dict[str, int]:
    """Run a resync, expect that all systems agree, and return its writes."""
    data = json.loads(cli.run("resync", "--yes", "--json").out)
    assert data["converged"]
    return {name: count for name, count in data["operations"].items() if count}


def test_a_restored_backup_creates_no_duplicates(cli: CliHarness) -> None:
    gone = cli.world.book("clinic", "bob", cli.world.at(4, 17))
    written(cli)
    result = cli.run("backup", "copy.db")
    assert result.code == 0
    assert "complete and checked" in result.out
    again = cli.run("backup", "copy.db")
    assert (again.code, "exists already" in again.err) == (1, True)
    assert cli.run("backup", "copy.db", "--force").code == 0

    crm, clinic = cli.world.sandbox.systems["crm"], cli.world.sandbox.systems["clinic"]
    start = cli.world.at(3, 17)
    booked = cli.world.book("crm", "alice", start)
    written(cli)
    crm.move(booked, start + HOUR, start + 2 * HOUR)
    assert written(cli)
    clinic.cancel(gone)

    result = cli.run("restore", "copy.db", "--yes")
    assert result.code == 0
    assert "removes nothing" in result.out
    # Blocks made since the backup are adopted; those of meetings cancelled since then are removed.
    assert written(cli) == {"remove-block": 2}
    assert cli.disagreements() == []
    assert written(cli) == {}


def test_a_plan_after_a_restore_removes_nothing(cli: CliHarness) -> None:
    booked = cli.world.book("clinic", "bob", cli.world.at(4, 17))
    written(cli)
    cli.run("backup", "copy.db")
    cli.world.sandbox.systems["clinic"].cancel(booked)
    cli.run("restore", "copy.db", "--yes")
    assert json.loads(cli.run("plan", "--json").out)["plan"] == []
    shown = cli.run("plan")
    assert "crm: 1 write waits: not all calendars were read in full yet" in shown.err
    assert "remove-block" not in shown.out


def lose(cli: CliHarness, *, created: bool) -> None:
    """Delete the database, and with ``created`` the file of created ids too."""
    state = cli.path.parent / "state.db"
    for suffix in ("", "-wal", "-shm", *([".created"] if created else [])):
        state.with_name(state.name + suffix).unlink(missing_ok=True)


@pytest.mark.parametrize("created", [True, False], ids=["all of it", "the database"])
def test_a_lost_state_creates_no_duplicates(cli: CliHarness, *, created: bool) -> None:
    written(cli)
    lose(cli, created=created)
    assert written(cli) == {}
    assert cli.disagreements() == []


@pytest.mark.parametrize(
    "accident",
    ["lost", *(pytest.param(a, marks=pytest.mark.prove) for a in ("restored", "put back by hand"))],
)
@pytest.mark.parametrize("blocks", ["block", "hold"])
def test_blocks_in_the_created_ids_file_are_removed_with_their_meeting(
    cli: CliHarness, accident: str, blocks: str
) -> None:
    if blocks == "hold":
        text = cli.path.read_text()
        assert "[systems.legacy]\n" in text
        cli.world.sandbox.legacy.checks_slots = False
        hold = 'blocks = "hold"\nhold_email = "hold@example.com"\n'
        cli.path.write_text(text.replace("[systems.legacy]\n", f"[systems.legacy]\n{hold}"))
    written(cli)
    state, copy = cli.path.parent / "state.db", cli.path.parent / "copy.db"
    cli.run("backup", copy)
    booked = {
        (system, who): cli.world.book(system, who, cli.world.at(4, hour))
        for system, who, hour in (("crm", "alice", 17), ("clinic", "bob", 18))
    }
    assert written(cli)["create-block"] == 4
    for (system, _), event in booked.items():
        cli.world.sandbox.systems[system].delete(event)
    match accident:
        case "lost":
            lose(cli, created=False)
        case "restored":
            assert cli.run("restore", copy, "--yes").code == 0
        case _:
            lose(cli, created=False)
            state.write_bytes(copy.read_bytes())
    assert written(cli) == {"remove-block": 4}
    assert cli.disagreements() == []


def test_a_resync_makes_one_backup_a_day_and_status_shows_it(cli: CliHarness) -> None:
    assert json.loads(cli.run("status", "--json").out)["backup"]["made_at"] is None
    for _ in range(2):
        written(cli)
    (made,) = kept_backups(cli.path.parent / "state.db")
    seen = json.loads(cli.run("status", "--json").out)
    assert seen["backup"]["file"] == str(made.path)
    assert (seen["backup"]["kept"], seen["created_ids"]["missing"]) == (1, 0)
    assert "backup   " in cli.run("status").out
    made.path.rename(made.path.with_name("nightly-20200101T000000Z.db"))
    assert "the last backup was made" in " ".join(cli.run("status").err.split())
    written(cli)
    assert len(kept_backups(cli.path.parent / "state.db")) == 2


def test_a_dry_run_makes_no_backup_and_no_file(cli: CliHarness) -> None:
    cli.run("resync", "--dry-run")
    assert list(cli.path.parent.glob("state.db*")) == []


def test_a_failed_backup_is_reported_and_changes_no_exit_code(cli: CliHarness) -> None:
    (cli.path.parent / "state.db.backups").write_text("in the way")
    result = cli.run("resync", "--yes")
    assert result.code == 0
    assert "no backup of the state was made" in " ".join(result.err.split())


def test_status_counts_blocks_missing_from_the_created_ids_file(cli: CliHarness) -> None:
    written(cli)
    created = cli.path.parent / "state.db.created"
    created.rename(created.with_name("elsewhere"))
    seen = json.loads(cli.run("status", "--json").out)["created_ids"]
    assert seen["missing"] > 0
    assert "lacks" in cli.run("status").err
    created.symlink_to("elsewhere")
    seen = json.loads(cli.run("status", "--json").out)["created_ids"]
    assert (seen["missing"], bool(seen["fault"])) == (None, True)
    created.unlink()
    written(cli)
    assert json.loads(cli.run("status", "--json").out)["created_ids"]["missing"] == 0


def test_a_restore_compares_backup_and_state_before_it_asks(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(cli)
    cli.run("backup", "copy.db")
    cli.world.book("clinic", "alice", cli.world.at(4, 20))
    cli.run("resync", "--yes")
    state = cli.path.parent / "state.db"
    before = state.read_bytes()
    number = json.loads(cli.run("status", "--json").out)["bookings"]
    monkeypatch.setattr("syncd.cli.consent.can_ask", lambda: True)
    monkeypatch.setattr(terminal, "confirmed", lambda _question: False)
    result = cli.run("restore", "copy.db")
    assert (result.code, "Nothing was written." in result.out) == (4, True)
    shown = " ".join(result.err.split())
    assert f"{number - 1} {newest_schema()}" in shown
    assert f"{number} {newest_schema()}" in shown
    assert "older than the state" in shown
    assert state.read_bytes() == before


def test_a_backup_of_another_installation_is_announced_before_the_question(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(cli)
    cli.run("backup", "copy.db")
    text = cli.path.read_text()
    cli.path.write_text(text.replace('"state.db"', '"other.db"'))
    cli.world.book("clinic", "alice", cli.world.at(4, 20))
    written(cli)
    monkeypatch.setattr("syncd.cli.consent.can_ask", lambda: True)
    monkeypatch.setattr(terminal, "confirmed", lambda _question: False)
    assert "The backup is from another installation" in cli.run("restore", "copy.db").err
    cli.path.write_text(text)
    assert "another installation" not in cli.run("restore", "copy.db").err


@pytest.mark.parametrize(
    "fault",
    # The tests of the store cover folders and pipes in place of a file.
    ["text", "empty", "missing", "cut"]
    + [pytest.param(fault, marks=pytest.mark.prove) for fault in ("folder", "pipe")],
)
def test_a_file_that_cannot_be_restored_is_refused_before_the_question(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    written(cli)
    cli.run("backup", "copy.db")
    copy = cli.path.parent / "copy.db"
    content = copy.read_bytes()
    copy.unlink()
    match fault:
        case "folder":
            copy.mkdir()
        case "pipe":
            os.mkfifo(copy)
        case "missing":
            pass
        case _:
            contents = {"text": b"no database " * 400, "empty": b"", "cut": content[:9000]}
            copy.write_bytes(contents[fault])
    monkeypatch.setattr("syncd.cli.consent.can_ask", lambda: True)
    monkeypatch.setattr(terminal, "confirmed", lambda _question: pytest.fail("somebody was asked"))
    assert cli.run("restore", "copy.db").code == 1
    assert cli.run("status").code == 0


def test_a_damaged_state_is_shown_as_such_before_it_is_replaced(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(cli)
    cli.run("backup", "copy.db")
    (cli.path.parent / "state.db").write_bytes(b"this is no database, " * 400)
    monkeypatch.setattr("syncd.cli.consent.can_ask", lambda: True)
    monkeypatch.setattr(terminal, "confirmed", lambda _question: True)
    result = cli.run("restore", "copy.db")
    assert result.code == 0
    assert "it is" in result.err
    assert cli.run("status").code == 0


def test_a_restore_is_refused_beside_a_daemon_but_a_backup_is_made(cli: CliHarness) -> None:
    written(cli)
    state = cli.path.parent / "state.db"
    with StateLock(state, role="daemon"):
        assert cli.run("backup", "copy.db").code == 0
        result = cli.run("restore", "copy.db", "--yes")
    assert result.code == 6
    assert "systemctl stop syncd" in " ".join(result.err.split())


def test_backup_and_restore_print_their_results_as_json(cli: CliHarness) -> None:
    written(cli)
    made = json.loads(cli.run("backup", "copy.db", "--json").out)
    assert made["bytes"] == Path(made["file"]).stat().st_size
    done = json.loads(cli.run("restore", "copy.db", "--json", "--yes").out)
    assert set(done) == {"state", "bookings", "dropped", "kept"}
    assert Path(done["kept"]).exists()


def test_migrate_upgrades_a_state_and_says_so(cli: CliHarness) -> None:
    result = cli.run("migrate")
    assert (result.code, "is up to date" in result.out) == (0, True)
    Store.open(cli.path.parent / "state.db", write=False).close()


@pytest.mark.parametrize("command", ["resync --yes", "run", "backup copy.db", "status"])
def test_a_damaged_state_is_reported_with_a_remedy_and_not_changed(
    cli: CliHarness, command: str
) -> None:
    state = cli.path.parent / "state.db"
    state.write_bytes(b"this is no database, " * 400)
    before = state.read_bytes()
    result = cli.run(*command.split())
    assert result.code == 1
    assert "damaged, or not a syncd state" in " ".join(result.err.split())
    assert "syncd restore" in " ".join(result.err.split())
    assert state.read_bytes() == before
