"""A whole file: its settings, its errors, and their places."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path

import pytest

from syncd.config.load import load
from syncd.config.problems import ConfigError
from syncd.config.settings import (
    GuardSettings,
    LeadConnectorCalendar,
    LeadConnectorSystem,
    LeadConnectorV1System,
    LeadSquaredSystem,
    RulesSettings,
)
from syncd.core.merging.rules import Choice
from syncd.model import Status

from .conftest import ALICE, CLINIC, CRM, LEGACY, SMALL, ConfigFile

EXAMPLE = """
[syncd]
state = "state/syncd.db"
window = { past = "1d", future = "60d" }
near = { every = "60s", ahead = "2d" }
far = { every = "15m" }
resync_at = "03:30"
[systems.crm]
type = "leadsquared"
base_url = "https://api-in21.leadsquared.com/v2"
access_key = { env = "LSQ_ACCESS" }
secret_key = { env = "LSQ_SECRET" }
busy_task_type = "Busy"
[systems.clinic]
type = "leadconnector"
base_url = "https://services.leadconnectorhq.com"
location_id = "C2QujeCh8ZnC7al2InWR"
token = { env = "V2" }
[systems.legacy]
type = "leadconnector-v1"
base_url = "https://rest.gohighlevel.com/v1"
api_key = { env = "V1" }
blocks = "event"
[providers.alice]
kind = "person"
[providers.alice.calendars]
crm = { user = "alice@example.com" }
clinic = { user = "0007BWpSzSwfiuSl0tR2", calendars = ["CVokAlI8fgw4WYWoCtQz"] }
legacy = { calendar = "9qFx", user = "GCs5" }
[rules]
prefer = ["crm", "clinic", "legacy"]
moved_apart = "latest"
"""
"""A configuration with most tables."""


def test_the_example_of_the_design_loads_without_a_warning(config_file: ConfigFile) -> None:
    settings = config_file.load(EXAMPLE)
    assert settings.warnings == ()
    assert settings.path == config_file.path
    assert isinstance(settings.systems["crm"], LeadSquaredSystem)
    assert isinstance(settings.systems["clinic"], LeadConnectorSystem)
    assert isinstance(settings.systems["legacy"], LeadConnectorV1System)
    assert settings.providers["alice"].calendars["clinic"] == LeadConnectorCalendar(
        user="0007BWpSzSwfiuSl0tR2", calendars=("CVokAlI8fgw4WYWoCtQz",)
    )
    assert settings.rules.prefer == ("crm", "clinic", "legacy")


def test_the_example_says_the_defaults(config_file: ConfigFile) -> None:
    assert config_file.load(EXAMPLE).syncd == config_file.load(SMALL).syncd


def test_systems_and_providers_are_enough(config_file: ConfigFile) -> None:
    settings = config_file.load(SMALL)
    general = settings.syncd
    assert (general.window.past, general.window.future) == (timedelta(days=1), timedelta(days=60))
    assert (general.near.every, general.near.ahead) == (timedelta(minutes=1), timedelta(days=2))
    assert (general.far.every, general.longest) == (timedelta(minutes=15), timedelta(days=60))
    assert (general.resync_at, general.zone) == (time(3, 30), "UTC")
    assert settings.rules == RulesSettings()
    assert settings.guard == GuardSettings(count=10, share=0.2, common=5, all=3)
    assert settings.providers["alice"].kind == "person"


@pytest.mark.parametrize(
    ("state", "path"),
    [
        ("state/syncd.db", "{home}/state/syncd.db"),
        ("{home}/x.db", "{home}/x.db"),
        ("sqlite:///x.db", "{home}/x.db"),
        ("sqlite:///{home}/x.db?timeout=9", "{home}/x.db"),
    ],
)
def test_the_state_is_a_path_beside_the_file_or_a_url(
    config_file: ConfigFile, state: str, path: str
) -> None:
    state = state.format(home=config_file.home)
    general = config_file.load(f'[syncd]\nstate = "{state}"\n{SMALL}').syncd
    assert general.state_path == Path(path.format(home=config_file.home))


@pytest.mark.parametrize(
    "state", ["sqlite://", "sqlite:///:memory:", "postgresql://me:hush-hush@host/db"]
)
def test_a_state_that_is_no_file_is_refused_without_its_password(
    config_file: ConfigFile, state: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config_file.load(f'[syncd]\nstate = "{state}"\n{SMALL}')
    assert "must name an SQLite file" in str(caught.value)
    assert "hush-hush" not in str(caught.value)


def test_the_default_state_is_beside_the_file_too(config_file: ConfigFile) -> None:
    assert config_file.load(SMALL).syncd.state_path == config_file.home / "state" / "syncd.db"


def test_a_relative_path_to_the_file_gives_an_absolute_state(
    config_file: ConfigFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    config_file.load(SMALL)
    monkeypatch.chdir(config_file.home)
    settings = load(Path("syncd.toml"), {"LSQ_ACCESS": "a", "LSQ_SECRET": "b", "V2": "c"})
    assert settings.syncd.state_path == config_file.home / "state" / "syncd.db"


def test_a_file_with_a_byte_order_mark_loads(config_file: ConfigFile) -> None:
    assert config_file.load("\ufeff" + SMALL).warnings == ()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[syncd]\nstate = \n", "line 2, column 9"),
        ("[syncd]\nzone = 'UTC'\nzone = 'UTC'\n", "line 3"),
        ("a = " + "9" * 5000, "digits"),
    ],
)
def test_a_syntax_error_names_line_and_column(
    config_file: ConfigFile, text: str, where: str
) -> None:
    problem = config_file.problem(text)
    assert "not valid TOML" in problem.reason
    assert where in problem.reason


def test_a_file_that_is_not_utf_8_is_refused(config_file: ConfigFile) -> None:
    config_file.path.write_bytes(b"# caf\xe9")
    with pytest.raises(ConfigError, match="not in UTF-8"):
        load(config_file.path, {})


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path, {})


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        ("[sincd]\n", "sincd", 'Did you mean "syncd"?'),
        ("warnings = []\n", "warnings", "Choose"),
        ("path = 'x'\n", "path", "Choose"),
        ("[syncd]\nresinc_at = '03:30'\n", "syncd.resinc_at", 'Did you mean "resync_at"?'),
        ("[syncd]\nnear = { evry = '60s' }\n", "syncd.near.evry", 'Did you mean "every"?'),
        ("[rules]\nprefers = []\n", "rules.prefers", 'Did you mean "prefer"?'),
        ("[guard]\nqqq = 1\n", "guard.qqq", 'Choose "count", "share", "common" or "all".'),
    ],
)
def test_an_unknown_key_is_refused_with_the_likely_one(
    config_file: ConfigFile, text: str, key: str, remedy: str
) -> None:
    problem = config_file.problem(text + SMALL)
    assert problem.key == key
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ('type = "leadsquared"', 'type = "leadsquard"', "crm.type", "unknown type of system"),
        ('type = "leadsquared"\n', "", "crm.type", "missing"),
        ('type = "leadsquared"', "type = 1", "crm.type", "unknown type of system"),
        ('base_url = "https://api-in21.leadsquared.com/v2"\n', "", "crm.base_url", "missing"),
        ("access_key", "acces_key", "crm.acces_key", "unknown key"),
        ('location_id = "Loc1"\n', "", "clinic.location_id", "missing"),
        ('location_id = "Loc1"', "location_id = 1", "clinic.location_id", "not a text"),
        ('token = { env = "V2" }\n', "", "clinic.token", "missing"),
        ("[systems.clinic]", "[systems.clinic]\nnotify = 1", "clinic.notify", "true nor false"),
        ("[systems.clinic]", '[systems.clinic]\nversion = "2"', "clinic.version", "required form"),
        ("[systems.clinic]", "[systems.clinic]\ntitle = ''", "clinic.title", "empty"),
        (
            "[systems.clinic]",
            f"[systems.clinic]\ntitle = '{'x' * 201}'",
            "clinic.title",
            "too long",
        ),
        (
            "[systems.clinic]",
            '[systems.clinic]\ntitle = "Busy\\nnow"',
            "clinic.title",
            "control character",
        ),
        ("[systems.crm]", '[systems.crm]\ntitle = "Bu\\u2028sy"', "crm.title", "control"),
        ("[systems.legacy]", '[systems.legacy]\ntitle = "B\\u0000"', "legacy.title", "control"),
        ("[systems.crm]", "[systems.crm]\nstatuses = 1", "crm.statuses", "not a table"),
        ("[systems.crm]", "[systems.crm]\nstatuses = { x = 1 }", "crm.statuses.x", "not a text"),
        (
            "[systems.legacy]",
            "[systems.legacy]\nstatuses = { x = 'canceled' }",
            "legacy.statuses.x",
            '"canceled" is not a valid status',
        ),
        (
            "[systems.clinic]",
            "[systems.clinic]\nstatuses = { '--' = 'new' }",
            "clinic.statuses.--",
            "neither letters nor digits",
        ),
        (
            "[systems.clinic]",
            "[systems.clinic]\nstatuses = { no-show = 'new', 'No Show' = 'noshow' }",
            'clinic.statuses."No Show"',
            'the same word as "no-show"',
        ),
        ("[systems.crm]", "[systems.crm]\nall_day = 'free'", "crm.all_day", "not an allowed value"),
        ("[systems.clinic]", "[systems.clinic]\nall_day = 1", "clinic.all_day", "not a text"),
        (
            "[systems.crm]",
            "[systems.crm]\ncancel_as = 'no'",
            "crm.cancel_as",
            "not an allowed value",
        ),
        ("[systems.crm]", "[systems.crm]\ncancel_as = 1", "crm.cancel_as", "not a text"),
        (
            "[systems.crm]",
            "[systems.crm]\ncancel_as = 'cancel'",
            "crm.cancel_path",
            "needs the path",
        ),
        (
            "[systems.crm]",
            "[systems.crm]\ncancel_path = 'Task.svc/Cancel'",
            "crm.cancel_path",
            'cancel_as = "hold"',
        ),
        (
            "[systems.crm]",
            "[systems.crm]\ncancel_as = 'complete'\ncancel_path = 'Task.svc/Cancel'",
            "crm.cancel_path",
            'cancel_as = "complete"',
        ),
        (
            "[systems.crm]",
            "[systems.crm]\nstatuses.2 = 'new'\ncancel_as = 'cancel'\ncancel_path = 'A.svc/B'",
            "crm.statuses",
            "reads would show no cancellation",
        ),
        ("[systems.crm]", "[systems.crm]\ncancel_path = 1", "crm.cancel_path", "not a text"),
        ("[systems.crm]", "[systems.crm]\ncancel_path = ''", "crm.cancel_path", "empty"),
        (
            "[systems.clinic]",
            "[systems.clinic]\nseries = 'all'",
            "clinic.series",
            "not an allowed value",
        ),
        ("[systems.crm]", "[systems.crm]\nseries = 'hold'", "crm.series", "unknown key"),
        ("[systems.crm]", "[systems.crm]\nkey_field = 'x'", "crm.key_field", "required form"),
        ("[systems.legacy]", "[systems.legacy]\nblocks = 'hold'", "legacy.hold_email", "contact"),
        ("[systems.legacy]", "[systems.legacy]\nhold_email = 'x'", "legacy.hold_email", "e-mail"),
        ("[systems.legacy]", "[systems.legacy]\ntimezone = 'CEST'", "legacy.timezone", "zone"),
        ("[systems.legacy]", "[systems.legacy]\nrate = 5", "legacy.rate", "not available in this"),
    ],
)
def test_a_system_that_is_not_right_is_refused(
    config_file: ConfigFile, old: str, new: str, key: str, reason: str
) -> None:
    text = SMALL + LEGACY
    assert old in text
    problems = {p.key: p for p in config_file.problems(text.replace(old, new))}
    assert reason in problems[f"systems.{key}"].reason
    assert problems[f"systems.{key}"].remedy


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('kind = "persn"', "kind"),
        ("kind = 1", "kind"),
        ('zone = "Mars/Olympus"', "zone"),
        ('calendar = "C1"', "calendar"),
    ],
)
def test_a_provider_that_is_not_right_is_refused(
    config_file: ConfigFile, line: str, key: str
) -> None:
    problem = config_file.problem(CRM + CLINIC + f"[providers.alice]\n{line}\n" + ALICE)
    assert problem.key == f"providers.alice.{key}"


def test_status_words_of_ones_own_load_and_every_wrong_one_is_named_with_its_line(
    config_file: ConfigFile,
) -> None:
    own = "statuses = { 'Did not come' = 'noshow', pending = 'cancelled', '-1' = 'invalid' }"
    clinic = config_file.load(SMALL.replace("[systems.clinic]", f"[systems.clinic]\n{own}"))
    assert clinic.systems["clinic"].statuses == {
        "Did not come": Status.NOSHOW,
        "pending": Status.CANCELLED,
        "-1": Status.INVALID,
    }
    wrong = "[systems.crm.statuses]\nmaybe = 'no'\nperhaps = 'cancelld'\n"
    problems = {p.key: p for p in config_file.problems(SMALL + wrong)}
    assert set(problems) == {"systems.crm.statuses.maybe", "systems.crm.statuses.perhaps"}
    problem = problems["systems.crm.statuses.perhaps"]
    assert problem.remedy == 'Did you mean "cancelled"?'
    assert problem.line == (SMALL + wrong).count("\n")


def test_every_choice_that_syncd_has_loads(config_file: ConfigFile) -> None:
    rules = config_file.load(
        SMALL
        + """
        [rules]
        prefer = ["clinic"]
        moved_apart = "prefer"
        moved_and_cancelled = "move"
        twin_deleted = "keep"
        block_edited = "restore"
        slot_taken = "hold"
        double_booked = "report"
        ambiguous = "hold"
        """
    ).rules
    assert rules.moved_apart is Choice.PREFER
    assert rules.moved_and_cancelled is Choice.MOVE
    assert rules.twin_deleted is Choice.KEEP


def test_a_key_that_is_yet_to_be_built_is_refused_as_that(config_file: ConfigFile) -> None:
    problem = config_file.problem(SMALL.replace("[systems.clinic]", "[systems.clinic]\nrate = 5"))
    assert "not available in this version" in problem.reason
    assert problem.remedy.startswith("Remove ")


def test_a_choice_that_is_none_is_refused_with_the_likely_one(config_file: ConfigFile) -> None:
    problem = config_file.problem(SMALL + '[rules]\nmoved_apart = "lates"')
    assert problem.reason == '"lates" is not an allowed value'
    assert problem.remedy == 'Did you mean "latest"?'
    problem = config_file.problem(SMALL + '[rules]\nmoved_apart = "zzz"')
    assert problem.remedy == 'Write "latest", "prefer" or "hold".'


BROKEN = """\
[syncd]
near = { every = "4s" }
zone = "Nowhere"
[systems.crm]
type = "leadsquard"
[systems.clinic]
type = "leadconnector"
token = { env = "UNSET" }
location_id = "L"
[providers.alice]
kind = "alien"
[providers.alice.calendars]
crm = { user = "alice@example.com" }
clinic = { user = "U1" }
clinc = { user = "U1" }
[providers.bob.calendars]
clinic = { user = "U1" }
[rules]
moved_apart = "never"
prefer = ["x"]
[guard]
share = 20
"""


def test_all_problems_are_told_at_once_in_the_order_of_the_file(config_file: ConfigFile) -> None:
    assert [(p.line, p.key) for p in config_file.problems(BROKEN)] == [
        (2, "syncd.near.every"),
        (3, "syncd.zone"),
        (5, "systems.crm.type"),
        (8, "systems.clinic.token"),
        (11, "providers.alice.kind"),
        (15, "providers.alice.calendars.clinc"),
        (17, "providers.bob.calendars.clinic"),
        (19, "rules.moved_apart"),
        (20, "rules.prefer[0]"),
        (22, "guard.share"),
    ]


def test_the_error_is_one_line_for_each_problem(config_file: ConfigFile) -> None:
    with pytest.raises(ConfigError) as caught:
        config_file.load(BROKEN)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems)
    assert lines[0] == (
        f"{config_file.path}:2: syncd.near.every: the duration is too short. "
        "Write a duration from 5s to 1d."
    )


def test_settings_cannot_be_changed(config_file: ConfigFile) -> None:
    settings = config_file.load(SMALL)
    with pytest.raises(ValueError, match="frozen"):
        settings.guard.count = 99


def test_each_rule_of_the_file_has_its_place(config_file: ConfigFile) -> None:
    text = SMALL + '\n[rules]\n# the later change wins\nmoved_apart = "latest"\n'
    line = text.split("\n").index('moved_apart = "latest"') + 1
    assert config_file.load(text).places == {"moved_apart": f"syncd.toml:{line}"}
