"""What a person can ask for is bounded, and odd surroundings end in plain words."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping

import pytest

from syncd.cli import main
from syncd.store import Store
from tests.cli.conftest import CliHarness

pytestmark = pytest.mark.sockets


@pytest.mark.parametrize("command", ["resync", "plan", "bookings", "slots -p alice"])
@pytest.mark.parametrize(
    ("start", "end", "why"),
    [
        ("2026-01-01", "2096-01-01", "the maximum is 732 days"),
        ("2026-01-01", "9999-12-31", ""),
        ("0001-01-01", "0001-01-02", ""),
        ("9999-12-31T23:59-12:00", "9999-12-31", ""),
    ],
)
def test_a_window_that_nobody_can_mean_is_refused(
    cli: CliHarness, command: str, start: str, end: str, why: str
) -> None:
    if command not in {"resync", "plan"}:
        Store.open(cli.path.parent / "state.db").close()
    result = cli.run(*command.split(), "--from", start, "--to", end, "--json")
    error = json.loads(result.out)["error"]
    assert (result.code, error["exit"]) == (2, 2)
    assert why in error["message"]
    assert error["remedy"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.EMFILE, "Too many open files", "x.py"), 1),
        (PermissionError(errno.EACCES, "Permission denied", "/var/lib/syncd"), 1),
        (OSError(errno.ENOSPC, "No space left on device"), 1),
        (OSError(errno.EROFS, "Read-only file system", "/x"), 1),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), 1),
        (MemoryError(), 1),
    ],
)
def test_what_the_machine_refuses_is_told_in_plain_words(error: Exception, code: int) -> None:
    failure = main._environment_error(error, [])
    assert failure is not None
    assert (failure.exit, bool(failure.remedy)) == (code, True)
    assert "unexpected" not in str(failure)


def test_a_bug_is_still_told_as_one() -> None:
    for error in (ValueError("x"), KeyError("x"), OSError("x"), ImportError("x")):
        assert main._environment_error(error, ["ä"]) is None


def _syncd(
    cli: CliHarness, *arguments: str, files: int = 1024, env: Mapping[str, str] = os.environ
) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "syncd", "--config", str(cli.path), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=dict(env),
        errors="replace",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)),
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.prove
@pytest.mark.parametrize("command", ["status", "check", "backup x.db"])
@pytest.mark.parametrize("files", [8, 16])
def test_too_few_open_files_are_told_in_plain_words(
    cli: CliHarness, command: str, files: int
) -> None:
    code, result = _syncd(cli, *command.split(), files=files)
    if code:
        assert "unexpected" not in result
        assert "Traceback" not in result


@pytest.mark.prove
@pytest.mark.parametrize("command", ["run", "resync --yes", "plan", "discover"])
@pytest.mark.parametrize("files", [8, 16, 49])
def test_nothing_begins_where_too_few_files_may_be_open(
    cli: CliHarness, command: str, files: int
) -> None:
    code, result = _syncd(cli, *command.split(), files=files)
    assert code == 1
    assert "the limit on open files is too low" in result
    assert "ulimit -n" in result
    for wrong in (
        "unexpected",
        "Traceback",
        "did not respond",
        "without a response",
        "is down",
        "write access",
    ):
        assert wrong not in result
    assert [p.calls for p in cli.world.sandbox.systems.values() if p.calls] == []


ODD: Mapping[str, Mapping[str, str]] = {
    "no home": {"HOME": ""},
    "nonsense zone": {"TZ": "Nowhere/Land:::"},
    "C": {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
    "no such locale": {"LANG": "xx_YY.UTF-99", "LC_ALL": "xx_YY.UTF-99"},
    "one column": {"COLUMNS": "1"},
    "no columns": {"COLUMNS": "-5", "LINES": "x"},
    "warnings": {"PYTHONWARNINGS": "error::DeprecationWarning"},
    "dumb": {"TERM": "", "NO_COLOR": "1"},
    "absent config": {"SYNCD_CONFIG": "\x01"},
    "no path": {"PATH": ""},
}


@pytest.mark.prove
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("command", ["status", "check", "bookings", "conflicts"])
def test_odd_surroundings_end_no_command_unexpectedly(
    cli: CliHarness, command: str, odd: Mapping[str, str]
) -> None:
    Store.open(cli.path.parent / "state.db").close()
    _, result = _syncd(cli, command, env={**os.environ, **odd})
    assert "unexpected" not in result
    assert "Traceback" not in result
