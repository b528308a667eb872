"""The command list shows a summary per command; commands import only what they need."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from inspect import getdoc
from pathlib import Path

import pytest
import typer

from syncd.cli import main
from syncd.cli.lazy import LazyCommand
from tests.cli.conftest import RunCommand

COMMANDS = [entry for panel in main._PANELS.values() for entry in panel.items()]


@pytest.mark.parametrize(("where", "summary"), COMMANDS)
def test_the_command_list_shows_the_first_sentence_of_each_help(where: str, summary: str) -> None:
    text = " ".join((LazyCommand(where, summary).real().help or "").split())
    assert text.startswith(summary.removesuffix("."))


def test_every_command_shows_its_own_help(run_command: RunCommand) -> None:
    for where, summary in COMMANDS:
        name = where.rpartition(":")[2]
        result = run_command(name, "--help")
        assert result.code == 0
        assert f"Usage: syncd {name}" in result.out
        assert summary.split()[0] in result.out


def test_an_unknown_command_suggests_a_similar_one(run_command: RunCommand) -> None:
    result = run_command("statsu")
    assert result.code == 2
    assert "Did you mean 'status'?" in result.err


@pytest.mark.parametrize("name", main._CODES)
def test_every_error_listed_with_an_exit_code_exists(name: str) -> None:
    module, _, kind = name.rpartition(".")
    assert issubclass(getattr(import_module(module), kind), Exception)


def test_a_command_group_can_be_listed_lazily(monkeypatch: pytest.MonkeyPatch) -> None:
    group = typer.Typer(help="Many in one.")
    for function in (_one, _two):
        group.command()(function)
    monkeypatch.setattr("syncd.cli.version.version", group)
    assert set(LazyCommand("version", "Many in one.").real().commands) == {"-one", "-two"}


def _one() -> None:
    """One."""


def _two() -> None:
    """Two."""


HEAVY = {"alembic", "httpx", "phonenumbers", "pydantic", "sqlalchemy", "sqlmodel", "starlette"}


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        (["--help"], set()),
        (["status"], {"pydantic"}),
        (["conflicts", "--help"], {"pydantic"}),
    ],
    ids=" ".join,
)
def test_a_command_imports_only_what_it_needs(
    tmp_path: Path, command: list[str], needed: set[str]
) -> None:
    (tmp_path / "syncd.toml").write_text(CONFIG)
    code = (
        "import sys\nfrom syncd.cli.main import run_with\n"
        f"code = run_with({command!r})\n"
        f"print('+'.join(sorted({HEAVY!r} & sys.modules.keys())))\nsys.exit(code)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "+".join(sorted(needed))


def test_the_help_of_the_program_is_its_docstring(run_command: RunCommand) -> None:
    first = (getdoc(main.root) or "").split(":", maxsplit=1)[0]
    assert " ".join(first.split()) in " ".join(run_command("--help").out.split())


CONFIG = """\
[systems.crm]
type = "leadsquared"
base_url = "https://crm.example.com/v2"
access_key = { env = "KEY" }
secret_key = { env = "KEY" }
[systems.clinic]
type = "leadconnector"
location_id = "location"
token = { env = "KEY" }
[providers.alice.calendars]
crm = { user = "alice@example.com" }
clinic = { user = "user", calendars = ["calendar"] }
"""
