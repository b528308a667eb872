"""The text of syncd.toml contains the drafted values, and a person's text stays."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.config.load import load
from syncd.provision.config_additions import CalendarLine
from syncd.provision.template import ConfigDraft, NewProvider, NewSystem, extend_config, new_config

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
    {
        "crm": CalendarLine({"user": "alice@example.com"}),
        "clinic": CalendarLine({"user": "u1"}, "Alice: one"),
    },
    "matched by e-mail",
)
DRAFT = ConfigDraft(
    (CRM, CLINIC), (ALICE,), "Europe/Berlin", "own.env", ('[providers.r] kind = "room"',)
)


def put(folder: Path, text: str) -> Path:
    path = folder / "syncd.toml"
    path.write_text(text)
    (folder / "own.env").write_text("")
    (folder / "own.env").chmod(0o600)
    return path


def test_a_new_configuration_loads_with_the_drafted_values(tmp_path: Path) -> None:
    text = new_config(DRAFT)
    found = load(put(tmp_path, text), ENV)
    assert found.warnings == ()
    assert found.syncd.zone == "Europe/Berlin"
    assert found.rules.prefer == ("crm", "clinic")
    assert set(found.providers["alice"].calendars) == {"crm", "clinic"}
    assert max(map(len, text.splitlines())) <= 100
    for word in ("# matched by e-mail", "# Alice: one", '#   [providers.r] kind = "room"'):
        assert word in text


def test_each_setting_has_a_comment_and_its_default_value(tmp_path: Path) -> None:
    bare = load(put(tmp_path, new_config(ConfigDraft((CRM, CLINIC), (ALICE,)))), ENV)
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
    new = extend_config(text, ConfigDraft((CRM, CLINIC, LEGACY), (ALICE,), env_file="own.env"))
    found = load(put(tmp_path, new), ENV)
    assert set(found.systems) == {"clinic", "crm", "legacy"}
    assert set(found.providers["alice"].calendars) == {"clinic", "crm"}
    assert found.rules.prefer == ("clinic", "crm", "legacy")
    for words in ("# my own words", "# the front desk", "# always right"):
        assert words in new
    assert (
        extend_config(new, ConfigDraft((CRM, CLINIC, LEGACY), (ALICE,), env_file="own.env")) == new
    )


def test_an_empty_addition_changes_no_byte() -> None:
    draft = ConfigDraft(
        (CLINIC,), (NewProvider("alice", {"clinic": CalendarLine({"user": "other"})}),)
    )
    assert extend_config(HAND, draft) == HAND


def test_systems_and_providers_can_be_added_time_and_again(tmp_path: Path) -> None:
    text = extend_config(HAND, ConfigDraft((CRM,), (ALICE,)))
    more = NewProvider("bob", {"crm": CalendarLine({"user": "bob@example.com"})})
    text = extend_config(text, ConfigDraft((), (more,)))
    late = CalendarLine({"user": "v1"})
    both = (
        NewProvider("alice", {"legacy": late}),
        NewProvider("bob", {"clinic": CalendarLine({"user": "u2"})}),
    )
    text = extend_config(text, ConfigDraft((LEGACY,), both))
    found = load(put(tmp_path, text), ENV)
    assert set(found.providers["alice"].calendars) == {"clinic", "crm", "legacy"}
    assert set(found.providers["bob"].calendars) == {"crm", "clinic"}


words = st.text(max_size=12)


@given(said=words, comment=words)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_platform_names_give_valid_toml(said: str, comment: str) -> None:
    said = said.encode("utf-8", "ignore").decode()
    system = NewSystem("s", "leadconnector", {"location_id": said}, {}, comment)
    person = NewProvider("p", {"s": CalendarLine({"user": said}, comment)}, comment)
    draft = ConfigDraft((system,), (person,), rooms=(comment,))
    for text in (new_config(draft), extend_config("", draft), extend_config(HAND, draft)):
        raw = tomllib.loads(text)
        assert raw["systems"]["s"]["location_id"] == said
        assert raw["providers"]["p"]["calendars"] == {"s": {"user": said}}
