"""A configuration file in a fresh directory, written and loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from syncd.config.load import load
from syncd.config.problems import ConfigError, Problem
from syncd.config.settings import Settings

ENV = {"LSQ_ACCESS": "access-4711", "LSQ_SECRET": "secret-4711", "V2": "pit-4711", "V1": "v1-4711"}

CRM = """
[systems.crm]
type = "leadsquared"
base_url = "https://api-in21.leadsquared.com/v2"
access_key = { env = "LSQ_ACCESS" }
secret_key = { env = "LSQ_SECRET" }
"""
CLINIC = """
[systems.clinic]
type = "leadconnector"
location_id = "Loc1"
token = { env = "V2" }
"""
LEGACY = """
[systems.legacy]
type = "leadconnector-v1"
api_key = { env = "V1" }
"""
ALICE = """
[providers.alice.calendars]
crm = { user = "alice@example.com" }
clinic = { user = "U1", calendars = ["C1"] }
"""
SMALL = CRM + CLINIC + ALICE


class ConfigFile:
    """Where a test writes `syncd.toml` and loads it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / "syncd.toml"

    def load(self, text: str, env: Mapping[str, str] = ENV) -> Settings:
        """Load a configuration of that text."""
        self.path.write_text(text, encoding="utf-8")
        return load(self.path, env)

    def problems(self, text: str, env: Mapping[str, str] = ENV) -> tuple[Problem, ...]:
        """All that is wrong with that text, of which there must be something."""
        with pytest.raises(ConfigError) as caught:
            self.load(text, env)
        assert caught.value.problems
        return caught.value.problems

    def problem(self, text: str, env: Mapping[str, str] = ENV) -> Problem:
        """The only thing that is wrong with that text; it always names file and remedy."""
        (problem,) = self.problems(text, env)
        assert problem.file == self.path
        assert problem.remedy
        assert not problem.warning
        return problem

    def warnings(self, text: str, env: Mapping[str, str] = ENV) -> list[tuple[str, str]]:
        """Key and reason of each warning about that text."""
        warnings = self.load(text, env).warnings
        assert all(warning.warning and warning.remedy for warning in warnings)
        return [(warning.key, warning.reason) for warning in warnings]


@pytest.fixture
def config_file(tmp_path: Path) -> ConfigFile:
    return ConfigFile(tmp_path)
