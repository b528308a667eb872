"""`syncd discover`: the inventory of each system, read with credentials only."""

from __future__ import annotations

import json

import pytest

from syncd.lab.sandbox import Fault, FaultKind
from syncd.lab.sandbox.leadconnector.associations_api import AssociationRecord
from tests.cli.conftest import CliHarness


def _only_credentials(cli: CliHarness) -> None:
    cli.path.write_text(cli.path.read_text().split("[providers")[0])


def test_discover_needs_only_credentials_to_show_every_system(cli: CliHarness) -> None:
    _only_credentials(cli)
    seat = cli.world.seed_users["clinic", "alice"]
    clinic = cli.world.sandbox.clinic
    clinic.resources.add("rooms", "yoga room", calendars=(seat.calendar,), capacity=12)
    clinic.resources.add("equipments", "laser", calendars=(seat.calendar,), quantity=3)
    ends = ("contact", "patient", "custom_objects.visits", "visit")
    clinic.associations.all["a1"] = AssociationRecord("a1", "visit", *ends)
    result = cli.run("discover")
    assert result.code == 0
    for words in (
        "crm · LeadSquared",
        "clinic · LeadConnector v2 · clinic · " + clinic.location_id,
        "legacy · LeadConnector v1",
        "Europe/Berlin",
        f"Alice's calendar  {seat.calendar}  personal  Alice  Staff",
        "yoga room",
        "3 units",
        "contact -> custom_objects.visits",
        "usable for blocks",
        "teams (1)",
        "services (3)",
    ):
        assert words in result.out
    assert max(map(len, result.out.splitlines())) <= 100


def test_the_json_has_one_shape_for_all_platforms(cli: CliHarness) -> None:
    _only_credentials(cli)
    cli.world.sandbox.clinic.resources.add("rooms", "yoga room")
    systems = json.loads(cli.run("discover", "--json").out)["systems"]
    assert set(systems) == {"crm", "clinic", "legacy"}
    keys = {
        "platform", "account", "name", "zone", "users", "calendars", "groups", "rooms",
        "equipment", "associations", "types", "findings",
    }  # fmt: skip
    assert {frozenset(tree) for tree in systems.values()} == {frozenset(keys)}
    (room,) = systems["clinic"]["rooms"]
    assert (room["name"], systems["clinic"]["equipment"]) == ("yoga room", [])
    assert set(systems["crm"]["users"][0]) == {"id", "name", "email", "phone", "zone", "active"}


def test_discover_reports_a_silent_system_and_shows_the_others(cli: CliHarness) -> None:
    cli.world.sandbox.legacy.faults.add(Fault(FaultKind.UNAUTHORISED))
    result = cli.run("discover")
    assert result.code == 4
    assert "crm · LeadSquared" in result.out
    assert "api_key in [systems.legacy]" in " ".join(result.out.split())


def test_two_users_with_one_address_are_reported_with_a_remedy(cli: CliHarness) -> None:
    cli.world.sandbox.clinic.add_user("Robert", "BOB@example.com")
    (finding,) = json.loads(cli.run("discover", "--json").out)["findings"]
    assert "several users have the e-mail address bob@example.com" in finding["message"]
    assert finding["subject"] == "clinic"
    assert "separate address" in finding["remedy"]


def test_names_that_differ_only_in_case_or_accents_are_reported(cli: CliHarness) -> None:
    clinic = cli.world.sandbox.clinic
    clinic.add_user("Zoé", "z1@example.com")
    clinic.add_user("ZOE", "z2@example.com")
    (finding,) = json.loads(cli.run("discover", "--json").out)["findings"]
    assert "differ at most in case or accents" in finding["message"]
    assert "Zoé" in finding["message"]
    assert "ZOE" in finding["message"]


def test_a_mapped_user_that_does_not_exist_is_named(cli: CliHarness) -> None:
    user = cli.world.seed_users["clinic", "bob"].user
    cli.path.write_text(cli.path.read_text().replace(user, "nobody"))
    (finding,) = json.loads(cli.run("discover", "--json").out)["findings"]
    assert (finding["subject"], finding["message"]) == (
        "clinic: bob",
        "nobody does not exist in clinic",
    )


def test_if_no_mapped_user_exists_the_key_is_for_another_location(cli: CliHarness) -> None:
    legacy = cli.world.sandbox.legacy
    legacy.users.clear()
    legacy.calendars.clear()
    (finding,) = json.loads(cli.run("discover", "--json").out)["findings"]
    assert "the key may belong to another location" in finding["message"]
    assert legacy.location_id in finding["message"]
    assert "[systems.legacy]" in finding["remedy"]


@pytest.mark.parametrize("system", ["crm", "clinic", "legacy"])
def test_an_empty_list_of_users_reports_no_mapped_user_as_missing(
    cli: CliHarness, system: str
) -> None:
    platform = cli.world.sandbox.systems[system]
    platform.faults.add(Fault(FaultKind.EMPTY, path=".*[Uu]sers.*"))
    result = cli.run("discover", "--json")
    assert result.code == 0
    shown = json.loads(result.out)
    assert shown["findings"] == []
    (finding,) = shown["systems"][system]["findings"]
    assert "the user list is empty" in finding["message"]
    assert (len(shown["systems"][system]["users"]) > 0) is (system != "crm")


def test_a_provider_mapped_only_by_calendar_gets_a_warning_on_unseen_events(
    cli: CliHarness,
) -> None:
    user = cli.world.seed_users["clinic", "bob"].user
    text = cli.path.read_text()
    assert f'user = "{user}", ' in text
    cli.path.write_text(text.replace(f'user = "{user}", ', ""))
    (finding,) = json.loads(cli.run("discover", "--json").out)["findings"]
    assert (finding["level"], finding["subject"]) == ("warning", "clinic: bob")
    assert "Google and Outlook by user only" in finding["message"]
    checked = " ".join(cli.run("check").out.split())
    assert "Google and Outlook by user only" in checked


@pytest.mark.parametrize("broken", ["[systems.crm]", "base_url"])
def test_a_configuration_without_usable_accounts_exits_with_two(
    cli: CliHarness, broken: str
) -> None:
    cli.path.write_text(cli.path.read_text().replace(broken, "[rules]\nx", 1))
    result = cli.run("discover")
    assert result.code == 2
    assert str(cli.path) in result.err.replace("\n", "")


def test_check_names_the_scope_that_a_token_lacks(cli: CliHarness) -> None:
    cli.world.sandbox.clinic.scopes = frozenset(
        {"locations.readonly", "calendars.readonly", "users.readonly"}
    )
    result = cli.run("check")
    text = " ".join(result.out.split())
    assert result.code == 2
    assert "clinic: appointment list" in text
    assert "lacks the scope calendars/events.readonly" in text
    assert "edit the integration under Settings, Private Integrations" in text
