"""Conversion of v1 rows to events."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from syncd.model import Event, Kind, Status
from syncd.systems.errors import UnreadableError
from syncd.systems.leadconnector_v1 import CalendarMapping
from syncd.systems.leadconnector_v1.events import CalendarOwners, Parser, needs_zone
from syncd.systems.leadconnector_v1.wire import Appointment
from tests.systems.scripted import FakeClock

from .conftest import PAIR, appointment, block

PARSER = Parser("legacy", FakeClock(), CalendarOwners.of(PAIR))


def wire(row: dict[str, Any]) -> Appointment:
    return msgspec.json.decode(msgspec.json.encode(row), type=Appointment)


def event(parser: Parser = PARSER, **changes: Any) -> Event:
    return parser.event(wire(appointment(**changes)), "alice")


def test_a_row_becomes_an_appointment() -> None:
    made, changed = "2026-02-28T09:00:00.000Z", "2026-03-01T09:00:00.000Z"
    found = event(createdAt=made, updatedAt=changed, notes="bring x")
    assert found.kind is Kind.APPOINTMENT
    assert found.value.start == datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
    assert found.value.end == datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
    assert (found.customer, found.service, found.key) == ("contact-1", "cal-a", None)
    assert found.updated_at == datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    assert found.created_at == datetime(2026, 2, 28, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize("odd", ["yesterday", "", None, 1e400, -1e300, {"a": 1}, [], "0001-01-01"])
def test_an_unreadable_creation_or_update_time_is_ignored(odd: object) -> None:
    found = event(createdAt=odd, updatedAt=odd)
    assert (found.created_at, found.updated_at) == (None, None)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"appointmentStatus": "showed"}, Status.SHOWED),
        ({"appointmentStatus": ""}, Status.CONFIRMED),
        ({"appoinmentStatus": "cancelled"}, Status.CANCELLED),
        ({"appoinmentStatus": "new"}, Status.NEW),
        ({"appoinmentStatus": "No Show"}, Status.NOSHOW),
        ({"appoinmentStatus": "no-show"}, Status.NOSHOW),
        ({"appoinmentStatus": "invalid"}, Status.INVALID),
        ({"appoinmentStatus": ...}, Status.CONFIRMED),
        ({"appoinmentStatus": ..., "status": ...}, Status.CONFIRMED),
        ({"appoinmentStatus": ..., "status": "cancelled"}, Status.CANCELLED),
        ({"appointmentStatus": "cancelled", "appoinmentStatus": "confirmed"}, Status.CANCELLED),
    ],
)
def test_the_live_status_is_read_from_any_of_its_fields(
    fields: dict[str, Any], status: Status
) -> None:
    assert event(**fields).value.status is status


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("completed", Status.SHOWED),
        ("active", Status.CONFIRMED),
        ("Pending", Status.NEW),
        ("rescheduled", Status.CONFIRMED),
        ("unconfirmed", Status.NEW),
        ("CANCELED", Status.CANCELLED),
        ("No-Show", Status.NOSHOW),
    ],
)
def test_the_status_words_of_all_platforms_are_read(word: str, status: Status) -> None:
    found = event(appoinmentStatus=word)
    assert (found.value.status, found.shows_status) == (status, True)


@pytest.mark.parametrize("word", ["postponed", 7, {"name": "cancelled"}])
def test_an_unknown_status_counts_as_busy_and_is_not_shown(word: Any) -> None:
    found = event(appoinmentStatus=word)
    assert (found.value.status, found.shows_status) == (Status.CONFIRMED, False)


def test_a_row_without_a_status_keeps_the_one_that_is_known() -> None:
    assert not event(appoinmentStatus=..., status=...).shows_status


@pytest.mark.parametrize(
    ("start", "end", "zone", "instant"),
    [
        ("2026-03-02T16:00:00", "2026-03-02T16:30:00", "Asia/Calcutta", (10, 30)),
        ("2026-03-02 16:00:00", "2026-03-02 16:30:00", "Asia/Calcutta", (10, 30)),
        ("2026-03-02T10:30:00.000Z", "2026-03-02T11:00:00Z", "Asia/Calcutta", (10, 30)),
        ("2026-03-02T05:30:00", "2026-03-02T06:00:00", None, (10, 30)),
    ],
)
def test_a_time_without_offset_is_a_wall_clock(
    start: str, end: str, zone: str | None, instant: tuple[int, int]
) -> None:
    parser = Parser("legacy", FakeClock(), CalendarOwners.of(PAIR), "US/Eastern")
    found = event(parser, startTime=start, endTime=end, selectedTimezone=zone)
    assert found.value.start == datetime(2026, 3, 2, *instant, tzinfo=UTC)


def test_a_skipped_wall_clock_time_moves_forward() -> None:
    parser = Parser("legacy", FakeClock(), CalendarOwners.of(PAIR), "America/New_York")
    found = event(
        parser,
        startTime="2026-03-08T02:30:00",
        endTime="2026-03-08T04:00:00",
        selectedTimezone="",
    )
    assert found.value.start == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes",
    [
        {"startTime": None},
        {"endTime": ...},
        {"endTime": 1600000000000},
        {"startTime": "tomorrow at noon"},
        {"endTime": "2026-03-02T16:00:00+05:30"},
        {"endTime": "2026-03-02T15:00:00+05:30"},
        {"startTime": "2026-03-02T16:00:00", "selectedTimezone": ...},
        {"startTime": "2026-03-02T16:00:00", "selectedTimezone": "Mars/Olympus"},
    ],
)
def test_an_unreadable_or_empty_interval_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError):
        event(**changes)


def test_only_a_time_without_offset_and_zone_needs_the_locations_zone() -> None:
    assert needs_zone(wire(appointment(startTime="2026-03-02T16:00:00", selectedTimezone="")))
    assert not needs_zone(wire(appointment(startTime="2026-03-02T16:00:00")))
    assert not needs_zone(wire(appointment(selectedTimezone=None)))
    assert not needs_zone(wire(appointment(startTime=None, selectedTimezone=None)))


def test_a_row_without_contact_is_a_block_with_its_key() -> None:
    found = PARSER.event(wire(block()), "alice")
    assert (found.kind, found.customer, found.key) == (Kind.BLOCK, None, "abcdefghij")
    assert found.value.status is Status.CONFIRMED


def test_a_row_with_a_contact_but_no_contact_id_is_no_block() -> None:
    found = event(contactId=..., contact={"id": "contact-9"})
    assert (found.kind, found.customer) == (Kind.APPOINTMENT, "contact-9")
    found = event(contactId=..., contact={"email": "kim@example.com"})
    assert (found.kind, found.customer) == (Kind.APPOINTMENT, None)


def test_the_id_in_the_contact_is_preferred_to_a_fingerprint() -> None:
    assert event(contactId="91f4f0e0-e2dd-11ea").customer == "contact-1"


def test_a_booking_of_the_hold_contact_is_a_block() -> None:
    parser = Parser("legacy", FakeClock(), CalendarOwners.of(PAIR), holds=frozenset({"contact-1"}))
    found = event(parser, notes="Busy [s:abcdefghij]")
    assert (found.kind, found.customer, found.key) == (Kind.BLOCK, None, "abcdefghij")


def test_a_tagged_booking_of_any_other_contact_is_an_appointment() -> None:
    parser = Parser("legacy", FakeClock(), CalendarOwners.of(PAIR), holds=frozenset({"contact-7"}))
    assert event(parser, notes="Busy [s:abcdefghij]").kind is Kind.APPOINTMENT
    assert event(notes="Busy [s:abcdefghij]").kind is Kind.APPOINTMENT


def test_a_cancelled_block_takes_no_time() -> None:
    assert PARSER.is_free_block(wire(block(appoinmentStatus="cancelled")), "alice")
    assert not PARSER.is_free_block(wire(block()), "alice")
    assert not PARSER.is_free_block(wire(appointment(appoinmentStatus="cancelled")), "alice")


@pytest.mark.parametrize(
    ("changes", "owner"),
    [
        ({}, "alice"),
        ({"calendarId": "elsewhere"}, "alice"),
        ({"assignedUserId": "user-x", "calendarId": "elsewhere"}, None),
        ({"userId": "user-x"}, None),
        ({"userId": None}, "alice"),
        ({"userId": "user-x", "calendarId": "cal-b"}, "bob"),
        ({"userId": None, "calendarId": "other", "calendarServiceId": "cal-b"}, "bob"),
        ({"userId": "user-x", "calendarId": "other"}, None),
    ],
)
def test_a_row_belongs_to_its_user_else_to_its_calendar(
    changes: dict[str, Any], owner: str | None
) -> None:
    assert PARSER.owners.owner(wire(appointment(**changes)), ["alice", "bob"]) == owner


def test_a_row_without_an_owner_belongs_to_the_only_requested_provider() -> None:
    bare = wire(appointment(userId=None, calendarId=None))
    assert PARSER.owners.owner(bare, ["bob"]) == "bob"
    with pytest.raises(ValueError, match="neither"):
        PARSER.owners.owner(bare, ["alice", "bob"])


def test_a_calendar_that_two_users_share_has_no_owner() -> None:
    owners = CalendarOwners.of(
        {
            "alice": CalendarMapping(calendar="cal-a", user="user-a"),
            "bob": CalendarMapping(calendar="cal-a", user="user-b"),
        }
    )
    assert owners.owner(wire(appointment(userId="user-b"))) == "bob"
    assert owners.owner(wire(appointment(userId=None))) is None


def test_a_team_counts_as_the_calendar_if_nothing_else_is_mapped() -> None:
    owners = CalendarOwners.of({"room": CalendarMapping(team="team-1")})
    assert owners.owner(wire(appointment(calendarProviderId="team-1"))) == "room"
    named = CalendarOwners.of({"alice": CalendarMapping(team="team-1", user="user-a")})
    assert named.owner(wire(appointment(userId="user-x", calendarProviderId="team-1"))) is None


def test_the_fingerprint_changes_with_times_zone_status_and_owner_only() -> None:
    plain = PARSER.fingerprint(wire(appointment()), "alice")
    assert PARSER.fingerprint(wire(appointment(title="x", notes="y")), "alice") == plain
    assert PARSER.fingerprint(wire(appointment()), "bob") != plain
    for field in ("startTime", "endTime", "selectedTimezone", "appoinmentStatus"):
        assert PARSER.fingerprint(wire(appointment(**{field: "z"})), "alice") != plain
    assert "kim" not in plain


def test_the_fingerprint_of_a_hold_changes_when_its_contact_becomes_a_customer() -> None:
    parser = Parser("legacy", FakeClock(), CalendarOwners.of(PAIR), holds=frozenset({"contact-1"}))
    hold = parser.fingerprint(wire(appointment()), "alice")
    theirs = parser.fingerprint(
        wire(appointment(contactId="contact-2", contact={"id": "contact-2"})), "alice"
    )
    assert hold != theirs
    assert "contact" not in hold + theirs


def test_a_list_row_never_holds_the_customers_address() -> None:
    assert "kim@example.com" not in repr(wire(appointment()))
