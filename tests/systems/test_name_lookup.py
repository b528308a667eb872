"""A name is resolved to one id, or an error explains why not."""

from __future__ import annotations

import pytest

from syncd.systems.name_lookup import fold_name, resolve_name
from syncd.systems.provisioning import UnresolvedError

USERS = {
    "1": ("alice@example.com", "Alice"),
    "2": ("bob@example.com", "Bób"),
    "3": ("dora@example.com", "Dora"),
    "4": ("dora@example.com", "Dora the Second"),
}


@pytest.mark.parametrize(("said", "id"), [("1", "1"), ("Alice", "1"), ("bob@example.com", "2")])
def test_an_id_or_a_name_of_one_is_found(said: str, id: str) -> None:
    assert resolve_name(said, USERS, "user", "here") == id


@pytest.mark.parametrize(
    ("said", "reason", "remedy"),
    [
        ("dora@example.com", '2 users in here are called "dora@example.com"', "3, 4"),
        ("Bob", '"Bób" differs only in case or accents', "exactly the same spelling"),
        ("alice", '"Alice" differs only in case or accents', "exactly the same spelling"),
        ("Alise", 'no user in here is called "Alise"', 'Did you mean "Alice"?'),
        ("zzz", 'no user in here is called "zzz"', 'Existing names: "Alice"'),
    ],
)
def test_each_failed_lookup_has_its_own_message(said: str, reason: str, remedy: str) -> None:
    with pytest.raises(UnresolvedError) as caught:
        resolve_name(said, USERS, "user", "here")
    assert reason in caught.value.reason
    assert remedy in caught.value.remedy


def test_a_message_says_that_no_name_exists() -> None:
    with pytest.raises(UnresolvedError, match="None exists yet"):
        resolve_name("x", {}, "room", "here")


def test_names_that_people_take_for_the_same_are_the_same_folded() -> None:
    assert fold_name("  Yóga   ROOM ") == fold_name("yoga room")
