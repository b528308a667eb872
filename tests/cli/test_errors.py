"""Errors with --json are JSON; a closed pipe and Ctrl-C end a command as documented."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.config.problems import dotted
from syncd.daemon.lock import StateLock
from syncd.model import Changes
from syncd.store import Store
from tests.cli.conftest import CliHarness, RunCommand
from tests.store.kit import item

pytestmark = pytest.mark.sockets

SHAPE = {"message", "remedy", "exit"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["show", "zzz"], 2, "there is no booking 'zzz'"),
        (["history", "--run", "zzz"], 2, "there is no run 'zzz'"),
        (["bookings", "-p", "dave"], 2, "there is no provider 'dave'"),
        (["slots", "-p", "dave"], 2, "dave"),
        (["plan", "--from", "tomorrow"], 2, "is not a valid day"),
        (["resync", "--accept", "zzz"], 2, "there is no run 'zzz'"),
        (["undo", "zzz", "--yes"], 2, "there is no run 'zzz'"),
        (["conflicts", "show", "zzz"], 2, "there is no conflict 'zzz'"),
        (["conflicts", "resolve", "zzz", "--dismiss"], 2, "there is no conflict 'zzz'"),
        (["acknowledge", "zzz"], 2, "no reported item has the id 'zzz'"),
        (["backup", "nowhere/x.db"], 1, "nowhere"),
        (["restore", "nothing.db", "--yes"], 1, "nothing.db"),
        (["status", "--no-such-option"], 2, "--no-such-option"),
        (["--config", "nope.toml", "check"], 2, "nope.toml"),
        (["--config", "nope.toml", "discover"], 2, "nope.toml"),
        (["--config", "nope.toml", "provision", "--plan"], 2, ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_every_error_is_one_json_object_on_the_standard_output(
    cli: CliHarness, arguments: list[str], code: int, message: str
) -> None:
    Store.open(cli.path.parent / "state.db").close()
    result = cli.run(*arguments, "--json")
    error = json.loads(result.out)["error"]
    assert (result.code, error["exit"]) == (code, code)
    assert set(error) - {"place", "problems"} == SHAPE
    assert message in error["message"] + error.get("place", "")
    assert error["remedy"]
    assert result.err == ""


def test_all_problems_of_a_configuration_are_in_the_object(cli: CliHarness) -> None:
    cli.path.write_text(cli.path.read_text().replace('zone = "', 'zome = "') + "\n[nonsense]\n")
    error = json.loads(cli.run("status", "--json").out)["error"]
    assert error["place"].startswith(f"{cli.path}:")
    assert {p["key"] for p in error["problems"]} >= {"syncd.zome", "nonsense"}
    assert all(p["line"] for p in error["problems"])


def test_another_syncd_at_work_is_an_object_too(cli: CliHarness) -> None:
    with StateLock(cli.path.parent / "state.db", role="resync"):
        error = json.loads(cli.run("resync", "--json").out)["error"]
    assert error["exit"] == 6
    assert error["place"].endswith("state.db")


def test_a_state_that_is_none_is_an_object_too(cli: CliHarness) -> None:
    (cli.path.parent / "state.db").write_text("no database" * 200)
    error = json.loads(cli.run("status", "--json").out)["error"]
    assert (error["exit"], error["place"]) == (1, str(cli.path.parent / "state.db"))


def test_an_unexpected_error_is_an_object_too(
    monkeypatch: pytest.MonkeyPatch, run_command: RunCommand
) -> None:
    monkeypatch.setattr("syncd.cli.inspect.settings_of", lambda *_a, **_k: 1 / 0)
    monkeypatch.delenv("SYNCD_DEBUG", raising=False)
    error = json.loads(run_command("status", "--json").out)["error"]
    assert error["exit"] == 1
    assert "SYNCD_DEBUG=1" in error["remedy"]


def test_ctrl_c_ends_with_four(monkeypatch: pytest.MonkeyPatch, run_command: RunCommand) -> None:
    def interrupted(*_given: object, **_named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("syncd.cli.inspect.settings_of", interrupted)
    result = run_command("status")
    assert (result.code, "interrupted" in result.err) == (4, True)
    assert json.loads(run_command("status", "--json").out)["error"]["exit"] == 4


def test_a_person_who_says_no_ends_with_four(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.run("resync", "--yes")
    cli.run("backup", "kept.db")
    monkeypatch.setattr("syncd.cli.terminal.confirmed", lambda _question: False)
    monkeypatch.setattr("syncd.cli.consent.can_ask", lambda: True)
    result = cli.run("restore", "kept.db")
    assert (result.code, "Nothing was written." in result.out) == (4, True)
    cli.world.book("clinic", "alice", cli.world.at(4, 20))
    assert cli.run("resync").code == 4


@pytest.mark.prove
@pytest.mark.parametrize("arguments", [["status"], ["status", "--json"], ["check", "--offline"]])
def test_a_closed_pipe_changes_neither_the_exit_code_nor_says_anything(
    cli: CliHarness, arguments: list[str]
) -> None:
    many = [item(f"{n:03}-{'x' * 90}", reason=f"odd {n}") for n in range(2000)]
    store = Store.open(cli.path.parent / "state.db")
    store.apply(Changes(reported=many))
    store.close()
    code = cli.run(*arguments).code
    ended, shown = _into_a_closed_pipe(arguments, cli.path.parent)
    assert ended == code
    assert "BrokenPipe" not in shown
    assert "Traceback" not in shown


def test_a_closed_pipe_is_no_matter_to_a_help_text(tmp_path: Path) -> None:
    assert _into_a_closed_pipe(["--help"], tmp_path)[0] == 0


def _into_a_closed_pipe(arguments: list[str], folder: Path) -> tuple[int, str]:
    with subprocess.Popen(
        [sys.executable, "-c", "from syncd.cli.main import main; main()", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        text = process.stderr.read().decode()
        return process.wait(30), text


def test_sigterm_ends_a_one_shot_as_ctrl_c_does(tmp_path: Path) -> None:
    waits = (
        "import os, signal, sys\nfrom syncd.cli import main\n"
        "import syncd.cli.version as module\n"
        "module.terminal.say = lambda *_a: (print('up', flush=True), signal.pause())\n"
        "main.main(['version'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", waits], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, shown = process.communicate(timeout=30)
    assert (process.returncode, b"interrupted" in shown) == (4, True)


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (("systems", "a", "statuses", ""), 'systems.a.statuses.""'),
        (("systems", "a", "statuses", "did not come"), 'systems.a.statuses."did not come"'),
        (("providers", "Dr. No", "calendars"), 'providers."Dr. No".calendars'),
        (("rules", "override", 0, "kind"), "rules.override[0].kind"),
        ((), ""),
    ],
)
def test_keys_are_written_as_toml_writes_them(at: tuple[str | int, ...], shown: str) -> None:
    assert dotted(at) == shown
