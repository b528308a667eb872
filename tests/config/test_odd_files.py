"""Invalid files in place of a configuration or a secret are refused, and never echoed."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from syncd.config.problems import ConfigError

from .conftest import ALICE, CLINIC, CRM, ENV, SMALL, ConfigFile

HUSH = "hush-4711"


def with_token(source: str) -> str:
    return CRM + CLINIC.replace('{ env = "V2" }', source) + ALICE


def refusal(config_file: ConfigFile, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config_file.load(text)
    return str(caught.value)


@pytest.mark.parametrize(
    "secret",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "PIT_0123456789ABCDEF",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "pit-47/11",
        "a b",
    ],
)
@pytest.mark.parametrize(
    "source",
    ['{{ env = "{}" }}', '{{ file = "{}" }}', '{{ credential = "{}" }}', '{{ "{}" = "env" }}'],
)
def test_a_secret_where_a_name_belongs_is_refused_and_not_repeated(
    config_file: ConfigFile, source: str, secret: str
) -> None:
    assert secret not in refusal(config_file, with_token(source.format(secret)))


def test_the_name_of_a_variable_is_told_if_it_is_not_set(config_file: ConfigFile) -> None:
    assert "LEGACY_API_KEY_2" in refusal(config_file, with_token('{ env = "LEGACY_API_KEY_2" }'))


@pytest.mark.parametrize("way", ["file", "credential", "env_file"])
def test_a_pipe_in_place_of_a_secret_is_refused_at_once(
    config_file: ConfigFile, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(config_file.home / "token")
    monkeypatch.setitem(ENV, "CREDENTIALS_DIRECTORY", str(config_file.home))
    if way == "env_file":
        text = '[syncd]\nenv_file = "token"\n' + with_token('{ env = "UNSET" }')
    else:
        text = with_token(f'{{ {way} = "token" }}')
    assert "not a regular file" in refusal(config_file, text)


@pytest.mark.parametrize("mode", [0o602, 0o604, 0o666, 0o606])
def test_a_secret_that_everybody_can_read_or_change_is_refused(
    config_file: ConfigFile, mode: int
) -> None:
    (config_file.home / "token").write_text(HUSH)
    (config_file.home / "token").chmod(mode)
    assert "by every user" in refusal(config_file, with_token('{ file = "token" }'))


def test_a_secret_that_its_group_can_change_works_with_a_warning(config_file: ConfigFile) -> None:
    (config_file.home / "token").write_text(HUSH)
    (config_file.home / "token").chmod(0o620)
    (warning,) = config_file.load(with_token('{ file = "token" }')).warnings
    assert "changed by its group" in warning.reason


@pytest.mark.parametrize("name", ["100%token", "%h-%i", "a b", "ü"])
def test_a_secret_may_lie_in_a_file_of_any_name(config_file: ConfigFile, name: str) -> None:
    (config_file.home / name).write_text(HUSH)
    (config_file.home / name).chmod(0o600)
    assert config_file.load(with_token(f'{{ file = "{name}" }}')).warnings == ()


def test_a_file_too_large_for_a_secret_is_refused(config_file: ConfigFile) -> None:
    (config_file.home / "token").write_text("x" * 100_000)
    (config_file.home / "token").chmod(0o600)
    assert "too large" in refusal(config_file, with_token('{ file = "token" }'))


DEEP = 5_000


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"x = {'[' * DEEP}{']' * DEEP}\n", ":3"),
        (f"x = {'{a = ' * DEEP}1{'}' * DEEP}\n", ":3"),
        (f"[{'.'.join('a' * DEEP)}]\n", ":3"),
        (f"{'.'.join('a' * 300)} = 1\n", ":3"),
        (f"x = {'[' * 25}{']' * 25}\n", ":3"),
        ("x = '\0'\n", "not valid TOML"),
        (f"x = {'9' * 5000}\n", "not valid TOML"),
        ("x = '" + "y" * 5_000_000 + "'\n", "larger than"),
    ],
    ids=["lists", "tables", "header", "key", "25 lists", "a zero", "digits", "5 MB"],
)
def test_odd_toml_is_refused_in_plain_words(config_file: ConfigFile, text: str, why: str) -> None:
    assert why in refusal(config_file, f"# one\n# two\n{text}{SMALL}")


@pytest.mark.parametrize(
    ("raw", "why"), [(b"\xff\xfe\x00", "UTF-8"), (SMALL.encode("utf-16"), "UTF-8")]
)
def test_a_file_in_another_encoding_is_refused(
    config_file: ConfigFile, raw: bytes, why: str
) -> None:
    path = config_file.home / "syncd.toml"
    path.write_bytes(raw)
    from syncd.config.load import load  # noqa: PLC0415

    with pytest.raises(ConfigError, match=why):
        load(path, ENV)


def test_a_byte_order_mark_and_windows_line_ends_are_no_trouble(config_file: ConfigFile) -> None:
    from syncd.config.load import load  # noqa: PLC0415

    path = config_file.home / "syncd.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert set(load(path, ENV).systems) == {"crm", "clinic"}


@pytest.mark.parametrize(
    "path",
    [
        *("state.db" + s for s in ("", "-wal", "-shm", "-journal", ".lock", ".sock", ".created")),
        "state.db.backups/nightly.db",
        "link/state.db",
        "syncd.toml",
        "own.env",
        "notes.txt",
        "folder",
    ],
)
def test_the_page_takes_the_place_of_no_file(config_file: ConfigFile, path: str) -> None:
    (config_file.home / "own.env").write_text("A=1\n")
    (config_file.home / "own.env").chmod(0o600)
    (config_file.home / "notes.txt").write_text("dear diary")
    (config_file.home / "folder").mkdir()
    (config_file.home / "link").symlink_to(config_file.home)
    said = refusal(
        config_file,
        '[syncd]\nstate = "state.db"\nenv_file = "own.env"\n'
        f'listen = "unix:{config_file.home / path}"\n' + SMALL,
    )
    assert ":4: syncd.listen" in said
    assert "unix:/run/syncd/page.sock" in said


def test_the_page_may_have_a_socket_of_its_own(config_file: ConfigFile) -> None:
    path: Path = config_file.home / "page.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as old:
        if len(str(path)) < 100:
            old.bind(str(path))
        config_file.load(f'[syncd]\nstate = "state.db"\nlisten = "unix:{path}"\n' + SMALL)
