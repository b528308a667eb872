"""`syncd pause`, `syncd unpause` and observe mode, with real emulators."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.daemon.lock import StateLock
from tests.cli.conftest import CliHarness, Result
from tests.cli.terminal_session import TerminalSession

pytestmark = pytest.mark.sockets


def as_json(result: Result) -> dict[str, Any]:
    found = json.loads(result.out)
    assert isinstance(found, dict)
    return found


def blocks(cli: CliHarness, system: str) -> int:
    return sum(not block.deleted for block in cli.world.sandbox.systems[system].blocks())


def observe(cli: CliHarness) -> None:
    text = cli.path.read_text()
    cli.path.write_text(text.replace("[syncd]\n", '[syncd]\nmode = "observe"\n', 1))


def test_a_paused_system_gets_no_write_and_is_shown_by_commands(cli: CliHarness) -> None:
    before = blocks(cli, "clinic")
    result = cli.run("pause", "clinic", "--reason", "they migrate")
    assert (result.code, "system clinic has been paused since" in result.out) == (0, True)
    assert cli.run("resync", "--yes").code == 0
    assert blocks(cli, "clinic") == before
    status = cli.run("status")
    assert status.code == 0
    text = " ".join(status.err.split())
    assert "(they migrate)" in text
    assert "`syncd unpause --system clinic` ends it" in text
    data = as_json(cli.run("status", "--json"))
    (paused,) = data["paused"]
    assert (paused["kind"], paused["id"], paused["reason"]) == (
        "system",
        "clinic",
        "they migrate",
    )
    assert paused["held_back"] == len(data["held_back"]) > 0
    assert (data["waiting"], data["mode"]) == ([], "sync")
    assert "held back (syncd plan)" in " ".join(status.out.split())
    of_alice = as_json(cli.run("plan", "--provider", "alice", "--json"))["held_back"]
    assert {each["provider"] for each in of_alice} == {"alice"}
    plan = cli.run("plan")
    assert (plan.code, "held back, not written" in plan.out) == (0, True)
    resync = cli.run("resync", "--yes").out
    assert "everything agrees" not in resync
    assert "held back (syncd plan)" in resync
    check = as_json(cli.run("check", "--offline", "--json"))
    assert any(
        f["level"] == "note" and "has been paused since" in f["message"] for f in check["findings"]
    )


def test_a_pause_of_an_unknown_name_lists_the_known_names(cli: CliHarness) -> None:
    for asked in (("clinik",), ("--system", "clinik"), ("--provider", "alise")):
        result = cli.run("pause", *asked)
        assert result.code == 2
        assert "Systems: clinic, crm, legacy. Providers: alice, bob" in " ".join(result.err.split())
    assert not (cli.path.parent / "state.db").exists()


def test_pausing_twice_keeps_the_first_start(cli: CliHarness) -> None:
    first = as_json(cli.run("pause", "--provider", "alice", "--json"))
    result = cli.run("pause", "alice", "--reason", "another")
    assert (result.code, "has already been paused since" in result.out) == (0, True)
    assert as_json(cli.run("pause", "alice", "--json")) == first


@pytest.mark.parametrize("reason", ["two\nlines", "x" * 1001])
def test_a_reason_must_be_one_line_of_limited_length(cli: CliHarness, reason: str) -> None:
    assert cli.run("pause", "alice", "--reason", reason).code == 2


def test_unpausing_without_a_terminal_needs_yes_and_a_paused_name(cli: CliHarness) -> None:
    result = cli.run("unpause", "clinic")
    assert (result.code, "nothing is paused" in result.err) == (2, True)
    cli.run("pause", "clinic")
    result = cli.run("unpause", "clinic")
    assert (
        result.code,
        "there is no terminal for the question" in " ".join(result.err.split()),
    ) == (
        2,
        True,
    )
    result = cli.run("unpause", "--system", "crm", "--yes")
    assert (
        result.code,
        "Paused: system clinic" in " ".join(result.err.split()),
    ) == (2, True)
    assert cli.run("unpause").code == 2
    result = cli.run("unpause", "clinic", "--yes")
    assert (result.code, "run `syncd resync` to make the writes" in result.out) == (0, True)
    assert cli.run("resync", "--yes").code == 0
    assert (blocks(cli, "clinic") > 0, cli.disagreements()) == (True, [])


def test_unpause_all_ends_every_pause(cli: CliHarness) -> None:
    cli.run("pause", "--all")
    cli.run("pause", "--system", "crm", "--provider", "bob")
    assert len(as_json(cli.run("unpause", "--all", "--yes", "--json"))["paused"]) == 4
    assert cli.run("unpause", "--all", "--yes").code == 2


def test_a_pause_survives_backup_restore_and_a_new_configuration(cli: CliHarness) -> None:
    cli.run("pause", "clinic")
    backup = cli.path.parent / "backup.db"
    assert cli.run("backup", backup).code == 0
    cli.run("unpause", "clinic", "--yes")
    assert cli.run("restore", backup, "--yes").code == 0
    cli.path.write_text(cli.path.read_text() + "\n# something else\n")
    assert as_json(cli.run("status", "--json"))["paused"]


def test_observe_mode_writes_nothing_and_commands_say_why(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    run = as_json(cli.run("resync", "--json"))["run"]
    stood = {name: blocks(cli, name) for name in cli.world.sandbox.systems}
    observe(cli)
    cli.world.book("clinic", "alice", cli.world.at(1, 19))
    refused: tuple[tuple[str, ...], ...] = (
        ("undo", str(run), "--yes"),
        ("probe", "--yes"),
        ("provision", "--apply"),
        ("provision", "--apply", "--prune"),
        ("cleanup", "--yes"),
        ("cleanup", "--system", "clinic", "--yes"),
        ("cleanup", "--provider", "alice", "--tagged", "alice/clinic", "--yes"),
        ("probe", "clinic", "--yes"),
    )
    for command in refused:
        result = cli.run(*command)
        assert (result.code, 'mode = "observe" is set in [syncd]' in result.err) == (2, True), (
            command
        )
    for command in (("resync", "--yes"), ("plan",), ("status",), ("check", "--offline")):
        result = cli.run(*command)
        text = " ".join((result.out + result.err).split())
        assert (result.code, 'mode = "observe" is set in [syncd]' in text) == (0, True), command
    assert stood == {name: blocks(cli, name) for name in cli.world.sandbox.systems}
    assert as_json(cli.run("status", "--json"))["paused"] == []
    log = json.loads(cli.run("history", "--held-back", "--json").out)
    assert {(e["system"], e["action"], e["why"], e["ended_at"]) for e in log} == {
        ("crm", "create-block", "observe", None),
        ("legacy", "create-block", "observe", None),
    }
    assert "wanted from" in cli.run("history", "--held-back").out
    assert "held-back" in cli.run("history").out


def test_status_warns_that_a_daemon_started_before_observe_mode_writes(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    observe(cli)
    with StateLock(cli.path.parent / "state.db", role="daemon"):
        result = cli.run("status")
        assert "still writes. Restart it" in " ".join(result.err.split())
        assert "nothing is written" not in result.err
        assert as_json(cli.run("status", "--json"))["mode"] == "sync"
        check = as_json(cli.run("check", "--offline", "--json"))
        assert any("still writes" in each["message"] for each in check["findings"])
    cli.run("resync", "--yes")
    with StateLock(cli.path.parent / "state.db", role="daemon"):
        assert as_json(cli.run("status", "--json"))["mode"] == "observe"
        assert "still writes" not in cli.run("status").err


def test_an_unknown_mode_is_refused_with_its_line(cli: CliHarness) -> None:
    observe(cli)
    cli.path.write_text(cli.path.read_text().replace('"observe"', '"watch"'))
    result = cli.run("status")
    assert result.code == 2
    assert "syncd.mode" in result.err


def test_provision_does_not_change_a_paused_system(
    cli: CliHarness,
) -> None:
    text = '\n[[provision.equipment]]\nsystem = "clinic"\nname = "Laser"\n'
    cli.path.write_text(cli.path.read_text() + text)
    cli.run("pause", "clinic")
    result = cli.run("provision", "--apply", "--json")
    (row,) = [each for each in json.loads(result.out)["plan"] if each["name"] == "Laser"]
    assert (result.code, row["done"]) == (4, "")
    assert "clinic is paused: `syncd unpause --system clinic` ends the pause" in row["error"]


def test_unpause_shows_only_its_writes_and_a_no_keeps_the_pause(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("syncd.cli.consent.can_ask", lambda: True)
    monkeypatch.setattr("syncd.cli.terminal.confirmed", asked.append)
    cli.run("pause", "clinic")
    cli.run("pause", "crm")
    result = cli.run("unpause", "clinic")
    assert (result.code, asked) == (4, ["Unpause, and make these writes?"])
    assert "Nothing was written." in result.out
    planned, held_back = result.err.split("held back, not written")
    assert ("clinic" in planned, "crm" in planned) == (True, False)
    assert "crm" in held_back
    assert len(as_json(cli.run("status", "--json"))["paused"]) == 2


@pytest.mark.prove
def test_unpause_shows_its_plan_and_asks_on_a_terminal(cli: CliHarness) -> None:
    cli.run("pause", "clinic")
    cli.run("pause", "crm")
    session = TerminalSession(cli.path.parent, "unpause", "clinic")
    session.expect("writes would be made")
    session.answer("Unpause, and make these writes? [y/N]", "n")
    session.expect("Nothing was written.")
    assert session.wait() == 4
    assert len(as_json(cli.run("status", "--json"))["paused"]) == 2
    session = TerminalSession(cli.path.parent, "unpause", "clinic")
    session.answer("Unpause, and make these writes? [y/N]", "y")
    session.expect("system clinic is no longer paused")
    assert session.wait() == 0
    (left,) = as_json(cli.run("status", "--json"))["paused"]
    assert left["id"] == "crm"
