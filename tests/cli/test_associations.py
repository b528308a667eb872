"""Bookings elsewhere are tied to their contact in the clinic: once, and only while they last."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from syncd.lab.sandbox import Fault, FaultKind
from syncd.lab.sandbox.leadconnector.associations_api import Relation
from tests.cli.conftest import CliHarness
from tests.cli.test_provision import ASSOCIATION, write


@dataclass
class Salon:
    """A clinic whose association is made, and nothing booked yet."""

    cli: CliHarness

    def switch_on(self) -> None:
        """Switch the associations of the clinic on."""
        text = self.cli.path.read_text()
        table = "[systems.clinic]\n"
        self.cli.path.write_text(text.replace(table, f"{table}associations = {{ on = true }}\n"))

    def sync(self) -> None:
        """Resync."""
        result = self.cli.run("resync", "--yes")
        assert result.code == 0, result.out + result.err

    @property
    def relations(self) -> list[Relation]:
        """What the clinic relates."""
        return [*self.cli.world.sandbox.clinic.associations.relations.values()]

    @property
    def records(self) -> list[str]:
        """The bookings that the clinic has records of."""
        objects = self.cli.world.sandbox.clinic.associations.objects
        kept = objects["custom_objects.external_booking"].records.values()
        return [record["external_id"] for record in kept]

    @property
    def contact(self) -> str:
        """The contact, in the clinic."""
        return self.cli.world.seed_users["clinic", "alice"].contact


@pytest.fixture
def salon(cli: CliHarness) -> Salon:
    """The association is made; every appointment of the week is off."""
    for system in cli.world.sandbox.systems.values():
        for meeting in system.appointments():
            system.delete(meeting.id)
    write(cli, ASSOCIATION)
    assert cli.run("provision", "--apply").code == 0
    return Salon(cli)


def test_a_booking_elsewhere_of_a_known_contact_is_tied_once_and_untied_when_it_ends(
    salon: Salon,
) -> None:
    salon.switch_on()
    task = salon.cli.world.book("crm", "alice", salon.cli.world.at(1, 10))
    salon.sync()
    (relation,) = salon.relations
    (booking,) = salon.records
    # The record comes first in this association.
    assert relation.second == salon.contact
    salon.sync()
    assert (salon.relations, salon.records) == ([relation], [booking])
    salon.cli.world.sandbox.crm.delete(task)
    salon.sync()
    assert (salon.relations, salon.records) == ([], [])


def test_one_contact_and_the_association_are_looked_up_once_for_many_bookings(
    salon: Salon,
) -> None:
    salon.switch_on()
    clinic = salon.cli.world.sandbox.clinic
    for hour in (10, 12, 14):
        salon.cli.world.book("crm", "alice", salon.cli.world.at(1, hour))
    before = len(clinic.calls)
    salon.sync()
    assert len(salon.relations) == 3
    asked = [call.path.split("/")[1:3] for call in clinic.calls[before:] if call.method == "GET"]
    assert asked.count(["associations", "key"]) == 1
    assert asked.count(["contacts", "search"]) == 1


def test_nothing_is_tied_unless_it_is_switched_on(salon: Salon) -> None:
    salon.cli.world.book("crm", "alice", salon.cli.world.at(1, 10))
    salon.sync()
    assert (salon.relations, salon.records) == ([], [])


def test_a_twin_is_tied_to_the_contact_of_its_appointment_here(salon: Salon) -> None:
    salon.switch_on()
    for system in ("crm", "clinic"):
        salon.cli.world.book(system, "alice", salon.cli.world.at(1, 10))
    salon.sync()
    assert [relation.second for relation in salon.relations] == [salon.contact]


def test_a_stranger_and_a_booking_of_the_clinic_alone_are_not_tied(salon: Salon) -> None:
    salon.switch_on()
    world = salon.cli.world
    world.book("clinic", "bob", world.at(1, 10))
    crm = world.sandbox.crm
    stranger = crm.add_contact("Lou Example", "lou@example.com", "+4930555099")
    seat = world.seed_users["crm", "alice"]
    crm.book(seat.calendar, seat.user, world.at(1, 12), world.at(1, 13), stranger, title="x")
    salon.sync()
    assert (salon.relations, salon.records) == ([], [])


@pytest.mark.parametrize(
    "path", ["/associations/relations", "/objects/custom_objects.external_booking/records$"]
)
def test_an_answer_that_is_lost_makes_nothing_twice(salon: Salon, path: str) -> None:
    salon.switch_on()
    clinic = salon.cli.world.sandbox.clinic
    clinic.faults.add(Fault(FaultKind.LOSE_AFTER, path=path, method="POST", times=1))
    task = salon.cli.world.book("crm", "alice", salon.cli.world.at(1, 10))
    salon.sync()
    salon.sync()
    assert (len(salon.relations), len(salon.records)) == (1, 1)
    salon.cli.world.sandbox.crm.delete(task)
    salon.sync()
    assert (salon.relations, salon.records) == ([], [])


def test_an_association_that_is_missing_stops_no_block(salon: Salon) -> None:
    salon.switch_on()
    assert salon.cli.run("check").code == 0
    salon.cli.world.sandbox.clinic.associations.all.clear()
    wrong = salon.cli.run("check")
    assert (wrong.code, "there is no association with this key" in wrong.out) == (2, True)
    salon.cli.world.book("crm", "alice", salon.cli.world.at(1, 10))
    salon.sync()
    assert salon.cli.disagreements() == []


def test_bookings_are_neither_tied_nor_untied_while_the_clinic_is_paused(salon: Salon) -> None:
    salon.switch_on()
    world = salon.cli.world
    task = world.book("crm", "alice", world.at(1, 10))
    salon.sync()
    (relation,) = salon.relations
    salon.cli.run("pause", "clinic")
    world.sandbox.crm.delete(task)
    world.book("crm", "alice", world.at(1, 12))
    salon.sync()
    assert salon.relations == [relation]
    salon.cli.run("unpause", "clinic", "--yes")
    salon.sync()
    assert len(salon.relations) == 1
    assert salon.relations != [relation]


def test_a_cleanup_names_what_provision_made_and_the_ties_that_stay(salon: Salon) -> None:
    salon.switch_on()
    salon.cli.world.book("crm", "alice", salon.cli.world.at(1, 10))
    salon.sync()
    dry = json.loads(salon.cli.run("cleanup", "--dry-run", "--json").out)
    assert {(each["system"], each["sort"], each["name"]) for each in dry["stays"]} >= {
        ("clinic", "object", "custom_objects.external_booking"),
        ("clinic", "association", "external_bookings"),
        ("clinic", "tie", None),
    }
    result = salon.cli.run("cleanup", "--yes")
    shown = " ".join(result.err.split())
    assert result.code == 0, result.out + result.err
    assert "the association 'external_bookings'" in shown
    assert "1 booking of other systems stay linked" in shown
    assert "nothing that syncd made" not in result.out
    assert "no block of syncd is left in these calendars" in result.out
    assert len(salon.relations) == 1
