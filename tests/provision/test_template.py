"""The text of syncd.toml parses to the intended values; a person's text stays."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.config.load import load
from syncd.provision.config_additions import Place
from syncd.provision.template import Draft, NewProvider, NewSystem, extended, fresh

CRM = NewSystem(
    "crm",
    "leadsquared",
    {"base_url": "https://api.example.com/v2", "busy_task_type": "Busy"},
    {"access_key": {"env": "A"}, "secret_key": {"env": "B"}},
)
CLINIC = NewSystem("clinic", "leadconnector", {"location_id": "C2"}, {"token": {"env": "C"}})
LEGACY = NewSystem("legacy", "leadconnector-v1", {}, {"api_key": {"env": "D"}}, "Old place")
ENV = dict.fromkeys("ABCD", "x")
ALICE = NewProvider(
    "alice",
    {"crm": Place({"user": "alice@example.com"}), "clinic": Place({"user": "u1"}, "Alice: one")},
    "matched by e-mail",
)
DRAFT = Draft((CRM, CLINIC), (ALICE,), "Europe/Berlin", "own.env", ('[providers.r] kind = "room"',))


def put(folder: Path, text: str) -> Path:
    path = folder / "syncd.toml"
    path.write_text(text)
    (folder / "own.env").write_text("")
    (folder / "own.env").chmod(0o600)
    return path


def test_a_new_configuration_loads_with_the_intended_values(tmp_path: Path) -> None:
    text = fresh(DRAFT)
    found = load(put(tmp_path, text), ENV)
    assert found.warnings == ()
    assert found.syncd.zone == "Europe/Berlin"
    assert found.rules.prefer == ("crm", "clinic")
    assert set(found.providers["alice"].calendars) == {"crm", "clinic"}
    assert max(map(len, text.splitlines())) <= 100
    for word in ("# matched by e-mail", "# Alice: one", '#   [providers.r] kind = "room"'):
        assert word in text


def test_each_setting_has_a_word_and_the_written_values_are_the_defaults(tmp_path: Path) -> None:
    bare = load(put(tmp_path, fresh(Draft((CRM, CLINIC), (ALICE,)))), ENV)
    assert bare.syncd == bare.syncd.model_copy(
        update={"window": type(bare.syncd.window)(), "near": type(bare.syncd.near)()}
    )
    assert bare.guard == type(bare.guard)()
    assert bare.rules.model_copy(update={"prefer": ()}) == type(bare.rules)()


HAND = """\
# my own words
[systems.clinic]   # the front desk
type = "leadconnector"
location_id = "C2"
token = { env = "C" }

[providers]
alice = { calendars = { clinic = { user = "u1" } } }   # in one line

[rules]
prefer = [
  "clinic",  # always right
]
"""

FORMS = {
    "one line": HAND,
    "a table": HAND.replace(
        'alice = { calendars = { clinic = { user = "u1" } } }   # in one line',
        '[providers.alice.calendars]\nclinic = { user = "u1" }',
    ),
    "dotted": HAND.replace(
        'alice = { calendars = { clinic = { user = "u1" } } }   # in one line',
        'alice.calendars.clinic.user = "u1"',
    ),
    "nested tables": HAND.replace(
        'alice = { calendars = { clinic = { user = "u1" } } }   # in one line',
        '[providers.alice.calendars.clinic]\nuser = "u1"',
    ),
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_additions_to_any_configuration_load_and_keep_its_text(tmp_path: Path, text: str) -> None:
    new = extended(text, Draft((CRM, CLINIC, LEGACY), (ALICE,), env_file="own.env"))
    found = load(put(tmp_path, new), ENV)
    assert set(found.systems) == {"clinic", "crm", "legacy"}
    assert set(found.providers["alice"].calendars) == {"clinic", "crm"}
    assert found.rules.prefer == ("clinic", "crm", "legacy")
    for words in ("# my own words", "# the front desk", "# always right"):
        assert words in new
    assert extended(new, Draft((CRM, CLINIC, LEGACY), (ALICE,), env_file="own.env")) == new


def test_nothing_to_add_changes_no_byte() -> None:
    draft = Draft((CLINIC,), (NewProvider("alice", {"clinic": Place({"user": "other"})}),))
    assert extended(HAND, draft) == HAND


def test_systems_and_providers_can_be_added_time_and_again(tmp_path: Path) -> None:
    text = extended(HAND, Draft((CRM,), (ALICE,)))
    more = NewProvider("bob", {"crm": Place({"user": "bob@example.com"})})
    text = extended(text, Draft((), (more,)))
    late = Place({"user": "v1"})
    both = (
        NewProvider("alice", {"legacy": late}),
        NewProvider("bob", {"clinic": Place({"user": "u2"})}),
    )
    text = extended(text, Draft((LEGACY,), both))
    found = load(put(tmp_path, text), ENV)
    assert set(found.providers["alice"].calendars) == {"clinic", "crm", "legacy"}
    assert set(found.providers["bob"].calendars) == {"crm", "clinic"}


words = st.text(max_size=12)


@given(said=words, comment=words)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_platform_names_give_valid_toml(said: str, comment: str) -> None:
    said = said.encode("utf-8", "ignore").decode()
    system = NewSystem("s", "leadconnector", {"location_id": said}, {}, comment)
    person = NewProvider("p", {"s": Place({"user": said}, comment)}, comment)
    draft = Draft((system,), (person,), rooms=(comment,))
    for text in (fresh(draft), extended("", draft), extended(HAND, draft)):
        raw = tomllib.loads(text)
        assert raw["systems"]["s"]["location_id"] == said
        assert raw["providers"]["p"]["calendars"] == {"s": {"user": said}}
