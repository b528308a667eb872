"""Matching of users: one named row per case, and properties over generated inputs."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.config.fields import is_name
from syncd.provision.matching import (
    MatchEvidence,
    Matching,
    UserRef,
    match_users,
    normalize_name,
    provider_name,
)


def crm(name: str = "", email: str = "", phone: str = "", id: str = "1") -> UserRef:
    return UserRef("crm", id, name, email, phone)


def clinic(name: str = "", email: str = "", phone: str = "", id: str = "1") -> UserRef:
    return UserRef("clinic", id, name, email, phone)


def legacy(name: str = "", email: str = "", phone: str = "", id: str = "1") -> UserRef:
    return UserRef("legacy", id, name, email, phone)


def pairs(found: Matching) -> set[tuple[str, ...]]:
    return {tuple(f"{s.system}{s.id}" for s in p.users) for p in found.proposals}


A = "alice@example.com"
CASES = {
    "one e-mail in three systems": (
        [crm("Alice", A), clinic("A. Adams", A), legacy("Al", A)],
        {("clinic1", "crm1", "legacy1")},
        MatchEvidence.EMAIL,
    ),
    "the case of an e-mail does not count": (
        [crm("Alice", "Alice@Example.com "), clinic("Alice", A)],
        {("clinic1", "crm1")},
        MatchEvidence.EMAIL,
    ),
    "one name in other accents and case": (
        [crm("José Núñez"), clinic("jose NUNEZ", "jn@example.com")],
        {("clinic1", "crm1")},
        MatchEvidence.NAME,
    ),
    "a name in decomposed letters": (
        [crm("Zoe\u0308 Ångström"), clinic("Zoë A\u030angstro\u0308m")],
        {("clinic1", "crm1")},
        MatchEvidence.NAME,
    ),
    "letters with strokes": (
        [crm("Søren Łukasz"), clinic("Soren Lukasz")],
        {("clinic1", "crm1")},
        MatchEvidence.NAME,
    ),
    "a phone, differently spelt": (
        [crm("Dr. Adams", phone="+49 30 555010"), clinic("Alice", phone="+4930555010")],
        {("clinic1", "crm1")},
        MatchEvidence.PHONE,
    ),
    "e-mail in two systems, name in the third": (
        [crm("Alice Adams", A), clinic("Alice", A), legacy("alice adams")],
        {("clinic1", "crm1", "legacy1")},
        MatchEvidence.NAME,
    ),
    "e-mail beats name": (
        [crm("Alice", A), clinic("Alice", "b@example.com"), clinic("Bob", A, id="2")],
        {("clinic2", "crm1")},
        MatchEvidence.EMAIL,
    ),
    "name beats phone": (
        [crm("Alice", phone="+4930555010"), clinic("Alice"),
         clinic("Bob", phone="+4930555010", id="2")],
        {("clinic1", "crm1")},
        MatchEvidence.NAME,
    ),
    "two users with one e-mail are told apart by name": (
        [crm("Alice", A), crm("Bob", A, id="2"), clinic("Alice", A), clinic("Bob", id="2")],
        {("clinic1", "crm1"), ("clinic2", "crm2")},
        MatchEvidence.NAME,
    ),
    "an ambiguous system does not keep the others apart": (
        [crm("X", A), crm("Y", A, id="2"), clinic("Z", A), legacy("W", A)],
        {("clinic1", "legacy1")},
        MatchEvidence.EMAIL,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("users", "expected", "ground"), CASES.values(), ids=CASES)
def test_which_users_are_joined(
    users: list[UserRef], expected: set[tuple[str, ...]], ground: MatchEvidence
) -> None:
    found = match_users(users)
    assert pairs(found) == expected
    assert {p.ground for p in found.proposals} == {ground}


APART = {
    "nothing in common": [crm("Alice", A), clinic("Bob", "b@example.com")],
    "empty names": [crm(""), clinic("")],
    "odd addresses": [crm("A", "none"), clinic("B", "none")],
    "one system only": [crm("Alice", A), crm("Alice", A, id="2")],
    "two of one name": [crm("Alice"), clinic("Alice"), clinic("alice", id="2")],
    "a phone of the house": [
        crm("A", phone="+4930555010"),
        clinic("B", phone="+4930555010"),
        clinic("C", phone="+4930555010", id="2"),
    ],
    "a phone without its country": [crm("A", phone="030 555010"), clinic("B", phone="030 555010")],
}


@pytest.mark.parametrize("users", APART.values(), ids=APART)
def test_which_users_are_not_joined(users: list[UserRef]) -> None:
    found = match_users(users)
    assert found.proposals == ()
    assert set(found.alone) == set(users)


def test_a_phone_without_its_country_is_read_in_the_region_that_is_given() -> None:
    users = [crm("A", phone="030 555010"), clinic("B", phone="+49 30 555010")]
    assert pairs(match_users(users, region="de")) == {("clinic1", "crm1")}


def test_the_evidence_names_every_ground_and_each_spelling() -> None:
    users = [crm("José", A, "+4930555010"), clinic("jose", "Alice@example.com")]
    (proposal,) = match_users(users).proposals
    assert [str(e) for e in proposal.evidence] == [
        "e-mail Alice@example.com = alice@example.com (different spellings)",
        "name jose = José (different spellings)",
    ]
    assert proposal.cautions == ()


def test_the_cautions_of_a_proposal_are_listed() -> None:
    (proposal,) = match_users([crm("Alice", A), clinic("Alice", "a2@example.com")]).proposals
    assert proposal.ground is MatchEvidence.NAME
    assert proposal.cautions == ("the e-mail addresses differ: a2@example.com, alice@example.com",)


def test_a_shared_email_is_reported_even_if_both_users_match() -> None:
    users = [crm("Alice", A), crm("Bob", A, id="2"), clinic("Alice", A)]
    found = match_users(users)
    (doubt,) = found.ambiguous
    assert (doubt.ground, doubt.shared) == (MatchEvidence.EMAIL, A)
    assert {(s.system, s.id) for s in doubt.users} == {("crm", "1"), ("crm", "2"), ("clinic", "1")}
    (proposal,) = found.proposals
    assert proposal.cautions == ("the e-mail address is also that of Bob in crm",)


def test_a_shared_name_is_reported_only_if_a_user_stays_unmatched() -> None:
    b = "b@example.com"
    apart = [crm("Al", A), crm("Al", b, id="2"), clinic("Al", A), clinic("Al", b, id="2")]
    assert match_users(apart).ambiguous == ()
    assert [d.ground for d in match_users([*apart, legacy("al")]).ambiguous] == [MatchEvidence.NAME]


@pytest.mark.parametrize(
    ("users", "taken", "name"),
    [
        ([crm("Alice Adams")], (), "alice-adams"),
        ([crm("  Dr. José  Núñez (MD) ")], (), "dr-jose-nunez-md"),
        ([crm("Alice")], ("alice",), "alice-2"),
        ([crm("Alice")], ("alice", "alice-2"), "alice-3"),
        ([crm("王芳", "wang.fang@example.com")], (), "wang-fang"),
        ([crm(""), clinic("Bob")], (), "bob"),
        ([crm("王芳")], (), "person"),
        ([crm("x" * 60)], (), "x" * 40),
    ],
)
def test_a_provider_gets_a_name_that_a_configuration_allows(
    users: list[UserRef], taken: tuple[str, ...], name: str
) -> None:
    assert provider_name(users, taken) == name


names = st.sampled_from(["Alice", "alice", "Àlice", "Bob", "Bób", "王芳", "", " "]) | st.text(
    max_size=4
)
emails = st.sampled_from(["", A, "Alice@Example.com", "bob@example.com", "odd"])
phones = st.sampled_from(["", "+4930555010", "+49 30 555010", "+4930555011", "12"])
systems = st.sampled_from(["crm", "clinic", "legacy"])
ids = st.integers(1, 6).map(str)
worlds = st.lists(
    st.builds(UserRef, systems, ids, names, emails, phones),
    max_size=12,
    unique_by=lambda user: (user.system, user.id),
)


@given(worlds)
def test_each_seat_is_in_one_place_and_no_proposal_holds_two_of_one_system(
    users: list[UserRef],
) -> None:
    found = match_users(users)
    placed = [user for p in found.proposals for user in p.users] + list(found.alone)
    assert sorted(placed) == sorted(users)
    for proposal in found.proposals:
        homes = [user.system for user in proposal.users]
        assert len(set(homes)) == len(homes) > 1


@given(worlds, st.randoms())
def test_the_order_of_the_users_does_not_matter(users: list[UserRef], chance: object) -> None:
    shuffled = list(users)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert match_users(shuffled) == match_users(users)


@given(worlds)
def test_all_users_of_a_proposal_hang_together_by_its_evidence(users: list[UserRef]) -> None:
    for proposal in match_users(users).proposals:
        reached = {proposal.users[0].system}
        for _ in proposal.users:
            for evidence in proposal.evidence:
                if reached & set(evidence.systems):
                    reached |= set(evidence.systems)
        assert reached == {user.system for user in proposal.users}


@given(worlds)
def test_a_unique_email_always_matches(users: list[UserRef]) -> None:
    home = {user: p.name for p in match_users(users).proposals for user in p.users}
    for one, other in combinations(users, 2):
        address = one.email.strip().casefold()
        sharing = [s for s in users if s.email.strip().casefold() == address]
        unique = len({s.system for s in sharing}) == len(sharing)
        if "@" in address and address == other.email.strip().casefold() and unique:
            assert home[one] == home[other]


@given(worlds, st.lists(st.sampled_from(["alice", "bob", "person"])))
def test_provider_names_are_valid_unlike_and_not_taken(
    users: list[UserRef], taken: list[str]
) -> None:
    given_names = [p.name for p in match_users(users, taken=taken).proposals]
    assert len(set(given_names)) == len(given_names)
    assert not set(given_names) & set(taken)
    assert all(is_name(name) for name in given_names)


@given(st.text())
def test_folding_twice_is_folding_once(name: str) -> None:
    assert normalize_name(normalize_name(name)) == normalize_name(name)
    assert normalize_name(name) == normalize_name(f" {name} ")
