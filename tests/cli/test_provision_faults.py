"""`syncd provision` if one resource type cannot be read or created: the others continue."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.lab.sandbox import Fault, FaultKind
from syncd.provision import planning
from syncd.provision.planning import ProvisionPlan
from syncd.systems.errors import RejectionReason
from syncd.systems.leadconnector import provision
from tests.cli.conftest import CliHarness
from tests.cli.test_provision import ALL, run, write
from tests.planted.swap import swap


@pytest.mark.parametrize("status", [404, 400, 422])
def test_an_unknown_association_key_counts_as_absent_for_each_status(
    cli: CliHarness, status: int
) -> None:
    write(cli, ALL)
    cli.world.sandbox.clinic.associations.unknown_key = status
    code, plan = run(cli, "--apply")
    assert code == 0
    done = {row["name"]: row["done"] for row in plan if row["step"] == "create"}
    assert done["external_bookings"] == done["custom_objects.external_booking"] == "created"
    assert done["yoga room"] == "created"


@pytest.mark.parametrize(
    ("path", "status", "lost"),
    [
        ("/calendars/resources/rooms", 403, {"yoga room"}),
        ("/calendars/resources/equipments", 500, {"laser"}),
        ("/associations/key", 400, {"external_bookings"}),
        # An association refers to its object, so it cannot be planned either.
        ("/objects/", 403, {"external_bookings", "custom_objects.external_booking"}),
        ("/calendars/teams", 400, {"Sales Team", "First talk"}),
        ("/calendars/services", 403, {"First talk"}),
        ("/calendars/check-slug-availability", 403, {"Sales Team", "First talk"}),
    ],
)
def test_an_unreadable_resource_type_stops_no_other_type(
    cli: CliHarness, path: str, status: int, lost: set[str]
) -> None:
    write(cli, ALL)
    for system in (cli.world.sandbox.clinic, cli.world.sandbox.legacy):
        system.faults.add(Fault(FaultKind.ERROR, path=path, method="GET", status=status))
    result = cli.run("provision", "--apply", "--json")
    assert result.code == 4, result.err
    data = json.loads(result.out)
    done = {row["name"] for row in data["plan"] if row["done"] == "created"}
    names = {"yoga room", "laser", "external_bookings", "custom_objects.external_booking"}
    assert done == (names | {"Sales Team", "First talk"}) - lost
    assert data["failed"]
    assert {each["system"] for each in data["failed"]} == set(data["faults"])
    assert all(str(status) in each["error"] for each in data["failed"])
    result = cli.run("provision")
    assert "incomplete" in result.out
    assert "could not be read now" in result.err


def test_a_failed_create_stops_only_its_own_resource_type(cli: CliHarness) -> None:
    write(cli, ALL)
    clinic = cli.world.sandbox.clinic
    room = "/calendars/resources/rooms$"
    clinic.faults.add(Fault(FaultKind.ERROR, path=room, method="POST", status=403))
    code, plan = run(cli, "--apply")
    assert code == 4
    done = {row["name"]: row["done"] for row in plan if row["step"] == "create"}
    assert done.pop("yoga room") == ""
    assert set(done.values()) == {"created"}


def test_no_long_id_is_broken_in_a_table_of_80_columns(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.cli.terminal.WIDTH", 80)
    write(cli, ALL)
    result = cli.run("provision")
    assert all(len(line) <= 80 for line in result.out.splitlines())
    assert "custom_objects.external_booking " in result.out.split("create object")[0]


def test_planted_bug_a_400_for_an_unknown_key_counts_as_a_failure(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provision, "ABSENT_REASONS", frozenset({RejectionReason.GONE}))
    with pytest.raises(AssertionError):
        test_an_unknown_association_key_counts_as_absent_for_each_status(cli, 400)


def test_planted_bug_a_failure_stops_its_whole_system(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_plan = planning.make_plan

    async def all_or_nothing(*given: Any) -> ProvisionPlan:
        plan = await make_plan(*given)
        failing = {failed.system for failed in plan.failed}
        rows = [row for row in plan.rows if row.system not in failing]
        return ProvisionPlan(rows, plan.failed, plan.others)

    swap(monkeypatch, make_plan, all_or_nothing)
    with pytest.raises(AssertionError):
        test_an_unreadable_resource_type_stops_no_other_type(
            cli, "/associations/key", 400, {"external_bookings"}
        )
