"""`syncd discover`: the inventory of each system, read with credentials only."""

from __future__ import annotations

import json

import pytest

from syncd.sandbox import Fault, FaultKind
from syncd.sandbox.leadconnector.associations_api import AssociationRecord
from tests.cli.conftest import Desk


def _only_credentials(desk: Desk) -> None:
    desk.path.write_text(desk.path.read_text().split("[providers")[0])


def test_discover_needs_only_credentials_to_show_every_system(desk: Desk) -> None:
    _only_credentials(desk)
    seat = desk.world.seed_users["clinic", "alice"]
    clinic = desk.world.sandbox.clinic
    clinic.resources.add("rooms", "yoga room", calendars=(seat.calendar,), capacity=12)
    clinic.resources.add("equipments", "laser", calendars=(seat.calendar,), quantity=3)
    ends = ("contact", "patient", "custom_objects.visits", "visit")
    clinic.associations.all["a1"] = AssociationRecord("a1", "visit", *ends)
    said = desk.say("discover")
    assert said.code == 0
    for words in (
        "crm · LeadSquared",
        "clinic · LeadConnector v2 · clinic · " + clinic.location_id,
        "legacy · LeadConnector v1",
        "Europe/Berlin",
        f"Alice's calendar  {seat.calendar}  personal  Alice  Staff",
        "yoga room",
        "3 pieces",
        "contact -> custom_objects.visits",
        "usable for blocks",
        "teams (1)",
        "services (3)",
    ):
        assert words in said.out
    assert max(map(len, said.out.splitlines())) <= 100


def test_the_json_has_one_shape_for_all_platforms(desk: Desk) -> None:
    _only_credentials(desk)
    desk.world.sandbox.clinic.resources.add("rooms", "yoga room")
    systems = json.loads(desk.say("discover", "--json").out)["systems"]
    assert set(systems) == {"crm", "clinic", "legacy"}
    keys = {
        "platform", "account", "name", "zone", "users", "calendars", "groups", "rooms",
        "equipment", "associations", "types", "findings",
    }  # fmt: skip
    assert {frozenset(tree) for tree in systems.values()} == {frozenset(keys)}
    (room,) = systems["clinic"]["rooms"]
    assert (room["name"], systems["clinic"]["equipment"]) == ("yoga room", [])
    assert set(systems["crm"]["users"][0]) == {"id", "name", "email", "phone", "zone", "active"}


def test_discover_reports_a_silent_system_and_shows_the_others(desk: Desk) -> None:
    desk.world.sandbox.legacy.faults.add(Fault(FaultKind.UNAUTHORISED))
    said = desk.say("discover")
    assert said.code == 4
    assert "crm · LeadSquared" in said.out
    assert "api_key of [systems.legacy]" in " ".join(said.out.split())


def test_two_users_with_one_address_are_reported_with_a_remedy(desk: Desk) -> None:
    desk.world.sandbox.clinic.add_user("Robert", "BOB@example.com")
    (finding,) = json.loads(desk.say("discover", "--json").out)["findings"]
    assert "several users have the e-mail address bob@example.com" in finding["message"]
    assert finding["subject"] == "clinic"
    assert "deactivate one" in finding["remedy"]


def test_names_that_differ_only_in_case_or_accents_are_reported(desk: Desk) -> None:
    clinic = desk.world.sandbox.clinic
    clinic.add_user("Zoé", "z1@example.com")
    clinic.add_user("ZOE", "z2@example.com")
    (finding,) = json.loads(desk.say("discover", "--json").out)["findings"]
    assert "differ at most in case or accents" in finding["message"]
    assert "Zoé" in finding["message"]
    assert "ZOE" in finding["message"]


def test_a_mapped_user_that_does_not_exist_is_named(desk: Desk) -> None:
    user = desk.world.seed_users["clinic", "bob"].user
    desk.path.write_text(desk.path.read_text().replace(user, "nobody"))
    (finding,) = json.loads(desk.say("discover", "--json").out)["findings"]
    assert (finding["subject"], finding["message"]) == (
        "clinic: bob",
        "nobody does not exist there",
    )


def test_if_no_mapped_user_exists_the_key_is_for_another_location(desk: Desk) -> None:
    legacy = desk.world.sandbox.legacy
    legacy.users.clear()
    legacy.calendars.clear()
    (finding,) = json.loads(desk.say("discover", "--json").out)["findings"]
    assert "the key may belong to another location" in finding["message"]
    assert legacy.location_id in finding["message"]
    assert "[systems.legacy]" in finding["remedy"]


@pytest.mark.parametrize("system", ["crm", "clinic", "legacy"])
def test_an_empty_list_of_users_reports_no_mapped_user_as_missing(desk: Desk, system: str) -> None:
    platform = desk.world.sandbox.systems[system]
    platform.faults.add(Fault(FaultKind.EMPTY, path=".*[Uu]sers.*"))
    said = desk.say("discover", "--json")
    assert said.code == 0
    shown = json.loads(said.out)
    assert shown["findings"] == []
    (finding,) = shown["systems"][system]["findings"]
    assert "the user list is empty" in finding["message"]
    assert (len(shown["systems"][system]["users"]) > 0) is (system != "crm")


def test_a_provider_mapped_only_by_calendar_gets_a_warning_on_unseen_events(desk: Desk) -> None:
    user = desk.world.seed_users["clinic", "bob"].user
    text = desk.path.read_text()
    assert f'user = "{user}", ' in text
    desk.path.write_text(text.replace(f'user = "{user}", ', ""))
    (finding,) = json.loads(desk.say("discover", "--json").out)["findings"]
    assert (finding["level"], finding["subject"]) == ("warning", "clinic: bob")
    assert "Google and Outlook is listed by user only" in finding["message"]
    checked = " ".join(desk.say("check").out.split())
    assert "Google and Outlook is listed by user only" in checked


@pytest.mark.parametrize("broken", ["[systems.crm]", "base_url"])
def test_a_configuration_without_usable_accounts_exits_with_two(desk: Desk, broken: str) -> None:
    desk.path.write_text(desk.path.read_text().replace(broken, "[rules]\nx", 1))
    said = desk.say("discover")
    assert said.code == 2
    assert str(desk.path) in said.err.replace("\n", "")


def test_check_names_the_scope_that_a_token_lacks(desk: Desk) -> None:
    desk.world.sandbox.clinic.scopes = frozenset(
        {"locations.readonly", "calendars.readonly", "users.readonly"}
    )
    said = desk.say("check")
    told = " ".join(said.out.split())
    assert said.code == 2
    assert "clinic: appointment list" in told
    assert "calendars/events.readonly is missing" in told
    assert "edit the integration under Settings, Private Integrations" in told
