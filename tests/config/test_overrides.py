"""Overrides: which load, which can never match, and which contradict themselves."""

from __future__ import annotations

import pytest

from syncd.app import provider_rules
from syncd.core.merging.rules import Choice
from syncd.model import ConflictKind
from tests.config.conftest import CLINIC, CRM, LEGACY, SMALL, ConfigFile

ALL = (
    CRM
    + CLINIC
    + LEGACY
    + """
[providers.alice.calendars]
crm = { user = "alice@example.com" }
clinic = { user = "U1" }
legacy = { calendar = "S1" }
[providers.bob.calendars]
crm = { user = "bob@example.com" }
clinic = { user = "U2" }
[providers.carol.calendars]
crm = { user = "carol@example.com" }
"""
)
PREFER = '[rules]\nprefer = ["crm", "clinic", "legacy"]\n'


def override(**said: str) -> str:
    return "[[rules.override]]\n" + "".join(f'{k} = "{v}"\n' for k, v in said.items())


def test_overrides_apply_by_provider_system_and_kind_in_their_order(
    config_file: ConfigFile,
) -> None:
    settings = config_file.load(
        ALL
        + PREFER
        + override(provider="alice", system="legacy", kind="moved_apart", choice="hold")
        + override(provider="alice", choice="prefer")
        + override(kind="block_edited", choice="reschedule")
    )
    alice, bob = (provider_rules(settings, name) for name in ("alice", "bob"))
    apart, edited = ConflictKind.MOVED_APART, ConflictKind.BLOCK_EDITED
    assert (
        str(alice.effective_rule(apart, ("crm", "legacy")))
        == "moved_apart = hold (rules.override[0])"
    )
    assert (
        str(alice.effective_rule(apart, ("crm", "clinic")))
        == "moved_apart = prefer (rules.override[1])"
    )
    assert str(bob.effective_rule(apart, ("crm", "clinic"))) == "moved_apart = latest"
    assert bob.effective_rule(edited, ("crm",)).choice is Choice.RESCHEDULE


def test_next_free_and_working_hours_reach_the_rules(config_file: ConfigFile) -> None:
    own = '[providers.bob]\nhours = "Sat 09:00-13:00"\n[providers.bob.'
    text = ALL.replace("[providers.bob.", own)
    settings = config_file.load(
        '[syncd]\nzone = "Europe/Berlin"\n' + text + '[rules]\nnext_free = { within = "2h" }\n'
    )
    alice, bob = (provider_rules(settings, name).search for name in ("alice", "bob"))
    assert alice.within.total_seconds() == 7200
    assert alice.hours.zone == "Europe/Berlin"
    assert [s.opens for s in alice.hours.spans] == [6 * 60]
    assert [(sorted(s.days), s.opens, s.closes) for s in bob.hours.spans] == [([5], 540, 780)]


NEVER = [
    ("a provider that there is not", override(provider="alise", choice="hold"), "no provider"),
    ("a system that there is not", override(system="crn", choice="hold"), "no system"),
    ("a kind that there is not", override(kind="moved", choice="hold"), "no kind"),
    ("a kind without a choice", override(kind="guard", choice="hold"), "are always held"),
    ("a choice of another kind", override(kind="moved_apart", choice="release"), "is not a choice"),
    (
        "a system that the provider is not kept in",
        override(provider="bob", system="legacy", kind="moved_apart", choice="hold"),
        "bob has no calendar in legacy",
    ),
    (
        "a provider of one system",
        override(provider="carol", kind="moved_apart", choice="hold"),
        "with a calendar in one system only, nothing can differ",
    ),
    (
        "one that says it already",
        override(choice="hold") + override(provider="bob", kind="slot_taken", choice="revert"),
        "rules.override[0] comes first",
    ),
    (
        "two that say it together",
        override(system="crm", kind="slot_taken", choice="revert")
        + override(system="clinic", kind="slot_taken", choice="revert")
        + override(provider="bob", kind="slot_taken", choice="hold"),
        "comes first",
    ),
    (
        "bob's conflicts of both his systems",
        override(system="crm", kind="moved_apart", choice="hold")
        + override(provider="bob", system="clinic", kind="moved_apart", choice="latest"),
        "rules.override[0] comes first",
    ),
]


@pytest.mark.parametrize(("name", "text", "reason"), NEVER)
def test_an_override_that_can_never_match_is_refused(
    config_file: ConfigFile, name: str, text: str, reason: str
) -> None:
    problem = config_file.problem(ALL + text)
    assert reason in problem.reason, name
    assert problem.key.startswith("rules.override[")


def test_an_override_after_a_narrower_one_still_matches(config_file: ConfigFile) -> None:
    config_file.load(
        ALL
        + override(system="crm", kind="moved_apart", choice="hold")
        + override(provider="alice", system="clinic", kind="moved_apart", choice="latest")
    )


READ_ONLY = SMALL.replace('"alice@example.com" }', '"alice@example.com", write = false }')
CONTRADICTIONS = [
    ("prefer without an order", ALL + '[rules]\nmoved_apart = "prefer"', "comes first"),
    (
        "prefer that leaves two open",
        ALL + '[rules]\nprefer = ["crm"]\nmoved_apart = "prefer"',
        'which of "clinic" or "legacy" comes first (provider alice)',
    ),
    (
        "an override that prefers without an order",
        ALL + override(provider="bob", kind="moved_apart", choice="prefer"),
        "comes first",
    ),
    (
        "a meeting is to follow a block, but all others are read-only",
        READ_ONLY + '[rules]\nblock_edited = "reschedule"',
        "all other systems are read-only",
    ),
    (
        "an edited block where none is made",
        READ_ONLY + override(system="crm", kind="block_edited", choice="release"),
        "syncd never writes to crm",
    ),
]


@pytest.mark.parametrize(("name", "text", "reason"), CONTRADICTIONS)
def test_a_contradiction_is_refused(
    config_file: ConfigFile, name: str, text: str, reason: str
) -> None:
    assert reason in config_file.problem(text).reason, name


def test_every_choice_loads(config_file: ConfigFile) -> None:
    for line in (
        'block_edited = "reschedule"',
        'block_edited = "release"',
        'slot_taken = "revert"',
        'slot_taken = "next-free"',
        'double_booked = "hold"',
    ):
        kind, _, choice = line.partition(" = ")
        assert getattr(config_file.load(SMALL + f"[rules]\n{line}").rules, kind) == choice.strip(
            '"'
        )


@pytest.mark.parametrize(
    ("hours", "reason"),
    [
        ('"9-17"', "not valid working hours"),
        ('"18:00-08:00"', "the hours end before they begin"),
        ('"Foo 08:00-18:00"', "unknown day"),
        ("7", "not valid working hours"),
    ],
)
def test_hours_that_are_none_are_refused(config_file: ConfigFile, hours: str, reason: str) -> None:
    assert config_file.problem(f"[syncd]\nhours = {hours}\n{SMALL}").reason == reason
