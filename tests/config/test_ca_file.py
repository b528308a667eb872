"""A private certificate authority is configured, and loaded before anything runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.config.conftest import SMALL, ConfigFile


@pytest.fixture
def pem(tmp_path: Path) -> str:
    """A certificate of a private authority."""
    made = tmp_path / "ca.pem"
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    named = ["-keyout", str(tmp_path / "ca.key"), "-out", str(made), "-subj", "/CN=Private"]
    subprocess.run([*new, *named], check=True, capture_output=True)
    return made.read_text()


def with_ca(name: str) -> str:
    """The usual configuration, with that file."""
    return f'[syncd]\nca_file = "{name}"\n{SMALL}'


def test_it_is_found_beside_the_configuration(config_file: ConfigFile, pem: str) -> None:
    (config_file.home / "private.pem").write_text(pem)
    settings = config_file.load(with_ca("private.pem"))
    assert settings.syncd.ca_file == str(config_file.home / "private.pem")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "does not exist"), ("", "cannot be used"), ("no CA certificate", "cannot be used")],
)
def test_one_that_is_no_use_is_refused(
    config_file: ConfigFile, content: str | None, reason: str
) -> None:
    if content is not None:
        (config_file.home / "private.pem").write_text(content)
    problem = config_file.problem(with_ca("private.pem"))
    assert problem.key == "syncd.ca_file"
    assert reason in problem.reason
    assert problem.remedy == "Name a file of PEM certificates."
