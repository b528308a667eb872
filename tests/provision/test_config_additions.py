"""The additions of a matching to an existing mapping, and the line that maps a user."""

from __future__ import annotations

from syncd.config.settings import (
    LeadConnectorCalendar,
    LeadConnectorV1Calendar,
    LeadSquaredCalendar,
    ProviderSettings,
)
from syncd.provision.config_additions import additions, calendar_line, find_user, owners_of
from syncd.provision.directory import user_refs
from syncd.provision.matching import UserRef, match_users
from syncd.systems.inventory import CalendarInfo, GroupInfo, SystemInventory, UserInfo

A, B = "alice@example.com", "bob@example.com"
CRM = SystemInventory(
    system="crm",
    platform="leadsquared",
    users=(
        UserInfo("g1", "Alice", A),
        UserInfo("g2", "Bob", B),
        UserInfo("g3", "Gone", "g@example.com", active=False),
    ),
)
CLINIC = SystemInventory(
    system="clinic",
    platform="leadconnector",
    users=(UserInfo("u1", "Alice", A), UserInfo("u2", "Bob", B)),
    calendars=(
        CalendarInfo("c1", "Alice's", "personal", ("u1",)),
        CalendarInfo("c2", "Both", "round_robin", ("u1", "u2")),
    ),
)
LEGACY = SystemInventory(
    system="legacy",
    platform="leadconnector-v1",
    users=(UserInfo("v1", "Alice", A), UserInfo("v2", "Bob", B)),
    calendars=(
        CalendarInfo("s1", "All", "service", ("v1", "v2"), "t1"),
        CalendarInfo("s2", "Alice only", "service", ("v1",), "t1"),
        CalendarInfo("s0", "Old", "service", ("v1",), "t1", active=False),
    ),
    groups=(GroupInfo("t1", "Team", ("v1", "v2")),),
)
TREES = (CRM, CLINIC, LEGACY)


def provider(**calendars: object) -> ProviderSettings:
    return ProviderSettings.model_construct(kind="person", zone=None, calendars=calendars)


def added(providers: dict[str, ProviderSettings]) -> dict[str, set[str]]:
    proposals = match_users(user_refs(TREES), taken=set(providers)).proposals
    found = additions(proposals, owners_of(TREES, providers), providers)
    return {p.name: {f"{s.system}:{s.id}" for s in p.users} for p in found}


def test_to_nothing_everything_is_added() -> None:
    assert added({}) == {
        "alice": {f"crm:{A}", "clinic:u1", "legacy:v1"},
        "bob": {f"crm:{B}", "clinic:u2", "legacy:v2"},
    }


def test_a_known_provider_gets_the_systems_that_it_lacks_under_its_own_name() -> None:
    known = {
        "dr-a": provider(
            crm=LeadSquaredCalendar(user="ALICE@example.com"),
            clinic=LeadConnectorCalendar(user="u1"),
        )
    }
    assert added(known)["dr-a"] == {"legacy:v1"}
    assert "alice" not in added(known)


def test_a_fully_mapped_user_is_not_proposed_again() -> None:
    known = {
        "alice": provider(
            crm=LeadSquaredCalendar(user=A),
            clinic=LeadConnectorCalendar(user="u1"),
            legacy=LeadConnectorV1Calendar(user="v1"),
        )
    }
    assert set(added(known)) == {"bob"}


def test_an_existing_line_is_never_replaced() -> None:
    known = {
        "alice": provider(crm=LeadSquaredCalendar(user=A), clinic=LeadConnectorCalendar(user="u9"))
    }
    assert added(known)["alice"] == {"legacy:v1"}


def test_two_providers_are_never_merged() -> None:
    known = {
        "a": provider(crm=LeadSquaredCalendar(user=A)),
        "b": provider(clinic=LeadConnectorCalendar(user="u1")),
    }
    assert set(added(known)) == {"bob"}


def test_a_calendar_without_a_user_claims_its_team() -> None:
    known = {
        "room": provider(clinic=LeadConnectorCalendar(calendars=("c1",))),
        "hall": provider(legacy=LeadConnectorV1Calendar(team="t1")),
    }
    assert owners_of(TREES, known) == {
        ("clinic", "u1"): "room",
        ("legacy", "v1"): "hall",
        ("legacy", "v2"): "hall",
    }
    one = {"one": provider(legacy=LeadConnectorV1Calendar(calendar="s2", team="t1"))}
    assert owners_of(TREES, one) == {("legacy", "v1"): "one"}


def test_the_line_of_each_platform_names_what_can_be_read_and_blocked() -> None:
    assert calendar_line(CRM, UserRef("crm", A, "Alice", A)).values == {"user": A}
    clinic = calendar_line(CLINIC, UserRef("clinic", "u1", "Alice"))
    assert clinic.values == {"user": "u1"}
    assert clinic.comment == "Alice: Alice's, Both"
    legacy = calendar_line(LEGACY, UserRef("legacy", "v1", "Alice"))
    assert legacy.values == {"calendar": "s2", "user": "v1"}
    assert calendar_line(LEGACY, UserRef("legacy", "v2")).values == {"calendar": "s1", "user": "v2"}
    assert calendar_line(LEGACY, UserRef("legacy", "v9")).values == {"user": "v9"}


def test_a_user_is_found_by_id_address_or_name_unless_several_are_meant() -> None:
    assert find_user(CLINIC, "u2") == UserRef("clinic", "u2", "Bob", B)
    assert find_user(CLINIC, " BOB@example.com ") == UserRef("clinic", "u2", "Bob", B)
    assert find_user(CRM, "alice") == UserRef("crm", A, "Alice", A)
    assert find_user(CRM, "Gone") is None
    assert find_user(CRM, "") is None
    double = SystemInventory(
        system="x", platform="leadconnector", users=(UserInfo("1", "Bo"), UserInfo("2", "bo"))
    )
    assert find_user(double, "Bo") is None
