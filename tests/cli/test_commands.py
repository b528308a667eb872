"""Each command does what its help says, prints tables that fit, and ends with the right code."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.cli import terminal
from syncd.cli.main import run_with
from syncd.daemon.lock import StateLock
from syncd.sandbox import Fault, FaultKind
from tests.cli.conftest import Desk, Say

HOUR = timedelta(hours=1)
KEYS = {
    "run",
    "cycles",
    "systems",
    "operations",
    "conflicts",
    "double_bookings",
    "stopped",
    "exposures",
    "unknown_owners",
    "waiting",
    "held_back",
    "paused",
    "mode",
    "not_shown",
    "clock_error_seconds",
    "unreadable",
    "reported",
    "acknowledged",
    "left",
    "left_behind",
    "converged",
}


def test_a_plan_lists_every_write_and_makes_none(desk: Desk) -> None:
    said = desk.say("plan", "--json")
    planned = json.loads(said.out)["plan"]
    assert said.code == 0
    assert {o["action"] for o in planned} == {"create-block"}
    assert not (desk.path.parent / "state.db").exists()
    shown = desk.say("plan")
    assert f"{len(planned)} writes would be made" in shown.out
    assert "alice · Europe/Berlin" in shown.out
    assert desk.wrong()


def test_a_resync_brings_agreement_and_says_so_in_the_promised_object(desk: Desk) -> None:
    said = desk.say("resync", "--yes", "--json")
    data = json.loads(said.out)
    assert (said.code, desk.wrong()) == (0, [])
    assert set(data) == KEYS
    assert data["converged"] is True
    assert set(data["systems"]["crm"]) == {"state", "reads", "writes", "cause"}
    assert data["operations"]["create-block"] == sum(s["writes"] for s in data["systems"].values())
    again = json.loads(desk.say("resync", "--json").out)
    assert set(again["operations"].values()) == {0}


def test_a_dry_run_after_a_change_shows_it_and_writes_nothing(desk: Desk) -> None:
    desk.say("resync", "--yes")
    desk.world.book("crm", "alice", desk.world.at(3, 17))
    said = desk.say("resync", "--dry-run")
    assert said.code == 0
    assert said.out.count("block Thu") == 2
    assert "nothing was changed" in said.out
    data = json.loads(desk.say("resync", "--dry-run", "--json").out)
    assert (data["operations"]["create-block"], data["converged"]) == (2, False)
    assert len(desk.wrong()) == 2


def test_one_provider_and_one_day_can_be_chosen(desk: Desk) -> None:
    monday = desk.world.at(0, 12).date()
    said = desk.say("plan", "--provider", "bob", "--from", monday, "--to", monday, "--json")
    planned = json.loads(said.out)["plan"]
    assert planned
    assert {o["provider"] for o in planned} == {"bob"}
    late = desk.world.at(1, 1).isoformat()
    assert all(o["after"]["start"] < late for o in planned)


def test_the_looking_commands_tell_of_one_booking_everywhere(desk: Desk) -> None:
    desk.say("resync", "--yes")
    desk.world.book("legacy", "carol", desk.world.at(3, 17))
    desk.say("resync", "--yes")
    listed = json.loads(desk.say("bookings", "--provider", "carol", "--json").out)
    booking = next(b for b in listed if b["agreed"]["start"].startswith(f"{_utc(desk)}"))
    roles = {r["system"]: r["role"] for r in booking["replicas"]}
    assert roles == {"crm": "block", "clinic": "block", "legacy": "origin"}
    shown = desk.say("show", booking["id"][:8])
    assert shown.code == 0
    assert "Thu" in shown.out
    assert "create-block" in shown.out
    assert "Europe/Berlin" in shown.out
    told = json.loads(desk.say("history", "--booking", booking["id"], "--json").out)
    assert [n["what"] for n in told] == ["seen", "create-block", "create-block"]
    assert {n["system"] for n in told} == {"crm", "clinic", "legacy"}
    status = json.loads(desk.say("status", "--json").out)
    assert status["bookings"] == len(json.loads(desk.say("bookings", "--json").out))
    assert status["systems"]["legacy"]["read_at"]
    assert status["held_by"] is None


def test_show_and_history_answer_why_a_booking_moved(desk: Desk) -> None:
    world = desk.world
    text = (
        desk.path.read_text() + '\n[rules]\nmoved_apart = "prefer"\nprefer = ["legacy", "clinic"]\n'
    )
    desk.path.write_text(text)
    line = text.splitlines().index('moved_apart = "prefer"') + 1
    desk.say("resync", "--yes")
    for system, hour in (("clinic", 10), ("legacy", 15)):
        platform = world.sandbox.systems[system]
        twin = next(m for m in platform.appointments() if m.start == world.at(1, 16))
        platform.move(twin.id, world.at(4, hour), world.at(4, hour) + HOUR)
    run = json.loads(desk.say("resync", "--yes", "--json").out)["run"]
    told = json.loads(desk.say("history", "--run", run, "--json").out)
    agreed = next(n for n in told if n["what"] == "agreed")
    assert (agreed["rule"], agreed["place"]) == ("moved_apart = prefer", f"syncd.toml:{line}")
    changed = [n for n in told if n["what"] == "changed"]
    assert {n["system"] for n in changed} == {"clinic", "legacy"}
    assert all(n["seen_at"] and n["before"] != n["after"] for n in changed)
    booking = agreed["booking"]
    mine = [n for n in told if n["booking"] == booking and n["what"].startswith("move-")]
    assert {(n["system"], n["detail"].split()[0]) for n in mine} >= {
        ("clinic", "done"),
        ("crm", "queued"),
        ("crm", "confirmed"),
    }
    said = " ".join(desk.say("show", booking).out.split())
    assert "why: clinic showed Tue" in said
    assert "legacy showed Tue" in said
    assert f"rule: moved_apart = prefer (syncd.toml:{line}); run {run}" in said
    assert "agreed: Tue" in said
    shown = json.loads(desk.say("show", booking, "--json").out)
    assert any("move-appointment in clinic: done" in text for text in shown["why"])
    wide = desk.say("show", booking).out + desk.say("history").out
    assert max(map(len, wide.splitlines())) <= 100


def _utc(desk: Desk) -> str:
    return desk.world.at(3, 17).strftime("%Y-%m-%dT%H:%M")


def test_no_line_is_wider_than_a_hundred_columns(desk: Desk) -> None:
    desk.say("resync", "--yes")
    desk.world.book("crm", "alice", desk.world.at(3, 17))
    commands = ("plan", "status", "bookings", "history", "conflicts", "check", "slots -p alice")
    for command in (*commands, "resync --yes"):
        said = desk.say(*command.split())
        assert said.out, command
        assert max(len(line) for line in (said.out + said.err).splitlines()) <= 100, command


def test_status_before_the_first_run_says_what_to_do(desk: Desk) -> None:
    said = desk.say("status")
    assert said.code == 0
    assert "nothing synced yet" in said.out


def test_a_held_conflict_is_listed_with_both_values_and_exit_three(desk: Desk) -> None:
    world = desk.world
    desk.path.write_text(desk.path.read_text() + '\n[rules]\nmoved_apart = "hold"\n')
    desk.say("resync", "--yes")
    for system, hour in (("clinic", 10), ("legacy", 15)):
        platform = world.sandbox.systems[system]
        twin = next(m for m in platform.appointments() if m.start == world.at(1, 16))
        platform.move(twin.id, world.at(4, hour), world.at(4, hour) + HOUR)
    said = desk.say("resync", "--yes")
    assert said.code == 3
    assert "left: 1 held conflict (syncd conflicts)" in said.out
    shown = desk.say("conflicts")
    assert shown.code == 3
    assert "moved to different times" in " ".join(shown.out.split())
    assert "clinic: Fri" in shown.out
    assert "legacy: Fri" in shown.out
    held = json.loads(desk.say("conflicts", "--json").out)
    assert [c["kind"] for c in held] == ["moved_apart"]
    assert {c["system"] for c in held[0]["claims"]} == {"clinic", "legacy"}


def test_the_guard_ends_with_five_names_the_run_and_lets_pass_what_is_accepted(desk: Desk) -> None:
    world, clinic = desk.world, desk.world.sandbox.clinic
    for hour in range(6, 20):
        world.book("clinic", "carol", world.at(9, hour))
    desk.say("resync", "--yes")
    for meeting in clinic.appointments():
        if meeting.user == world.seed_users["clinic", "carol"].user:
            clinic.delete(meeting.id)
    said = desk.say("resync", "--yes")
    assert said.code == 5
    hint = next(line for line in said.err.split("syncd ") if "--accept" in line)
    run = hint.split("--accept")[1].split()[0]
    wrong = desk.say("resync", "--yes", "--accept", "nonsense")
    assert (wrong.code, run in wrong.err) == (2, True)
    assert desk.say("resync", "--yes", "--accept", run).code == 0
    assert desk.wrong() == []


def test_a_system_that_is_down_ends_with_four_and_is_named(desk: Desk) -> None:
    desk.say("resync", "--yes")
    desk.world.sandbox.legacy.faults.add(Fault(FaultKind.ERROR, status=503))
    said = desk.say("resync", "--yes")
    assert said.code == 4
    assert "legacy is down" in said.err


def test_check_finds_a_wrong_mapping_and_names_the_place(desk: Desk) -> None:
    user = desk.world.seed_users["clinic", "bob"].user
    desk.path.write_text(desk.path.read_text().replace(user, "nobody"))
    said = desk.say("check")
    assert said.code == 2
    assert "user nobody does not exist" in " ".join(said.out.split())
    good = desk.say("check", "--offline", "--json")
    assert good.code == 0
    assert json.loads(good.out)["calls"] == []


def test_a_strict_check_ends_with_two_on_a_warning(desk: Desk) -> None:
    assert '"warning"' in desk.say("check", "--offline", "--json").out
    assert desk.say("check", "--offline").code == 0
    assert desk.say("check", "--offline", "--strict").code == 2

    def hide(found: re.Match[str]) -> str:
        secret = desk.path.parent / f"secret{found.start()}"
        secret.write_text(f"{found[2]}\n")
        secret.chmod(0o600)
        return f'{found[1]} = {{ file = "{secret.name}" }}'

    text = desk.path.read_text()
    desk.path.write_text(re.sub(r'(token|\w*_key) = "([^"]*)"', hide, text))
    assert desk.say("check", "--offline", "--strict").code == 0
    online = desk.say("check", "--strict", "--json")
    notes = [f for f in json.loads(online.out)["findings"] if f["level"] == "note"]
    (note,) = [f for f in notes if "syncd probe" not in f["remedy"]]
    assert (online.code, note["subject"], "out of support" in note["message"]) == (
        0,
        "legacy",
        True,
    )
    shown = desk.say("check").out
    assert any(line.split()[:2] == ["note", "legacy"] for line in shown.splitlines())


def test_nothing_that_is_printed_acts_on_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    evil = "\x1b[2J\u202e[bold]"
    terminal.say(evil)
    terminal.warn(evil)
    terminal.table(evil, ("what", evil), [(evil, evil)])
    terminal.print_json({evil: evil})
    printed = capsys.readouterr()
    for line in (printed.out + printed.err).splitlines():
        assert line.isprintable()
    assert "[bold]" in printed.out


def test_check_counts_the_calls_of_a_steady_poll(desk: Desk) -> None:
    calls = {c["system"]: c for c in json.loads(desk.say("check", "--json").out)["calls"]}
    assert {name: c["near"] for name, c in calls.items()} == {"crm": 1, "clinic": 4, "legacy": 3}


def test_check_tells_what_each_list_call_is_for(desk: Desk) -> None:
    lists = json.loads(desk.say("check", "--json").out)["lists"]
    calls = [one for one in lists if one["system"] == "clinic"]
    group = next(one for one in calls if one["selector"] == "groupId")
    assert group["call"] == "GET /calendars/events"
    assert (group["kinds"], group["providers"]) == (["appointment"], ["alice", "bob", "carol"])
    assert (len(calls), {(one["near"], one["far"]) for one in lists}) == (4, {(1, 1)})
    table = desk.say("check").out
    assert f"groupId={group['ids'][0]}" in table
    assert "appointments of alice," in table
    assert max(map(len, table.splitlines())) <= 100


def test_check_offline_tells_the_calls_that_it_can_and_what_it_cannot_know(desk: Desk) -> None:
    before = sum(len(s.calls) for s in desk.world.sandbox.systems.values())
    lists = json.loads(desk.say("check", "--offline", "--json").out)["lists"]
    asked = [(o["selector"], *o["kinds"]) for o in lists if o["system"] == "clinic"]
    assert sorted(asked) == 3 * [("calendarId", "appointment")] + 3 * [("userId", "block")]
    assert "groups and rooms" in " ".join(desk.say("check", "--offline").out.split())
    assert sum(len(s.calls) for s in desk.world.sandbox.systems.values()) == before


def test_another_syncd_at_work_ends_with_six(desk: Desk) -> None:
    with StateLock(desk.path.parent / "state.db", role="resync"):
        said = desk.say("resync", "--yes")
        status = json.loads(desk.say("status", "--json").out)
    assert said.code == 6
    assert "another syncd" in " ".join(said.err.split())
    assert status["held_by"]["role"] == "resync"


def test_a_wrong_call_ends_with_two_and_says_what_to_write(desk: Desk) -> None:
    desk.say("resync", "--yes")
    for arguments, words in (
        (("resync", "--from", "tomorrow"), "is not a valid day"),
        (("resync", "--from", "2026-12-02", "--to", "2026-12-01"), "--to is not after --from"),
        (("plan", "--provider", "dave"), "there is no provider 'dave'"),
        (("show", "zzz"), "there is no booking"),
        (("history", "--run", "zzz"), "there is no run 'zzz'"),
        (("--config", "nope.toml", "status"), "nope.toml"),
    ):
        said = desk.say(*arguments)
        assert said.code == 2, arguments
        assert words in " ".join(said.err.split())
        assert "Traceback" not in said.err


def test_the_configuration_may_be_named_before_or_after_the_command(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert desk.say("check", "--offline").code == 2
    assert desk.say("--config", desk.path, "check", "--offline").code == 0
    assert desk.say("check", "--offline", "--config", desk.path).code == 0


def test_all_mistakes_of_a_configuration_are_told_at_once(tmp_path: Path, say: Say) -> None:
    path = tmp_path / "syncd.toml"
    path.write_text('[systems.crm]\ntype = "leadsquared"\nbase_ur = "x"\n[rules]\nfoo = 1\n')
    said = say("--config", path, "check")
    assert said.code == 2
    assert "base_url" in said.err
    assert "foo" in said.err
    assert str(path) in said.err.replace("\n", "")


def test_the_help_teaches_every_command(say: Say) -> None:
    said = say("--help")
    assert said.code == 0
    for word in ("run", "resync", "plan", "check", "status", "bookings", "show", "conflicts"):
        assert word in said.out
    assert "Exit codes" in said.out


def test_a_fault_of_ours_is_told_in_one_line_and_shown_on_demand(
    monkeypatch: pytest.MonkeyPatch, say: Say
) -> None:
    def broken(_settings: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("syncd.cli.terminal.say", broken)
    monkeypatch.delenv("SYNCD_DEBUG", raising=False)
    said = say("version")
    assert said.code == 1
    assert "SYNCD_DEBUG=1" in said.err
    monkeypatch.setenv("SYNCD_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run_with(["version"])


def test_what_a_command_logs_is_one_line_of_json_beside_what_it_prints(desk: Desk) -> None:
    clinic = desk.world.sandbox.clinic
    clinic.faults.add(Fault(FaultKind.ERROR, status=503, path="/calendars/events", times=99))
    said = desk.say("resync", "--yes", "--json")
    json.loads(said.out)
    assert said.err
    for line in said.err.splitlines():
        assert json.loads(line)["level"] in {"warning", "error"}
