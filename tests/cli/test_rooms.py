"""A booked room is blocked in other systems; a busy room blocks the calendars that need it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from tests.cli.conftest import CliHarness

HOUR = timedelta(hours=1)
Span = tuple[datetime, datetime]


@dataclass
class Studio:
    """Two rooms and two lasers. The small course needs the yoga room, the large one any of both.

    ``yoga``, ``hall`` and ``laser`` are resource ids; ``small``, ``large``, ``beauty`` calendars.
    """

    cli: CliHarness
    yoga: str
    hall: str
    laser: str
    small: str
    large: str
    beauty: str
    contact: str

    def at(self, hour: float) -> datetime:
        """Return an hour on Tuesday of the booked week."""
        return self.cli.world.at(1, 0) + timedelta(hours=hour)

    def span(self, hour: float, length: float = 1) -> Span:
        """Return a span of some hours from an instant."""
        return self.at(hour), self.at(hour + length)

    def crm(self, thing: str, hour: float, length: float = 1) -> str:
        """Book a room or equipment in LeadSquared."""
        seat = self.cli.world.seed_users["crm", "alice"]
        start, end = self.span(hour, length)
        crm = self.cli.world.sandbox.crm
        return crm.book(seat.calendar, f"{thing}@example.com", start, end, seat.contact, title="x")

    def clinic(self, calendar: str, resource: str, hour: float, length: float = 1) -> str:
        """Book a calendar of the clinic with a resource."""
        clinic = self.cli.world.sandbox.clinic
        start, end = self.span(hour, length)
        return clinic.book(calendar, "", start, end, self.contact, resources=[resource])

    def sync(self) -> dict[str, object]:
        """Resync, and check that a second resync writes nothing."""
        result = self.cli.run("resync", "--yes", "--json")
        assert result.code == 0, result.out + result.err
        found: dict[str, object] = json.loads(result.out)
        again = json.loads(self.cli.run("resync", "--yes", "--json").out)
        assert set(again["operations"].values()) == {0}
        return found

    def closed(self, calendar: str) -> list[Span]:
        """Return the blocks of a calendar of the clinic."""
        blocks = self.cli.world.sandbox.clinic.blocks()
        return sorted((b.start, b.end) for b in blocks if b.calendar == calendar and not b.deleted)

    def busy(self, thing: str) -> list[Span]:
        """Return the blocks of a room or equipment in LeadSquared."""
        blocks = self.cli.world.sandbox.crm.blocks()
        mail = f"{thing}@example.com"
        return sorted((b.start, b.end) for b in blocks if b.user == mail and not b.deleted)


@pytest.fixture
def studio(cli: CliHarness) -> Studio:
    """Return a studio without bookings."""
    world = cli.world
    clinic, crm = world.sandbox.clinic, world.sandbox.crm
    for meeting in clinic.appointments():
        clinic.delete(meeting.id)
    for thing in ("yoga", "hall", "laser"):
        crm.add_user(thing.capitalize(), f"{thing}@example.com")
    small = clinic.add_calendar("Small course", "event")
    large = clinic.add_calendar("Large course", "event")
    beauty = clinic.add_calendar("Beauty", "event")
    yoga = clinic.resources.add("rooms", "yoga room", calendars=(small, large))
    hall = clinic.resources.add("rooms", "hall", calendars=(large,))
    laser = clinic.resources.add(
        "equipments", "laser", quantity=3, out_of_service=1, calendars=(beauty,)
    )
    text = cli.path.read_text().split("[providers.alice]")[0]
    for name, kind, resource in (
        ("yoga", "room", "rooms/yoga room"),
        ("hall", "room", "rooms/hall"),
        ("laser", "equipment", "equipment/laser"),
    ):
        text += f"""
[providers.{name}]
kind = "{kind}"
[providers.{name}.calendars]
crm = {{ user = "{name}@example.com" }}
clinic = {{ resource = "{resource}" }}
"""
    cli.path.write_text(text)
    contact = world.seed_users["clinic", "alice"].contact
    return Studio(cli, yoga, hall, laser, small, large, beauty, contact)


@pytest.mark.prove
def test_an_appointment_in_a_room_blocks_the_room_elsewhere(studio: Studio) -> None:
    event = studio.clinic(studio.small, studio.yoga, 10)
    studio.sync()
    assert studio.busy("yoga") == [studio.span(10)]
    assert studio.busy("hall") == []
    assert studio.closed(studio.small) == []
    studio.cli.world.sandbox.clinic.move(event, *studio.span(12))
    studio.sync()
    assert studio.busy("yoga") == [studio.span(12)]
    studio.cli.world.sandbox.clinic.cancel(event)
    studio.sync()
    assert studio.busy("yoga") == []


def test_a_busy_room_blocks_only_calendars_without_another_room(
    studio: Studio,
) -> None:
    studio.crm("yoga", 10)
    studio.sync()
    assert studio.closed(studio.small) == [studio.span(10)]
    assert studio.closed(studio.large) == []
    assert studio.closed(studio.beauty) == []


def test_a_calendar_with_two_rooms_is_blocked_while_both_are_busy(studio: Studio) -> None:
    studio.crm("yoga", 10, 2)
    studio.crm("hall", 11, 2)
    studio.sync()
    assert studio.closed(studio.large) == [studio.span(11)]
    assert studio.closed(studio.small) == [studio.span(10, 2)]


def test_rooms_busy_here_and_elsewhere_block_a_calendar(studio: Studio) -> None:
    studio.clinic(studio.large, studio.hall, 10)
    studio.crm("yoga", 10)
    studio.sync()
    assert studio.closed(studio.large) == [studio.span(10)]


def test_rooms_that_are_all_busy_here_need_no_block(studio: Studio) -> None:
    studio.clinic(studio.large, studio.hall, 10)
    studio.clinic(studio.large, studio.yoga, 10)
    studio.sync()
    assert studio.closed(studio.large) == []
    assert studio.closed(studio.small) == []


@pytest.mark.prove
def test_a_moved_booking_moves_its_blocks_and_a_cancelled_one_frees_them(studio: Studio) -> None:
    task = studio.crm("yoga", 10)
    studio.sync()
    studio.cli.world.sandbox.crm.move(task, *studio.span(14))
    shown = studio.sync()
    assert studio.closed(studio.small) == [studio.span(14)]
    operations = shown["operations"]
    assert isinstance(operations, dict)
    assert (operations["move-block"], operations["create-block"]) == (1, 0)
    studio.cli.world.sandbox.crm.delete(task)
    studio.sync()
    assert studio.closed(studio.small) == []


def test_equipment_blocks_only_while_every_unit_is_busy(studio: Studio) -> None:
    studio.crm("laser", 10, 2)
    studio.sync()
    assert studio.closed(studio.beauty) == []
    studio.clinic(studio.beauty, studio.laser, 11, 2)
    studio.sync()
    assert studio.closed(studio.beauty) == [studio.span(11)]
    assert studio.busy("laser") == [studio.span(11)]


def test_equipment_out_of_service_blocks_more_time(studio: Studio) -> None:
    studio.clinic(studio.beauty, studio.laser, 10)
    studio.sync()
    assert studio.busy("laser") == []
    resources = studio.cli.world.sandbox.clinic.resources
    laser = resources.all.pop(studio.laser)
    again = resources.add("equipments", laser.name, quantity=1, calendars=laser.calendars)
    resources.all[studio.laser] = type(laser)(
        studio.laser, laser.type, laser.name, quantity=1, calendars=laser.calendars
    )
    del resources.all[again]
    studio.sync()
    assert studio.busy("laser") == [studio.span(10)]


def test_a_room_no_longer_assigned_to_a_calendar_frees_it(studio: Studio) -> None:
    studio.crm("yoga", 10)
    studio.sync()
    resources = studio.cli.world.sandbox.clinic.resources
    resources.all[studio.yoga] = type(resources.all[studio.yoga])(
        studio.yoga, "rooms", "yoga room", calendars=(studio.large,)
    )
    studio.sync()
    assert studio.closed(studio.small) == []


def test_check_and_plan_mention_rooms(studio: Studio) -> None:
    studio.crm("yoga", 10)
    result = studio.cli.run("check")
    assert "rooms/yoga room is used by 2 calendars" in result.out
    result = studio.cli.run("plan")
    assert result.code == 0
    assert "1 write" in result.out


def test_a_calendar_that_needs_a_busy_room_is_blocked_only_there(
    studio: Studio,
) -> None:
    clinic = studio.cli.world.sandbox.clinic
    dora = clinic.add_user("Dora", "dora@example.com")
    private = clinic.add_calendar("Private course", "personal", [dora])
    studio.cli.world.sandbox.crm.add_user("Dora", "dora@example.com")
    clinic.resources.add("rooms", "attic", calendars=(private,))
    studio.cli.world.sandbox.crm.add_user("Attic", "attic@example.com")
    text = studio.cli.path.read_text()
    studio.cli.path.write_text(
        f"""{text}
[providers.dora.calendars]
crm = {{ user = "dora@example.com" }}
clinic = {{ user = "{dora}" }}
[providers.attic]
kind = "room"
[providers.attic.calendars]
crm = {{ user = "attic@example.com" }}
clinic = {{ resource = "rooms/attic" }}
"""
    )
    studio.crm("attic", 10)
    studio.sync()
    closed = [(b.start, b.end) for b in clinic.blocks() if b.user == dora and not b.deleted]
    assert closed == [studio.span(10)]
    assert studio.busy("dora") == []


def test_a_missing_room_stops_no_other_provider(studio: Studio) -> None:
    text = studio.cli.path.read_text()
    studio.cli.path.write_text(text.replace("rooms/hall", "rooms/cellar"))
    studio.crm("yoga", 10)
    studio.clinic(studio.small, studio.yoga, 12)
    studio.sync()
    assert studio.closed(studio.small) == [studio.span(10)]
    assert studio.busy("yoga") == [studio.span(12)]
    said = studio.cli.run("check")
    assert said.code == 2
    assert "no active resource, or more than one, has the name rooms/cellar" in " ".join(
        said.out.split()
    )


@pytest.mark.prove
def test_a_double_booked_room_is_reported_and_resolved_by_a_move(studio: Studio) -> None:
    studio.sync()
    studio.crm("yoga", 10)
    studio.crm("yoga", 10.5)
    studio.cli.run("resync", "--yes")
    (held,) = json.loads(studio.cli.run("conflicts", "--json").out)
    assert (held["kind"], held["provider"]) == ("double_booked", "yoga")
    shown = studio.cli.run("conflicts", "show", held["id"])
    assert "--keep-both" in shown.out, shown.err
    moved = studio.cli.run("conflicts", "resolve", held["id"], "--at", "13:00")
    assert moved.code == 0, moved.err
    studio.sync()
