"""The environment file that a configuration names."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.config.environment import environment_line, parse_environment
from syncd.config.load import load
from syncd.config.problems import ConfigError
from syncd.config.settings import LeadConnectorV1System

CONFIG = """\
[syncd]
env_file = "own.env"
[systems.legacy]
type = "leadconnector-v1"
api_key = { env = "LEGACY_KEY" }
[providers.alice.calendars]
legacy = { user = "u1" }
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "syncd.toml"
    path.write_text(CONFIG)
    env = tmp_path / "own.env"
    env.write_text("# mine\nLEGACY_KEY='u$r \"x\"'\n\nOTHER=1\n")
    env.chmod(0o600)
    return path


def key(path: Path, **env: str) -> str:
    system = load(path, env).systems["legacy"]
    assert isinstance(system, LeadConnectorV1System)
    return system.api_key.reveal()


def test_a_secret_is_found_in_the_file_and_the_environment_counts_more(config: Path) -> None:
    assert key(config) == 'u$r "x"'
    assert key(config, LEGACY_KEY="nearer") == "nearer"
    assert [w.key for w in load(config, {}).warnings] == ["providers.alice"]


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (None, 0o600, "cannot be read (No such file"),
        ("LEGACY_KEY='u1\n", 0o600, "lines that are not NAME='value'"),
        ("just-the-secret\n", 0o600, "lines that are not NAME='value'"),
    ],
)
def test_a_file_that_is_none_is_told_and_never_repeated(
    config: Path, content: str | None, mode: int, words: str
) -> None:
    env = config.parent / "own.env"
    env.unlink()
    if content is not None:
        env.write_text(content)
        env.chmod(mode)
    with pytest.raises(ConfigError) as raised:
        load(config, {})
    assert words in str(raised.value)
    assert "syncd.env_file" in str(raised.value)
    assert "just-the-secret" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_only_warned_of_where_nothing_is_missing(
    config: Path,
) -> None:
    (config.parent / "own.env").unlink()
    warned = [w for w in load(config, {"LEGACY_KEY": "x"}).warnings if w.key == "syncd.env_file"]
    assert "cannot be read" in warned[0].reason


def test_a_file_that_others_can_read_is_warned_of(config: Path) -> None:
    (config.parent / "own.env").chmod(0o640)
    warned = [w for w in load(config, {}).warnings if w.key == "syncd.env_file"]
    assert "chmod 600" in warned[0].remedy


def test_commands_that_need_no_secrets_need_no_file(config: Path) -> None:
    (config.parent / "own.env").unlink()
    assert load(config, {}, secrets=False).providers


tokens = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)


@given(st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,9}", fullmatch=True), tokens))
def test_what_is_written_is_what_is_read(values: dict[str, str]) -> None:
    lines = [environment_line(name, value) for name, value in values.items()]
    assert parse_environment("\n".join(lines)) == values


def test_a_shell_reads_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "x.env"
    path.write_text(environment_line("KEY", "u$r-'a' \"b\" `c` \\d #e") + "\n")
    run = subprocess.run(
        ["sh", "-c", f'. {path}; printf %s "$KEY"'], capture_output=True, text=True, check=True
    )
    assert run.stdout == "u$r-'a' \"b\" `c` \\d #e"
