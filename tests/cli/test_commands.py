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
from syncd.lab.sandbox import Fault, FaultKind
from tests.cli.conftest import CliHarness, RunCommand

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


def test_a_plan_lists_every_write_and_makes_none(cli: CliHarness) -> None:
    result = cli.run("plan", "--json")
    planned = json.loads(result.out)["plan"]
    assert result.code == 0
    assert {o["action"] for o in planned} == {"create-block"}
    assert not (cli.path.parent / "state.db").exists()
    shown = cli.run("plan")
    assert f"{len(planned)} writes would be made" in shown.out
    assert "alice · Europe/Berlin" in shown.out
    assert cli.disagreements()


def test_a_resync_brings_agreement_and_says_so_in_the_promised_object(cli: CliHarness) -> None:
    result = cli.run("resync", "--yes", "--json")
    data = json.loads(result.out)
    assert (result.code, cli.disagreements()) == (0, [])
    assert set(data) == KEYS
    assert data["converged"] is True
    assert set(data["systems"]["crm"]) == {"state", "reads", "writes", "cause"}
    assert data["operations"]["create-block"] == sum(s["writes"] for s in data["systems"].values())
    again = json.loads(cli.run("resync", "--json").out)
    assert set(again["operations"].values()) == {0}


def test_a_dry_run_after_a_change_shows_it_and_writes_nothing(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    cli.world.book("crm", "alice", cli.world.at(3, 17))
    result = cli.run("resync", "--dry-run")
    assert result.code == 0
    assert result.out.count("block Thu") == 2
    assert "nothing was changed" in result.out
    data = json.loads(cli.run("resync", "--dry-run", "--json").out)
    assert (data["operations"]["create-block"], data["converged"]) == (2, False)
    assert len(cli.disagreements()) == 2


def test_one_provider_and_one_day_can_be_chosen(cli: CliHarness) -> None:
    monday = cli.world.at(0, 12).date()
    result = cli.run("plan", "--provider", "bob", "--from", monday, "--to", monday, "--json")
    planned = json.loads(result.out)["plan"]
    assert planned
    assert {o["provider"] for o in planned} == {"bob"}
    late = cli.world.at(1, 1).isoformat()
    assert all(o["after"]["start"] < late for o in planned)


def test_the_looking_commands_tell_of_one_booking_everywhere(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    cli.world.book("legacy", "carol", cli.world.at(3, 17))
    cli.run("resync", "--yes")
    listed = json.loads(cli.run("bookings", "--provider", "carol", "--json").out)
    booking = next(b for b in listed if b["agreed"]["start"].startswith(f"{_utc(cli)}"))
    roles = {r["system"]: r["role"] for r in booking["replicas"]}
    assert roles == {"crm": "block", "clinic": "block", "legacy": "origin"}
    shown = cli.run("show", booking["id"][:8])
    assert shown.code == 0
    assert "Thu" in shown.out
    assert "create-block" in shown.out
    assert "Europe/Berlin" in shown.out
    data = json.loads(cli.run("history", "--booking", booking["id"], "--json").out)
    assert [n["what"] for n in data] == ["seen", "create-block", "create-block"]
    assert {n["system"] for n in data} == {"crm", "clinic", "legacy"}
    status = json.loads(cli.run("status", "--json").out)
    assert status["bookings"] == len(json.loads(cli.run("bookings", "--json").out))
    assert status["systems"]["legacy"]["read_at"]
    assert status["held_by"] is None


def test_show_and_history_answer_why_a_booking_moved(cli: CliHarness) -> None:
    world = cli.world
    text = (
        cli.path.read_text() + '\n[rules]\nmoved_apart = "prefer"\nprefer = ["legacy", "clinic"]\n'
    )
    cli.path.write_text(text)
    line = text.splitlines().index('moved_apart = "prefer"') + 1
    cli.run("resync", "--yes")
    for system, hour in (("clinic", 10), ("legacy", 15)):
        platform = world.sandbox.systems[system]
        twin = next(m for m in platform.appointments() if m.start == world.at(1, 16))
        platform.move(twin.id, world.at(4, hour), world.at(4, hour) + HOUR)
    run = json.loads(cli.run("resync", "--yes", "--json").out)["run"]
    data = json.loads(cli.run("history", "--run", run, "--json").out)
    agreed = next(n for n in data if n["what"] == "agreed")
    assert (agreed["rule"], agreed["place"]) == ("moved_apart = prefer", f"syncd.toml:{line}")
    changed = [n for n in data if n["what"] == "changed"]
    assert {n["system"] for n in changed} == {"clinic", "legacy"}
    assert all(n["seen_at"] and n["before"] != n["after"] for n in changed)
    booking = agreed["booking"]
    mine = [n for n in data if n["booking"] == booking and n["what"].startswith("move-")]
    assert {(n["system"], n["detail"].split()[0]) for n in mine} >= {
        ("clinic", "done"),
        ("crm", "queued"),
        ("crm", "confirmed"),
    }
    output = " ".join(cli.run("show", booking).out.split())
    assert "why: clinic showed Tue" in output
    assert "legacy showed Tue" in output
    assert f"rule: moved_apart = prefer (syncd.toml:{line}); run {run}" in output
    assert "agreed: Tue" in output
    shown = json.loads(cli.run("show", booking, "--json").out)
    assert any("move-appointment in clinic: done" in text for text in shown["why"])
    wide = cli.run("show", booking).out + cli.run("history").out
    assert max(map(len, wide.splitlines())) <= 100


def _utc(cli: CliHarness) -> str:
    return cli.world.at(3, 17).strftime("%Y-%m-%dT%H:%M")


def test_no_line_is_wider_than_a_hundred_columns(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    cli.world.book("crm", "alice", cli.world.at(3, 17))
    commands = ("plan", "status", "bookings", "history", "conflicts", "check", "slots -p alice")
    for command in (*commands, "resync --yes"):
        result = cli.run(*command.split())
        assert result.out, command
        assert max(len(line) for line in (result.out + result.err).splitlines()) <= 100, command


def test_status_before_the_first_run_says_what_to_do(cli: CliHarness) -> None:
    result = cli.run("status")
    assert result.code == 0
    assert "nothing synced yet" in result.out


def test_a_held_conflict_is_listed_with_both_values_and_exit_three(cli: CliHarness) -> None:
    world = cli.world
    cli.path.write_text(cli.path.read_text() + '\n[rules]\nmoved_apart = "hold"\n')
    cli.run("resync", "--yes")
    for system, hour in (("clinic", 10), ("legacy", 15)):
        platform = world.sandbox.systems[system]
        twin = next(m for m in platform.appointments() if m.start == world.at(1, 16))
        platform.move(twin.id, world.at(4, hour), world.at(4, hour) + HOUR)
    result = cli.run("resync", "--yes")
    assert result.code == 3
    assert "left: 1 held conflict (syncd conflicts)" in result.out
    shown = cli.run("conflicts")
    assert shown.code == 3
    assert "moved to different times" in " ".join(shown.out.split())
    assert "clinic: Fri" in shown.out
    assert "legacy: Fri" in shown.out
    held = json.loads(cli.run("conflicts", "--json").out)
    assert [c["kind"] for c in held] == ["moved_apart"]
    assert {c["system"] for c in held[0]["claims"]} == {"clinic", "legacy"}


def test_the_guard_ends_with_five_names_the_run_and_lets_pass_what_is_accepted(
    cli: CliHarness,
) -> None:
    world, clinic = cli.world, cli.world.sandbox.clinic
    for hour in range(6, 20):
        world.book("clinic", "carol", world.at(9, hour))
    cli.run("resync", "--yes")
    for meeting in clinic.appointments():
        if meeting.user == world.seed_users["clinic", "carol"].user:
            clinic.delete(meeting.id)
    result = cli.run("resync", "--yes")
    assert result.code == 5
    hint = next(line for line in result.err.split("syncd ") if "--accept" in line)
    run = hint.split("--accept")[1].split()[0]
    wrong = cli.run("resync", "--yes", "--accept", "nonsense")
    assert (wrong.code, run in wrong.err) == (2, True)
    assert cli.run("resync", "--yes", "--accept", run).code == 0
    assert cli.disagreements() == []


def test_a_system_that_is_down_ends_with_four_and_is_named(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    cli.world.sandbox.legacy.faults.add(Fault(FaultKind.ERROR, status=503))
    result = cli.run("resync", "--yes")
    assert result.code == 4
    assert "legacy is down" in result.err


def test_check_finds_a_wrong_mapping_and_names_the_place(cli: CliHarness) -> None:
    user = cli.world.seed_users["clinic", "bob"].user
    cli.path.write_text(cli.path.read_text().replace(user, "nobody"))
    result = cli.run("check")
    assert result.code == 2
    assert "user nobody does not exist" in " ".join(result.out.split())
    good = cli.run("check", "--offline", "--json")
    assert good.code == 0
    assert json.loads(good.out)["calls"] == []


def test_a_strict_check_ends_with_two_on_a_warning(cli: CliHarness) -> None:
    assert '"warning"' in cli.run("check", "--offline", "--json").out
    assert cli.run("check", "--offline").code == 0
    assert cli.run("check", "--offline", "--strict").code == 2

    def hide(found: re.Match[str]) -> str:
        secret = cli.path.parent / f"secret{found.start()}"
        secret.write_text(f"{found[2]}\n")
        secret.chmod(0o600)
        return f'{found[1]} = {{ file = "{secret.name}" }}'

    text = cli.path.read_text()
    cli.path.write_text(re.sub(r'(token|\w*_key) = "([^"]*)"', hide, text))
    assert cli.run("check", "--offline", "--strict").code == 0
    online = cli.run("check", "--strict", "--json")
    notes = [f for f in json.loads(online.out)["findings"] if f["level"] == "note"]
    (note,) = [f for f in notes if "syncd probe" not in f["remedy"]]
    assert (online.code, note["subject"], "out of support" in note["message"]) == (
        0,
        "legacy",
        True,
    )
    shown = cli.run("check").out
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


def test_check_counts_the_calls_of_a_steady_poll(cli: CliHarness) -> None:
    calls = {c["system"]: c for c in json.loads(cli.run("check", "--json").out)["calls"]}
    assert {name: c["near"] for name, c in calls.items()} == {"crm": 1, "clinic": 4, "legacy": 3}


def test_check_tells_what_each_list_call_is_for(cli: CliHarness) -> None:
    lists = json.loads(cli.run("check", "--json").out)["lists"]
    calls = [one for one in lists if one["system"] == "clinic"]
    group = next(one for one in calls if one["selector"] == "groupId")
    assert group["call"] == "GET /calendars/events"
    assert (group["kinds"], group["providers"]) == (["appointment"], ["alice", "bob", "carol"])
    assert (len(calls), {(one["near"], one["far"]) for one in lists}) == (4, {(1, 1)})
    table = cli.run("check").out
    assert f"groupId={group['ids'][0]}" in table
    assert "appointments of alice," in table
    assert max(map(len, table.splitlines())) <= 100


def test_check_offline_tells_the_calls_that_it_can_and_what_it_cannot_know(cli: CliHarness) -> None:
    before = sum(len(s.calls) for s in cli.world.sandbox.systems.values())
    lists = json.loads(cli.run("check", "--offline", "--json").out)["lists"]
    asked = [(o["selector"], *o["kinds"]) for o in lists if o["system"] == "clinic"]
    assert sorted(asked) == 3 * [("calendarId", "appointment")] + 3 * [("userId", "block")]
    assert "groups and rooms" in " ".join(cli.run("check", "--offline").out.split())
    assert sum(len(s.calls) for s in cli.world.sandbox.systems.values()) == before


def test_another_syncd_at_work_ends_with_six(cli: CliHarness) -> None:
    with StateLock(cli.path.parent / "state.db", role="resync"):
        result = cli.run("resync", "--yes")
        status = json.loads(cli.run("status", "--json").out)
    assert result.code == 6
    assert "another syncd" in " ".join(result.err.split())
    assert status["held_by"]["role"] == "resync"


def test_a_wrong_call_ends_with_two_and_says_what_to_write(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    for arguments, words in (
        (("resync", "--from", "tomorrow"), "is not a valid day"),
        (("resync", "--from", "2026-12-02", "--to", "2026-12-01"), "--to is not after --from"),
        (("plan", "--provider", "dave"), "there is no provider 'dave'"),
        (("show", "zzz"), "there is no booking"),
        (("history", "--run", "zzz"), "there is no run 'zzz'"),
        (("--config", "nope.toml", "status"), "nope.toml"),
    ):
        result = cli.run(*arguments)
        assert result.code == 2, arguments
        assert words in " ".join(result.err.split())
        assert "Traceback" not in result.err


def test_the_configuration_may_be_named_before_or_after_the_command(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert cli.run("check", "--offline").code == 2
    assert cli.run("--config", cli.path, "check", "--offline").code == 0
    assert cli.run("check", "--offline", "--config", cli.path).code == 0


def test_all_mistakes_of_a_configuration_are_told_at_once(
    tmp_path: Path, run_command: RunCommand
) -> None:
    path = tmp_path / "syncd.toml"
    path.write_text('[systems.crm]\ntype = "leadsquared"\nbase_ur = "x"\n[rules]\nfoo = 1\n')
    result = run_command("--config", path, "check")
    assert result.code == 2
    assert "base_url" in result.err
    assert "foo" in result.err
    assert str(path) in result.err.replace("\n", "")


def test_the_help_teaches_every_command(run_command: RunCommand) -> None:
    result = run_command("--help")
    assert result.code == 0
    for word in ("run", "resync", "plan", "check", "status", "bookings", "show", "conflicts"):
        assert word in result.out
    assert "Exit codes" in result.out


def test_a_fault_of_ours_is_told_in_one_line_and_shown_on_demand(
    monkeypatch: pytest.MonkeyPatch, run_command: RunCommand
) -> None:
    def broken(_settings: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("syncd.cli.terminal.say", broken)
    monkeypatch.delenv("SYNCD_DEBUG", raising=False)
    result = run_command("version")
    assert result.code == 1
    assert "SYNCD_DEBUG=1" in result.err
    monkeypatch.setenv("SYNCD_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run_with(["version"])


def test_what_a_command_logs_is_one_line_of_json_beside_what_it_prints(cli: CliHarness) -> None:
    clinic = cli.world.sandbox.clinic
    clinic.faults.add(Fault(FaultKind.ERROR, status=503, path="/calendars/events", times=99))
    result = cli.run("resync", "--yes", "--json")
    json.loads(result.out)
    assert result.err
    for line in result.err.splitlines():
        assert json.loads(line)["level"] in {"warning", "error"}
