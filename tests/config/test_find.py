"""Where the configuration file is searched."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.config import load as module
from syncd.config.load import find
from syncd.config.problems import ConfigError


@pytest.fixture
def system_wide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-in for the file in /etc; it is not there yet."""
    path = tmp_path / "etc.toml"
    monkeypatch.setattr(module, "SYSTEM_WIDE", path)
    return path


def made(path: Path) -> Path:
    path.write_text("", encoding="utf-8")
    return path


def test_the_option_comes_first(tmp_path: Path) -> None:
    mine, other = made(tmp_path / "mine.toml"), made(tmp_path / "other.toml")
    made(tmp_path / "syncd.toml")
    assert find(mine, {"SYNCD_CONFIG": str(other)}, tmp_path) == mine


def test_the_environment_comes_before_the_directory(tmp_path: Path) -> None:
    other = made(tmp_path / "other.toml")
    made(tmp_path / "syncd.toml")
    assert find(None, {"SYNCD_CONFIG": "other.toml"}, tmp_path) == other


def test_the_directory_comes_before_the_system_wide_file(tmp_path: Path, system_wide: Path) -> None:
    made(system_wide)
    assert find(None, {}, tmp_path) == system_wide
    here = made(tmp_path / "syncd.toml")
    assert find(None, {"SYNCD_CONFIG": ""}, tmp_path) == here


def test_the_system_wide_file_is_the_documented_one() -> None:
    assert Path("/etc/syncd/syncd.toml") == module.SYSTEM_WIDE


@pytest.mark.parametrize(
    ("option", "env", "named"),
    [
        (Path("gone.toml"), {}, "--config"),
        (None, {"SYNCD_CONFIG": "gone.toml"}, "$SYNCD_CONFIG"),
    ],
)
def test_a_file_that_was_asked_for_and_is_not_there_has_no_stand_in(
    tmp_path: Path, option: Path | None, env: dict[str, str], named: str
) -> None:
    made(tmp_path / "syncd.toml")
    with pytest.raises(ConfigError) as caught:
        find(option, env, tmp_path)
    (problem,) = caught.value.problems
    assert problem.file == tmp_path / "gone.toml"
    assert named in problem.remedy


def test_finding_nothing_tells_where_it_looked(tmp_path: Path, system_wide: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find(None, {}, tmp_path)
    said = str(caught.value)
    for place in ("--config", "$SYNCD_CONFIG", str(tmp_path / "syncd.toml"), str(system_wide)):
        assert place in said


def test_a_file_that_may_not_be_looked_at_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system_wide: Path
) -> None:
    def forbidden(_path: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "is_file", forbidden)
    assert find(system_wide, {}, tmp_path) == system_wide
