"""The sources of credentials, and that nothing prints them."""

from __future__ import annotations

import copy
import stat
from pathlib import Path

import pytest

from syncd.config.load import load
from syncd.config.problems import ConfigError
from syncd.config.secrets import ReadContext, Secret, read_secret
from syncd.config.settings import LeadConnectorSystem, Settings

from .conftest import ALICE, CLINIC, CRM, ENV, SMALL, ConfigFile

HUSH = "hush-4711"


def with_token(source: str) -> str:
    return CRM + CLINIC.replace('{ env = "V2" }', source) + ALICE


def token(settings: Settings) -> Secret:
    clinic = settings.systems["clinic"]
    assert isinstance(clinic, LeadConnectorSystem)
    return clinic.token


def keep(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def test_a_secret_comes_from_the_environment(config_file: ConfigFile) -> None:
    settings = config_file.load(with_token('{ env = "TOKEN" }'), {**ENV, "TOKEN": HUSH})
    assert token(settings).reveal() == HUSH
    assert settings.warnings == ()


def test_a_secret_comes_from_a_file_beside_the_configuration(config_file: ConfigFile) -> None:
    keep(config_file.home / "token", f"{HUSH}\n")
    settings = config_file.load(with_token('{ file = "token" }'))
    assert token(settings).reveal() == HUSH
    assert settings.warnings == ()


def test_a_secret_comes_from_systemd(config_file: ConfigFile) -> None:
    directory = config_file.home / "credentials"
    directory.mkdir()
    keep(directory / "ghl", f"{HUSH}\n")
    env = {**ENV, "CREDENTIALS_DIRECTORY": str(directory)}
    assert token(config_file.load(with_token('{ credential = "ghl" }'), env)).reveal() == HUSH


def test_a_secret_in_the_file_itself_works_with_a_warning(config_file: ConfigFile) -> None:
    settings = config_file.load(with_token(f'"{HUSH}"'))
    assert token(settings).reveal() == HUSH
    (warning,) = settings.warnings
    assert (warning.key, warning.warning) == ("systems.clinic.token", True)
    assert "env" in warning.remedy
    assert HUSH not in str(warning)
    assert warning.line is not None
    assert (
        config_file.path.read_text(encoding="utf-8")
        .splitlines()[warning.line - 1]
        .startswith("token")
    )


@pytest.mark.parametrize("mode", [0o604, 0o644])
def test_a_secret_file_that_others_can_read_is_refused(config_file: ConfigFile, mode: int) -> None:
    keep(config_file.home / "token", HUSH, mode)
    problem = config_file.problem(with_token('{ file = "token" }'))
    assert problem.key == "systems.clinic.token"
    assert "every user of this machine" in problem.reason
    assert problem.remedy == "Set its mode to 0600."
    assert HUSH not in str(problem)


def test_a_secret_file_of_a_group_is_not_warned_about(config_file: ConfigFile) -> None:
    keep(config_file.home / "token", HUSH, 0o640)
    assert config_file.warnings(with_token('{ file = "token" }')) == []


@pytest.mark.parametrize(
    ("source", "reason", "remedy"),
    [
        ('{ env = "TOKEN" }', "the environment variable TOKEN is not set", "Set TOKEN"),
        ('{ env = "EMPTY" }', "the environment variable EMPTY is empty", "Set EMPTY"),
        ('{ env = "TWO_LINES" }', "more than one line", "Set TWO_LINES"),
        ('{ env = "" }', "the value of env", "env"),
        ("{ env = 3 }", "the value of env", "env"),
        ('{ file = "./gone" }', "does not exist", "into that file"),
        ('{ file = "empty" }', "is empty", "into that file"),
        ('{ file = "." }', "cannot be read", "into that file"),
        ('{ file = "binary" }', "is not a text file", "into that file"),
        (r'{ file = "a\u0000b" }', "cannot be read", "into that file"),
        ('{ credential = "ghl" }', "systemd passed no credentials", "LoadCredential"),
        ('{ enviroment = "TOKEN" }', 'cannot be read from "enviroment"', "env"),
        ('{ env = "V2", file = "token" }', "does not name a source", "env"),
        ('""', "empty", "env"),
        ('"two\\u00a0words"', "characters that no token has", "env"),
        ("4711", "does not name a source", "env"),
        ("{}", "does not name a source", "env"),
    ],
)
def test_a_secret_that_cannot_be_had_names_key_and_remedy(
    config_file: ConfigFile, source: str, reason: str, remedy: str
) -> None:
    keep(config_file.home / "empty", " \n")
    (config_file.home / "binary").write_bytes(b"\xff\xfe")
    env = {**ENV, "EMPTY": " ", "TWO_LINES": "a\nb"}
    problem = config_file.problem(with_token(source), env)
    assert problem.key == "systems.clinic.token"
    assert reason in problem.reason
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("name", "reason"),
    [("gone", "does not exist"), ("../token", "cannot be a path"), ("..", "cannot be")],
)
def test_a_credential_is_a_name_inside_the_directory(
    config_file: ConfigFile, name: str, reason: str
) -> None:
    directory = config_file.home / "credentials"
    directory.mkdir()
    keep(config_file.home / "token", HUSH)
    env = {**ENV, "CREDENTIALS_DIRECTORY": str(directory)}
    assert reason in config_file.problem(with_token(f'{{ credential = "{name}" }}'), env).reason


@pytest.mark.parametrize("way", ["env", "file"])
def test_a_secret_written_where_its_name_belongs_is_not_repeated(
    config_file: ConfigFile, way: str
) -> None:
    assert HUSH not in str(config_file.problem(with_token(f'{{ {way} = "{HUSH}" }}')))


@pytest.mark.parametrize(
    "text",
    [
        with_token(f'"{HUSH}\\n{HUSH}"'),
        with_token(f'["{HUSH}"]'),
        with_token(f'{{ env = "V2", hush = "{HUSH}" }}'),
        SMALL.replace("token =", f'tokn = "{HUSH}"\ntoken ='),
        SMALL + f'[syncd]\nstate = "oracel://me:{HUSH}@host/db"',
        SMALL + f'[syncd]\nzone = "UTC"\ntoken = "{HUSH}',
    ],
)
def test_no_error_repeats_a_secret(config_file: ConfigFile, text: str) -> None:
    for problem in config_file.problems(text):
        assert HUSH not in str(problem)
        assert HUSH not in repr(problem)


def test_settings_can_be_printed_and_dumped_without_their_secrets(config_file: ConfigFile) -> None:
    settings = config_file.load(
        SMALL,
        dict.fromkeys(ENV, HUSH),
    )
    dump = [system.model_dump() for system in settings.systems.values()]
    for shown in (repr(settings), str(settings), repr(dump), str(token(settings))):
        assert HUSH not in shown
    assert "***" in repr(dump)


def test_what_only_looks_does_without_secrets_but_not_without_their_places(
    config_file: ConfigFile,
) -> None:
    assert config_file.problems(SMALL, {})
    seen = load(config_file.path, ENV, secrets=False)
    assert ENV["V2"] not in token(seen).reveal()
    config_file.path.write_text(SMALL.replace("env =", "enw ="))
    with pytest.raises(ConfigError, match="enw"):
        load(config_file.path, {}, secrets=False)


def test_a_secret_shows_itself_on_demand_only() -> None:
    secret = Secret(HUSH)
    assert secret.reveal() == HUSH
    assert HUSH not in f"{secret} {secret!r} {[secret]} {copy.copy(secret)}"


def test_a_secret_made_by_a_program_is_taken_as_it_is(tmp_path: Path) -> None:
    around = ReadContext(tmp_path, {})
    secret = Secret(HUSH)
    assert read_secret(secret, around) is secret
    system = LeadConnectorSystem(type="leadconnector", location_id="L", token=secret)
    assert system.token is secret


def test_the_mode_of_a_secret_file_is_not_changed(config_file: ConfigFile) -> None:
    keep(config_file.home / "token", HUSH, 0o644)
    config_file.problem(with_token('{ file = "token" }'))
    assert stat.S_IMODE((config_file.home / "token").stat().st_mode) == 0o644
