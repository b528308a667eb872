"""Credentials are written atomically, for one user only, and other lines stay."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from syncd.config.environment import parse_environment
from syncd.provision.credentials import (
    CredentialStorage,
    EnteredCredential,
    source_of,
    write_atomically,
    write_credential_files,
    write_env_file,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_an_environment_file_keeps_its_other_lines_and_loses_its_other_readers(
    tmp_path: Path,
) -> None:
    path = tmp_path / "syncd.env"
    path.write_text("# mine\nOTHER=1\nKEY=old\n")
    path.chmod(0o644)
    write_env_file(path, {"KEY": "n$w", "MORE": "x y"})
    text = path.read_text()
    assert text.startswith("# mine\nOTHER=1\n")
    assert parse_environment(text) == {"OTHER": "1", "KEY": "n$w", "MORE": "x y"}
    assert mode(path) == 0o600


def test_credentials_are_files_of_their_own_in_a_folder_of_their_own(tmp_path: Path) -> None:
    write_credential_files(tmp_path / "secrets", {"crm_access_key": "u$r"})
    assert (tmp_path / "secrets" / "crm_access_key").read_text() == "u$r"
    assert mode(tmp_path / "secrets") == 0o700
    assert mode(tmp_path / "secrets" / "crm_access_key") == 0o600


@pytest.mark.parametrize(
    ("way", "source"),
    [
        (CredentialStorage.ENV_FILE, {"env": "FRONT_DESK_API_KEY"}),
        (CredentialStorage.CREDENTIAL, {"credential": "front_desk_api_key"}),
        (CredentialStorage.NAMES, {"env": "MY_KEY"}),
    ],
)
def test_the_configuration_names_the_place_never_the_secret(
    way: CredentialStorage, source: dict[str, str]
) -> None:
    assert source_of(way, "front-desk", "api_key", EnteredCredential("hidden", "MY_KEY")) == source


def test_a_secret_is_not_in_the_repr_of_the_answers() -> None:
    assert "hidden" not in repr(EnteredCredential("hidden"))


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "syncd.toml"
    path.write_text("old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("syncd.provision.credentials.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["syncd.toml"]


def test_a_file_keeps_its_mode_unless_another_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "syncd.toml"
    path.write_text("old")
    path.chmod(0o640)
    write_atomically(path, "new")
    assert (path.read_text(), mode(path)) == ("new", 0o640)
