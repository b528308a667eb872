"""Which rule applies: the table, its overrides, and how `check` explains them."""

from __future__ import annotations

import pytest

from syncd.core.merging.rules import (
    CHOICES,
    Choice,
    Override,
    Rules,
    all_overrides,
    all_rules,
    explain,
)
from syncd.model import ConflictKind as Kind


def override(choice: Choice, kind: Kind, *systems: str, place: str = "o") -> Override:
    return Override(choice, frozenset({kind}), frozenset(systems), place)


APART, EDITED = Kind.MOVED_APART, Kind.BLOCK_EDITED

CASES = [
    ("no override: the default", (), APART, "ab", "moved_apart = latest"),
    (
        "an override for any system",
        (override(Choice.HOLD, APART),),
        APART,
        "ab",
        "moved_apart = hold (o)",
    ),
    (
        "an override for an involved system",
        (override(Choice.HOLD, APART, "b"),),
        APART,
        "ab",
        "moved_apart = hold (o)",
    ),
    (
        "an override for another system",
        (override(Choice.HOLD, APART, "c"),),
        APART,
        "ab",
        "moved_apart = latest",
    ),
    (
        "an override for another kind",
        (override(Choice.RELEASE, EDITED),),
        APART,
        "ab",
        "moved_apart = latest",
    ),
    (
        "the first that matches wins",
        (
            override(Choice.HOLD, APART, "c", place="1"),
            override(Choice.PREFER, APART, "a", place="2"),
            override(Choice.HOLD, APART, place="3"),
        ),
        APART,
        "ab",
        "moved_apart = prefer (2)",
    ),
    ("a kind without a choice", (), Kind.QUARANTINED, "a", "quarantined = hold"),
]


@pytest.mark.parametrize(("name", "overrides", "kind", "involved", "law"), CASES)
def test_the_first_rule_that_matches_applies(
    name: str, overrides: tuple[Override, ...], kind: Kind, involved: str, law: str
) -> None:
    assert str(Rules(overrides=overrides).effective_rule(kind, involved)) == law, name


def test_an_explanation_ends_with_the_default_rule() -> None:
    rules = Rules(
        overrides=(
            override(Choice.HOLD, APART, "b", place="1"),
            override(Choice.PREFER, APART, place="2"),
            override(Choice.LATEST, APART, place="3"),
        )
    )
    told = [(system, str(law)) for system, law in explain(rules, APART, ("a", "b"))]
    assert told == [("b", "moved_apart = hold (1)"), ("", "moved_apart = prefer (2)")]
    assert [s for s, _ in explain(rules, APART, ("a", "c"))] == [""]
    assert [str(law) for _, law in explain(rules, EDITED, ("a",))] == ["block_edited = restore"]


def test_every_table_and_every_override_can_be_drawn() -> None:
    tables = list(all_rules(("a",)))
    assert len(set(tables)) == len(tables) == 3 * 3 * 3 * 3 * 3 * 2
    for kind, choices in CHOICES.items():
        assert {rules.effective_rule(kind, ()).choice for rules in tables} == set(choices)
    assert len(list(all_overrides("ab"))) == (3 + 3 + 3 + 3 + 3 + 2) * 3
