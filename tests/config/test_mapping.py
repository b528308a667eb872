"""Mappings that cannot work, and mappings without effect."""

from __future__ import annotations

import pytest

from syncd.config.problems import dotted

from .conftest import ALICE, CLINIC, CRM, LEGACY, SMALL, ConfigFile


def bob(*lines: str) -> str:
    return "\n".join(["[providers.bob.calendars]", *lines, ""])


def test_a_calendar_in_a_system_that_does_not_exist_is_refused(config_file: ConfigFile) -> None:
    problem = config_file.problem(
        SMALL + bob('crm = { user = "b@example.com" }', 'clinc = { user = "U2" }')
    )
    assert problem.key == "providers.bob.calendars.clinc"
    assert problem.reason == 'there is no system "clinc"'
    assert problem.remedy == 'Did you mean "clinic"?'
    assert problem.line == len(SMALL.splitlines()) + 3


@pytest.mark.parametrize(
    ("system", "ours", "theirs"),
    [
        ("crm", 'user = "alice@example.com"', 'user = "Alice@Example.com"'),
        ("clinic", 'user = "U1"', 'user = "U1", calendars = ["C9"]'),
        ("clinic", 'calendars = ["C1"]', 'calendar = "C1"'),
        ("clinic", 'user = "U1", calendars = ["C1"]', 'calendars = ["C2", "C1"]'),
        ("legacy", 'user = "U1"', 'user = "U1", calendar = "C9"'),
        ("legacy", 'calendar = "C1"', 'calendar = "C1"'),
        ("legacy", 'calendar = "C1"', 'calendar = "C1", user = "U2"'),
        ("legacy", 'team = "T1"', 'team = "T1"'),
    ],
)
def test_what_is_one_providers_own_cannot_be_anothers(
    config_file: ConfigFile, system: str, ours: str, theirs: str
) -> None:
    problem = config_file.problem(
        CRM
        + CLINIC
        + LEGACY
        + f"[providers.ann.calendars]\n{system} = {{ {ours} }}\n"
        + bob(f"{system} = {{ {theirs} }}")
    )
    assert problem.key == f"providers.bob.calendars.{system}"
    assert 'already belongs to provider "ann"' in problem.reason


@pytest.mark.parametrize(
    ("system", "ours", "theirs"),
    [
        ("clinic", 'user = "U1", calendars = ["C1"]', 'user = "U2", calendars = ["C1"]'),
        ("legacy", 'user = "U1", calendar = "C1"', 'user = "U2", calendar = "C1"'),
        ("legacy", 'user = "U1", team = "T1"', 'user = "U2", team = "T1"'),
        ("legacy", 'calendar = "C1", team = "T1"', 'calendar = "C2", team = "T1"'),
    ],
)
def test_a_shared_calendar_is_fine_where_users_divide_it(
    config_file: ConfigFile, system: str, ours: str, theirs: str
) -> None:
    settings = config_file.load(
        CRM
        + CLINIC
        + LEGACY
        + f"[providers.ann.calendars]\n{system} = {{ {ours} }}\n"
        + bob(f"{system} = {{ {theirs} }}")
    )
    assert set(settings.providers) == {"ann", "bob"}


@pytest.mark.parametrize(
    ("system", "calendar", "reason"),
    [
        ("clinic", "{}", "neither a user nor a calendar"),
        ("clinic", '{ user = "" }', "empty"),
        ("clinic", '{ calendars = "C1" }', "not a list"),
        ("clinic", '{ team = "T1" }', "unknown key"),
        ("clinic", '"U1"', "not a table"),
        ("clinic", '{ user = "U1", write = "no" }', "neither true nor false"),
        ("legacy", "{}", "neither a calendar nor a user nor a team"),
        ("legacy", '{ calendars = ["C1"] }', "unknown key"),
        ("crm", "{}", "missing"),
        ("crm", '{ user = "alice" }', "not a valid e-mail address"),
        ("crm", '{ user = "alice@example.com", calendar = "C1" }', "unknown key"),
    ],
)
def test_a_calendar_that_its_system_cannot_have_is_refused(
    config_file: ConfigFile, system: str, calendar: str, reason: str
) -> None:
    (problem, *_) = config_file.problems(CRM + CLINIC + LEGACY + bob(f"{system} = {calendar}"))
    assert problem.key.startswith(f"providers.bob.calendars.{system}")
    assert reason in problem.reason
    assert problem.remedy


def test_one_v2_calendar_has_a_short_form(config_file: ConfigFile) -> None:
    settings = config_file.load(
        SMALL + bob('clinic = { calendar = "C3", calendars = ["C4", "C3"] }')
    )
    calendar = settings.providers["bob"].calendars["clinic"]
    assert calendar.model_dump() == {
        "user": None,
        "calendar": "C3",
        "calendars": ("C3", "C4"),
        "resource": None,
        "write": True,
    }


def test_a_number_that_is_too_small_is_told_with_the_least(config_file: ConfigFile) -> None:
    problem = config_file.problem(SMALL + "[providers.alice]\ncapacity = 0\n")
    assert (problem.reason, problem.remedy) == ("too small", "Write 1 or more.")


def test_a_calendar_may_be_read_only(config_file: ConfigFile) -> None:
    settings = config_file.load(SMALL + bob('clinic = { user = "U2", write = false }'))
    assert settings.providers["bob"].calendars["clinic"].write is False
    assert settings.providers["alice"].calendars["clinic"].write is True


def test_a_provider_in_one_system_only_is_warned_about(config_file: ConfigFile) -> None:
    warned = config_file.warnings(SMALL + bob('clinic = { user = "U2" }'))
    assert warned == [("providers.bob", "the provider has a calendar in one system only")]


def test_a_system_that_nobody_uses_is_warned_about(config_file: ConfigFile) -> None:
    assert config_file.warnings(SMALL + LEGACY) == [
        ("systems.legacy", "no provider uses this system")
    ]


def test_a_provider_without_calendars_is_refused(config_file: ConfigFile) -> None:
    problem = config_file.problem(SMALL + '[providers.bob]\nkind = "room"')
    assert (problem.key, problem.reason) == ("providers.bob", "the provider has no calendars")


@pytest.mark.parametrize(
    ("text", "key"),
    [(CRM + CLINIC, "providers"), (CRM + CLINIC + "[providers]", "providers"), ("", "systems")],
)
def test_no_providers_and_no_systems_are_refused(
    config_file: ConfigFile, text: str, key: str
) -> None:
    assert (key, f"no {key} are configured") in {
        (p.key, p.reason) for p in config_file.problems(text)
    }


@pytest.mark.parametrize("section", ["systems", "providers"])
@pytest.mark.parametrize("text", ["{} = 5", "{} = [1]", "{} = {{ crm = 5 }}"])
def test_what_should_be_tables_must_be_tables(
    config_file: ConfigFile, section: str, text: str
) -> None:
    rest = ALICE if section == "systems" else CRM + CLINIC
    problems = config_file.problems(text.format(section) + rest)
    assert any(p.key.startswith(section) and p.reason == "not a table" for p in problems)


def test_calendars_must_be_a_table(config_file: ConfigFile) -> None:
    problem = config_file.problem(SMALL + '[providers.bob]\ncalendars = ["C1"]')
    assert (problem.key, problem.reason) == ("providers.bob.calendars", "not a table")


@pytest.mark.parametrize("name", ["Bob", "b.ob", "b ob", "bøb", ""])
def test_names_are_plain(config_file: ConfigFile, name: str) -> None:
    provider = f'[providers."{name}".calendars]\nclinic = {{ user = "U2" }}\n'
    problem = config_file.problem(SMALL + provider)
    assert problem.key == dotted(("providers", name))
    assert "is not a valid name" in problem.reason
    system = LEGACY.replace("systems.legacy", f'systems."{name}"')
    assert config_file.problem(SMALL + system).key == dotted(("systems", name))


@pytest.mark.parametrize(
    ("prefer", "key", "reason"),
    [
        ('["crm", "clinik"]', "rules.prefer[1]", 'there is no system "clinik"'),
        ('["crm", "crm"]', "rules.prefer[1]", '"crm" is named twice'),
        ('"crm"', "rules.prefer", "not a list"),
        ("[1]", "rules.prefer[0]", "not a text"),
    ],
)
def test_the_tie_break_names_each_system_once(
    config_file: ConfigFile, prefer: str, key: str, reason: str
) -> None:
    problem = config_file.problem(SMALL + f"[rules]\nprefer = {prefer}")
    assert (problem.key, problem.reason) == (key, reason)


@pytest.mark.parametrize("system", [CRM, CLINIC, LEGACY])
def test_two_systems_cannot_be_one_account(config_file: ConfigFile, system: str) -> None:
    again = system.replace("[systems.", "[systems.second-")
    problem = config_file.problem(CRM + CLINIC + LEGACY + again + ALICE)
    assert problem.key.startswith("systems.second-")
    assert "is the same account as" in problem.reason


def test_two_locations_may_share_a_token(config_file: ConfigFile) -> None:
    other = CLINIC.replace("clinic", "branch").replace("Loc1", "Loc2")
    assert set(config_file.load(SMALL + other).systems) == {"crm", "clinic", "branch"}
