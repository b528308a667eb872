"""`syncd provision` with the sandbox: plans, creates, and creates nothing twice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.lab.sandbox import Fault, FaultKind
from syncd.store import Store
from syncd.store.queries.provisioned import ProvisionState, provisioned
from tests.cli.conftest import CliHarness

ROOMS = """
[[provision.rooms]]
system = "clinic"
name = "yoga room"
description = "ground floor"
capacity = 12
calendars = ["Alice's calendar", "Bob's calendar"]

[[provision.equipment]]
system = "clinic"
name = "laser"
quantity = 3
out_of_service = 1
calendar = "Carol's calendar"
"""
TEAM = """
[[provision.teams]]
system = "legacy"
name = "Sales Team"
users = ["alice@example.com", "Bob"]
calendar = { name = "Sales", description = "Talks", slug = "sales-team" }
"""
SERVICE = """
[[provision.services]]
system = "legacy"
team = "Sales Team"
name = "First talk"
slug = "first-talk"
members = [{ user = "alice@example.com", priority = "High" }]
hours = { monday = ["09:00-12:00", "13:00-17:30"] }
slot = { duration = 30, interval = 30 }
not_before = { amount = 2, unit = "hours" }
"""
ASSOCIATION = """
[[provision.objects]]
system = "clinic"
key = "custom_objects.external_booking"
singular = "External booking"
plural = "External bookings"

[[provision.associations]]
system = "clinic"
key = "external_bookings"
first = { object = "custom_objects.external_booking", label = "Booking" }
second = { object = "contact", label = "Guest" }
"""
ALL = ROOMS + TEAM + SERVICE + ASSOCIATION


def write(cli: CliHarness, more: str) -> None:
    """Replace the part of the configuration that a previous call added."""
    text = cli.path.read_text().split("# more\n")[0]
    cli.path.write_text(f"{text}# more\n{more}")


def run(cli: CliHarness, *more: str) -> tuple[int, list[dict[str, Any]]]:
    """Run the command; return its exit code and its plan."""
    result = cli.run("provision", "--json", *more)
    assert result.err == ""
    return result.code, json.loads(result.out)["plan"]


def steps(plan: list[dict[str, Any]]) -> dict[str, str]:
    """Return the step per name, without the busy type."""
    return {row["name"]: row["step"] for row in plan if row["sort"] != "busy-type"}


def writes(cli: CliHarness) -> list[str]:
    """Return the changing requests that the platforms received."""
    systems = cli.world.sandbox.systems.values()
    return [f"{c.method} {c.path}" for s in systems for c in s.calls if c.method != "GET"]


def test_a_dry_run_shows_request_bodies_and_changes_nothing(cli: CliHarness) -> None:
    write(cli, ALL)
    result = cli.run("provision")
    assert result.code == 0
    assert "create" in result.out
    assert "6 to do: run with --apply" in result.out
    assert "POST /calendars/resources/rooms" in result.out
    assert '"outOfService": 1' in result.out
    assert '"allowBookingAfterUnit": "hours"' in result.out
    assert all(len(line) <= 100 for line in result.out.splitlines())
    assert writes(cli) == []
    assert not (cli.path.parent / "state.db").exists()


def test_resources_are_created_once_and_a_second_run_plans_nothing(cli: CliHarness) -> None:
    write(cli, ALL)
    code, plan = run(cli, "--apply")
    assert code == 0
    assert {row["done"] for row in plan if row["step"] == "create"} == {"created"}
    assert len(writes(cli)) == 6
    code, plan = run(cli)
    assert (code, set(steps(plan).values())) == (0, {"in place"})
    code, plan = run(cli, "--apply")
    assert len(writes(cli)) == 6
    clinic, legacy = cli.world.sandbox.clinic, cli.world.sandbox.legacy
    room, laser = clinic.resources.all.values()
    named = {clinic.calendars[calendar].name for calendar in room.calendars}
    assert named == {"Alice's calendar", "Bob's calendar"}
    assert (laser.quantity, laser.out_of_service) == (3, 1)
    (association,) = clinic.associations.all.values()
    assert (association.first_key, association.second_key) == (
        "custom_objects.external_booking",
        "contact",
    )
    team = next(g.id for g in legacy.groups.values() if g.name == "Sales Team")
    (service,) = legacy.teams.services.values()
    assert service["teamId"] == team


@pytest.mark.parametrize(
    ("config", "path", "name"),
    [
        (ROOMS, "/calendars/resources/rooms", "yoga room"),
        (TEAM, "/calendars/teams", "Sales Team"),
        (ASSOCIATION, "/associations/", "external_bookings"),
        (ASSOCIATION, "/objects/", "custom_objects.external_booking"),
    ],
)
def test_a_create_with_a_lost_reply_is_found_and_not_repeated(
    cli: CliHarness, config: str, path: str, name: str
) -> None:
    write(cli, config)
    for system in (cli.world.sandbox.clinic, cli.world.sandbox.legacy):
        system.faults.add(Fault(FaultKind.LOSE_AFTER, path=path, method="POST", times=1))
    code, plan = run(cli, "--apply")
    assert code == 0
    (row,) = (row for row in plan if row["name"] == name)
    assert row["done"] == "created (found by a second read)"
    sent = len(writes(cli))
    code, plan = run(cli, "--apply", "--prune")
    assert set(steps(plan).values()) == {"in place"}
    assert len(writes(cli)) == sent


def test_a_create_that_appears_late_is_recognised_as_ours(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(cli, ROOMS)
    clinic = cli.world.sandbox.clinic
    path = "/calendars/resources/rooms"
    clinic.faults.add(Fault(FaultKind.LOSE_AFTER, path=path, method="POST", times=1))
    # After the create, reads fail too, so the run ends without an outcome.
    new_id = clinic.new_id

    def new_id_and_fall_silent() -> str:
        clinic.faults.add(Fault(FaultKind.ERROR, path=path, method="GET"))
        return new_id()

    with monkeypatch.context() as patched:
        patched.setattr(clinic, "new_id", new_id_and_fall_silent)
        assert run(cli, "--apply")[0] == 4
    clinic.faults.clear()
    store = Store.open(cli.path.parent / "state.db", write=False)
    # The equipment is another resource type and was created.
    states = {name: p.state for (_, _, name), p in provisioned(store).items()}
    assert states == {"yoga room": ProvisionState.MAKING, "laser": ProvisionState.MADE}
    store.close()
    code, plan = run(cli, "--apply")
    assert (code, steps(plan)["yoga room"]) == (0, "in place")
    store = Store.open(cli.path.parent / "state.db", write=False)
    assert {p.state for p in provisioned(store).values()} == {ProvisionState.MADE}
    store.close()


def test_a_changed_configuration_updates_the_same_resource(cli: CliHarness) -> None:
    write(cli, ALL)
    run(cli, "--apply")
    changed = ALL.replace("capacity = 12", "capacity = 8").replace('"High"', '"Low"')
    changed = changed.replace('description = "Talks"', 'description = "Chats"')
    write(cli, changed.replace('label = "Guest"', 'label = "Customer"'))
    code, plan = run(cli)
    assert {n: s for n, s in steps(plan).items() if s != "in place"} == {
        "yoga room": "update",
        "Sales Team": "update",
        "First talk": "update",
        "external_bookings": "update",
    }
    service = next(row for row in plan if row["name"] == "First talk")
    assert "return to the platform's defaults" in service["note"]
    assert service["request"]["method"] == "PUT"
    code, plan = run(cli, "--apply")
    assert code == 0
    _, plan = run(cli)
    assert set(steps(plan).values()) == {"in place"}
    (association,) = cli.world.sandbox.clinic.associations.all.values()
    assert (association.first_label, association.second_label) == ("Booking", "Customer")
    room = next(iter(cli.world.sandbox.clinic.resources.all.values()))
    assert room.capacity == 8


def test_only_resources_of_syncd_are_removed_and_only_with_prune(cli: CliHarness) -> None:
    clinic = cli.world.sandbox.clinic
    theirs = clinic.resources.add("rooms", "sauna")
    write(cli, ALL)
    run(cli, "--apply")
    write(cli, "")
    _, plan = run(cli, "--apply")
    assert {n for n, s in steps(plan).items() if s == "not wanted"} == {
        "yoga room", "laser", "Sales Team", "First talk", "external_bookings",
    }  # fmt: skip
    assert steps(plan)["custom_objects.external_booking"] == "by hand"
    assert len(clinic.resources.all) == 3
    run(cli, "--apply", "--prune")
    assert [*clinic.resources.all] == [theirs]
    assert not clinic.associations.all
    assert not cli.world.sandbox.legacy.teams.teams
    _, plan = run(cli)
    assert set(steps(plan)) == {"custom_objects.external_booking"}


def test_an_existing_room_is_updated_and_never_removed(cli: CliHarness) -> None:
    clinic = cli.world.sandbox.clinic
    theirs = clinic.resources.add("rooms", "yoga room", capacity=5)
    write(cli, ROOMS)
    _, plan = run(cli, "--apply")
    row = next(row for row in plan if row["name"] == "yoga room")
    assert (row["step"], row["done"]) == ("update", "updated")
    assert clinic.resources.all[theirs].capacity == 12
    write(cli, "")
    run(cli, "--apply", "--prune")
    assert [*clinic.resources.all] == [theirs]


def test_a_resource_recreated_by_hand_is_not_ours(cli: CliHarness) -> None:
    write(cli, ROOMS)
    run(cli, "--apply")
    clinic = cli.world.sandbox.clinic
    clinic.resources.all.clear()
    theirs = clinic.resources.add("rooms", "yoga room")
    write(cli, "")
    run(cli, "--apply", "--prune")
    assert [*clinic.resources.all] == [theirs]


@pytest.mark.parametrize(
    ("config", "found", "message"),
    [
        (
            ROOMS.replace("yoga room", "Yóga Room"),
            "yoga room",
            '"yoga room" exists and differs only in case or accents',
        ),
        (ROOMS.replace("Bob's calendar", "Bobs"), "", "no calendar in [systems.clinic] is called"),
        (
            ROOMS.replace("Bob's calendar", "BOB'S calendar"),
            "",
            '"Bob\'s calendar" differs only in case or accents',
        ),
    ],
)
def test_an_invalid_name_is_explained_and_not_sent(
    cli: CliHarness, config: str, found: str, message: str
) -> None:
    clinic = cli.world.sandbox.clinic
    if found:
        clinic.resources.add("rooms", found)
    write(cli, config)
    code, plan = run(cli, "--apply")
    assert code == 3
    (row,) = (row for row in plan if row["sort"] == "room")
    assert (row["step"], row["done"]) == ("by hand", "")
    assert message in row["note"]
    assert "POST /calendars/resources/rooms" not in writes(cli)


def test_two_users_with_one_email_are_distinguished_by_id(cli: CliHarness) -> None:
    legacy = cli.world.sandbox.legacy
    twins = [legacy.add_user("Dora", "dora@example.com") for _ in range(2)]
    write(cli, TEAM.replace("Bob", "dora@example.com"))
    code, plan = run(cli)
    (row,) = (row for row in plan if row["sort"] == "team")
    assert code == 3
    assert '2 users in [systems.legacy] are called "dora@example.com"' in row["note"]
    assert all(twin in row["note"] for twin in twins)
    write(cli, TEAM.replace("Bob", twins[0]))
    assert run(cli)[0] == 0


def test_with_an_empty_user_list_team_members_are_found_by_name_or_id(cli: CliHarness) -> None:
    legacy = cli.world.sandbox.legacy
    bob = cli.world.seed_users["legacy", "bob"].user
    legacy.faults.add(Fault(FaultKind.EMPTY, path=".*[Uu]sers.*"))
    team = TEAM.replace("alice@example.com", "Alice")
    for name in ("Bob", bob):
        write(cli, team.replace("Bob", name))
        assert run(cli)[0] == 0
    write(cli, team.replace("Bob", "Nobody"))
    code, plan = run(cli)
    (row,) = (row for row in plan if row["sort"] == "team")
    assert (code, row["step"]) == (3, "by hand")
    assert "the user list is empty, so only team members are known" in row["note"]


def test_a_taken_slug_is_detected_before_any_write(cli: CliHarness) -> None:
    write(cli, TEAM.replace('slug = "sales-team"', 'slug = "staff"'))
    code, plan = run(cli, "--apply")
    (row,) = (row for row in plan if row["sort"] == "team")
    assert (code, row["step"]) == (3, "by hand")
    assert 'the slug "staff" is taken' in row["note"]
    assert writes(cli) == []


def test_the_busy_type_is_checked_and_its_creation_is_explained(cli: CliHarness) -> None:
    code, plan = run(cli)
    assert [(row["name"], row["step"]) for row in plan] == [("Busy", "in place")]
    assert code == 0
    assert "does not show whether allows_conflicts = false" in plan[0]["note"]
    text = cli.path.read_text().replace('busy_task_type = "Busy"', 'busy_task_type = "Away"')
    cli.path.write_text(text)
    code, (row,) = run(cli, "--apply")
    assert (code, row["step"]) == (3, "by hand")
    assert "LeadSquared has no API for this" in row["note"]
    assert 'Name it "Away"' in row["note"]


def test_an_association_for_other_objects_is_not_touched(cli: CliHarness) -> None:
    write(cli, ASSOCIATION)
    run(cli, "--apply")
    write(
        cli,
        ASSOCIATION.split("[[provision.associations]]", maxsplit=1)[0]
        + """
[[provision.associations]]
system = "clinic"
key = "external_bookings"
first = { object = "contact", label = "Friend" }
second = { object = "contact", label = "Friend" }
""",
    )
    code, plan = run(cli, "--apply")
    row = next(row for row in plan if row["sort"] == "association")
    assert (code, row["step"]) == (3, "by hand")
    assert "the API cannot change this field" in row["note"]


def test_an_association_with_swapped_ends_is_accepted(cli: CliHarness) -> None:
    write(cli, ASSOCIATION)
    run(cli, "--apply")
    swapped = ASSOCIATION.replace("first =", "other =").replace("second =", "first =")
    write(cli, swapped.replace("other =", "second ="))
    run(cli, "--apply")
    (association,) = cli.world.sandbox.clinic.associations.all.values()
    assert (association.first_label, association.second_label) == ("Booking", "Guest")
    assert association.first_key == "custom_objects.external_booking"
    _, plan = run(cli)
    assert set(steps(plan).values()) == {"in place"}


def test_a_system_that_does_not_answer_stops_no_other(cli: CliHarness) -> None:
    write(cli, ALL)
    cli.world.sandbox.clinic.faults.add(Fault(FaultKind.UNAUTHORISED))
    result = cli.run("provision", "--apply")
    assert result.code == 4
    assert "clinic: could not be read now" in result.err
    assert any(g.name == "Sales Team" for g in cli.world.sandbox.legacy.groups.values())


def test_a_list_without_our_resources_creates_nothing_twice(cli: CliHarness) -> None:
    write(cli, ROOMS)
    run(cli, "--apply")
    clinic = cli.world.sandbox.clinic
    path = "/calendars/resources/rooms$"
    clinic.faults.add(Fault(FaultKind.EMPTY, path=path, method="GET"))
    sent = len(writes(cli))
    code, plan = run(cli, "--apply")
    (row,) = (row for row in plan if row["sort"] == "room")
    assert (code, row["step"], len(writes(cli))) == (3, "by hand", sent)
    assert "list does not show it" in row["note"]
