"""The fuzzed parsers: findings of an hour of fuzzing, and a bounded run of each target."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.config.load import load
from syncd.config.problems import ConfigError, Problem
from tests.hostile.fuzz import one_turn
from tests.hostile.fuzz_targets import TARGETS

SYSTEM = '[systems.crm]\ntype = "leadsquared"\nbase_url = "https://crm.example.com/v2"\n'
SECRETS = 'access_key = { env = "A" }\nsecret_key = { env = "A" }\n'
SERVICE = (
    '[[provision.services]]\nsystem = "crm"\nteam = "T"\nname = "N"\nslug = "n"\n'
    'members = [{ user = "a@example.com" }]\n'
)

EXAMPLES = {
    "engine": 12, "engine on rows of crm": 12, "engine on rows of legacy": 12,
    "frames of the socket": 60, "HTTP": 60,
}  # fmt: skip
"""Numbers of examples for slow targets; all others have 100."""


def problems(tmp_path: Path, text: str) -> tuple[Problem, ...]:
    """Return all problems of a configuration."""
    path = tmp_path / "syncd.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, {"A": "secret"})
    return caught.value.problems


def test_a_misspelt_weekday_of_a_service_is_refused_with_the_right_one(tmp_path: Path) -> None:
    hours = 'hours = { Monday = ["09:00-17:00"] }\n'
    found = problems(tmp_path, SYSTEM + SECRETS + SERVICE + hours)
    said = next(p for p in found if "hours" in p.key)
    assert (said.line, said.key) == (12, "provision.services[0].hours.Monday")
    assert (said.reason, said.remedy) == ("unknown key", 'Did you mean "monday"?')


def test_a_name_that_could_only_be_one_of_nothing_still_has_a_remedy(tmp_path: Path) -> None:
    rule = '[[rules.override]]\nprovider = "alice"\nkind = "moved_apart"\nchoice = "hold"\n'
    found = problems(tmp_path, "providers = 0\n" + SYSTEM + SECRETS + rule)
    assert "rules.override[0].provider" in {p.key for p in found}
    assert all(p.remedy for p in found), found


@pytest.mark.prove
@pytest.mark.parametrize("name", TARGETS)
def test_no_fuzzed_example_breaks_a_parser(name: str) -> None:
    fault = one_turn(TARGETS[name], 1, EXAMPLES.get(name, 100))
    if fault is not None:
        raise fault
