"""`syncd pause`, `syncd unpause` and observe mode, with real emulators."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.daemon.lock import StateLock
from tests.cli.conftest import Desk, Said
from tests.cli.typist import Typist

pytestmark = pytest.mark.sockets


def as_json(said: Said) -> dict[str, Any]:
    found = json.loads(said.out)
    assert isinstance(found, dict)
    return found


def blocks(desk: Desk, system: str) -> int:
    return sum(not block.deleted for block in desk.world.sandbox.systems[system].blocks())


def observe(desk: Desk) -> None:
    text = desk.path.read_text()
    desk.path.write_text(text.replace("[syncd]\n", '[syncd]\nmode = "observe"\n', 1))


def test_a_paused_system_gets_no_write_and_is_shown_by_commands(desk: Desk) -> None:
    before = blocks(desk, "clinic")
    said = desk.say("pause", "clinic", "--reason", "they migrate")
    assert (said.code, "system clinic has been paused since" in said.out) == (0, True)
    assert desk.say("resync", "--yes").code == 0
    assert blocks(desk, "clinic") == before
    status = desk.say("status")
    assert status.code == 0
    told = " ".join(status.err.split())
    assert "(they migrate)" in told
    assert "`syncd unpause --system clinic` ends it" in told
    data = as_json(desk.say("status", "--json"))
    (paused,) = data["paused"]
    assert (paused["kind"], paused["id"], paused["reason"]) == (
        "system",
        "clinic",
        "they migrate",
    )
    assert paused["held_back"] == len(data["held_back"]) > 0
    assert (data["waiting"], data["mode"]) == ([], "sync")
    assert "held back (syncd plan)" in " ".join(status.out.split())
    of_alice = as_json(desk.say("plan", "--provider", "alice", "--json"))["held_back"]
    assert {each["provider"] for each in of_alice} == {"alice"}
    plan = desk.say("plan")
    assert (plan.code, "held back, not written" in plan.out) == (0, True)
    resync = desk.say("resync", "--yes").out
    assert "everything agrees" not in resync
    assert "held back (syncd plan)" in resync
    check = as_json(desk.say("check", "--offline", "--json"))
    assert any(
        f["level"] == "note" and "has been paused since" in f["message"] for f in check["findings"]
    )


def test_a_pause_of_an_unknown_name_lists_the_known_names(desk: Desk) -> None:
    for asked in (("clinik",), ("--system", "clinik"), ("--provider", "alise")):
        said = desk.say("pause", *asked)
        assert said.code == 2
        assert "Systems: clinic, crm, legacy. Providers: alice, bob" in " ".join(said.err.split())
    assert not (desk.path.parent / "state.db").exists()


def test_pausing_twice_keeps_the_first_start(desk: Desk) -> None:
    first = as_json(desk.say("pause", "--provider", "alice", "--json"))
    said = desk.say("pause", "alice", "--reason", "another")
    assert (said.code, "has already been paused since" in said.out) == (0, True)
    assert as_json(desk.say("pause", "alice", "--json")) == first


@pytest.mark.parametrize("reason", ["two\nlines", "x" * 1001])
def test_a_reason_must_be_one_line_of_limited_length(desk: Desk, reason: str) -> None:
    assert desk.say("pause", "alice", "--reason", reason).code == 2


def test_unpausing_without_a_terminal_needs_yes_and_a_paused_name(desk: Desk) -> None:
    said = desk.say("unpause", "clinic")
    assert (said.code, "nothing is paused" in said.err) == (2, True)
    desk.say("pause", "clinic")
    said = desk.say("unpause", "clinic")
    assert (said.code, "there is no terminal to ask on" in " ".join(said.err.split())) == (2, True)
    said = desk.say("unpause", "--system", "crm", "--yes")
    assert (
        said.code,
        "Paused are: system clinic" in " ".join(said.err.split()),
    ) == (2, True)
    assert desk.say("unpause").code == 2
    said = desk.say("unpause", "clinic", "--yes")
    assert (said.code, "run `syncd resync` to make the writes" in said.out) == (0, True)
    assert desk.say("resync", "--yes").code == 0
    assert (blocks(desk, "clinic") > 0, desk.wrong()) == (True, [])


def test_unpause_all_ends_every_pause(desk: Desk) -> None:
    desk.say("pause", "--all")
    desk.say("pause", "--system", "crm", "--provider", "bob")
    assert len(as_json(desk.say("unpause", "--all", "--yes", "--json"))["paused"]) == 4
    assert desk.say("unpause", "--all", "--yes").code == 2


def test_a_pause_survives_backup_restore_and_a_new_configuration(desk: Desk) -> None:
    desk.say("pause", "clinic")
    backup = desk.path.parent / "backup.db"
    assert desk.say("backup", backup).code == 0
    desk.say("unpause", "clinic", "--yes")
    assert desk.say("restore", backup, "--yes").code == 0
    desk.path.write_text(desk.path.read_text() + "\n# something else\n")
    assert as_json(desk.say("status", "--json"))["paused"]


def test_observe_mode_writes_nothing_and_commands_say_why(desk: Desk) -> None:
    desk.say("resync", "--yes")
    run = as_json(desk.say("resync", "--json"))["run"]
    stood = {name: blocks(desk, name) for name in desk.world.sandbox.systems}
    observe(desk)
    desk.world.book("clinic", "alice", desk.world.at(1, 19))
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
        said = desk.say(*command)
        assert (said.code, 'mode = "observe" is set in [syncd]' in said.err) == (2, True), command
    for command in (("resync", "--yes"), ("plan",), ("status",), ("check", "--offline")):
        said = desk.say(*command)
        told = " ".join((said.out + said.err).split())
        assert (said.code, 'mode = "observe" is set in [syncd]' in told) == (0, True), command
    assert stood == {name: blocks(desk, name) for name in desk.world.sandbox.systems}
    assert as_json(desk.say("status", "--json"))["paused"] == []
    log = json.loads(desk.say("history", "--held-back", "--json").out)
    assert {(e["system"], e["action"], e["why"], e["ended_at"]) for e in log} == {
        ("crm", "create-block", "observe", None),
        ("legacy", "create-block", "observe", None),
    }
    assert "wanted from" in desk.say("history", "--held-back").out
    assert "held-back" in desk.say("history").out


def test_status_warns_that_a_daemon_started_before_observe_mode_writes(desk: Desk) -> None:
    desk.say("resync", "--yes")
    observe(desk)
    with StateLock(desk.path.parent / "state.db", role="daemon"):
        said = desk.say("status")
        assert "still writes. Restart it" in " ".join(said.err.split())
        assert "nothing is written" not in said.err
        assert as_json(desk.say("status", "--json"))["mode"] == "sync"
        check = as_json(desk.say("check", "--offline", "--json"))
        assert any("still writes" in each["message"] for each in check["findings"])
    desk.say("resync", "--yes")
    with StateLock(desk.path.parent / "state.db", role="daemon"):
        assert as_json(desk.say("status", "--json"))["mode"] == "observe"
        assert "still writes" not in desk.say("status").err


def test_an_unknown_mode_is_refused_with_its_line(desk: Desk) -> None:
    observe(desk)
    desk.path.write_text(desk.path.read_text().replace('"observe"', '"watch"'))
    said = desk.say("status")
    assert said.code == 2
    assert "syncd.mode" in said.err


def test_provision_does_not_change_a_paused_system(
    desk: Desk,
) -> None:
    text = '\n[[provision.equipment]]\nsystem = "clinic"\nname = "Laser"\n'
    desk.path.write_text(desk.path.read_text() + text)
    desk.say("pause", "clinic")
    said = desk.say("provision", "--apply", "--json")
    (row,) = [each for each in json.loads(said.out)["plan"] if each["name"] == "Laser"]
    assert (said.code, row["done"]) == (4, "")
    assert "clinic is paused: `syncd unpause --system clinic` ends that" in row["error"]


def test_unpause_shows_only_its_writes_and_a_no_keeps_the_pause(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("syncd.cli.consent.can_ask", lambda: True)
    monkeypatch.setattr("syncd.cli.terminal.confirmed", asked.append)
    desk.say("pause", "clinic")
    desk.say("pause", "crm")
    said = desk.say("unpause", "clinic")
    assert (said.code, asked) == (4, ["Unpause, and make these writes?"])
    assert "Nothing was written." in said.out
    planned, held_back = said.err.split("held back, not written")
    assert ("clinic" in planned, "crm" in planned) == (True, False)
    assert "crm" in held_back
    assert len(as_json(desk.say("status", "--json"))["paused"]) == 2


@pytest.mark.prove
def test_unpause_shows_its_plan_and_asks_on_a_terminal(desk: Desk) -> None:
    desk.say("pause", "clinic")
    desk.say("pause", "crm")
    typist = Typist(desk.path.parent, "unpause", "clinic")
    typist.reads("writes would be made")
    typist.answers("Unpause, and make these writes? [y/N]", "n")
    typist.reads("Nothing was written.")
    assert typist.ends() == 4
    assert len(as_json(desk.say("status", "--json"))["paused"]) == 2
    typist = Typist(desk.path.parent, "unpause", "clinic")
    typist.answers("Unpause, and make these writes? [y/N]", "y")
    typist.reads("system clinic is no longer paused")
    assert typist.ends() == 0
    (left,) = as_json(desk.say("status", "--json"))["paused"]
    assert left["id"] == "crm"
