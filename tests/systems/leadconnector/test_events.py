"""Rows as events: times in every format, statuses, owners, tags."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.lab.sandbox.faults import FaultKind
from syncd.model import Event, Kind, Status, Value, Window, embed_tag
from syncd.systems.errors import UnreadableError
from syncd.systems.leadconnector import CalendarMapping
from syncd.systems.leadconnector.events import is_deleted
from syncd.systems.leadconnector.hosts import CalendarOwners
from syncd.systems.leadconnector.wire import Appointment, Block
from syncd.systems.port import Row
from tests.lab.sandbox.kit import HOUR, at

from .conftest import BLOCKED, EVENTS, KEY, WINDOW, Clinic, each, events, hour

SPRING = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
"""Berlin's clocks jump from 02:00 to 03:00."""
AUTUMN = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
"""Berlin's clocks fall from 03:00 to 02:00."""


def around(instant: datetime) -> Window:
    """Return a window of a day to each side."""
    return Window(instant - timedelta(days=1), instant + timedelta(days=1))


async def test_a_meeting_becomes_an_event(clinic: Clinic) -> None:
    known = clinic.book(at(9))
    assert await events(clinic.build()) == [
        Event(
            "clinic",
            "alice",
            known,
            Kind.APPOINTMENT,
            hour(at(9)),
            customer=clinic.contact,
            service=clinic.calendar,
            updated_at=clinic.clock.now(),
            created_at=clinic.clock.now(),
            owner=clinic.alice,
        )
    ]


async def test_a_block_becomes_an_event_without_person(clinic: Clinic) -> None:
    known = clinic.block(at(12))
    assert await events(clinic.build()) == [
        Event("clinic", "alice", known, Kind.BLOCK, hour(at(12)), owner=clinic.alice)
    ]


async def test_a_blocks_key_is_read_from_its_title_and_a_meetings_is_not(clinic: Clinic) -> None:
    clinic.book(at(9), title=embed_tag("Busy", KEY))
    clinic.block(at(12), embed_tag("Busy", KEY))
    found = await events(clinic.build())
    assert {event.kind: event.key for event in found} == {Kind.APPOINTMENT: None, Kind.BLOCK: KEY}


async def test_the_later_change_shows_as_the_later_update(clinic: Clinic) -> None:
    known = clinic.book(at(9))
    system = clinic.build()
    (before,) = await events(system)
    clinic.clock.advance(5)
    clinic.platform.move(known, at(10), at(11))
    (after,) = await events(system)
    assert before.updated_at is not None
    assert after.updated_at == before.updated_at + timedelta(seconds=5)
    assert after.created_at == before.created_at == before.updated_at


# --- times ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-02T09:00:00+01:00",
        "2026-03-02T08:00:00Z",
        "2026-03-02T08:00:00.000Z",
        "2026-03-02T13:30:00+05:30",
        "2026-03-02 09:00:00",
        "2026-03-02T09:00:00",
        " 2026-03-02T09:00 ",
        "1772438400000",
        1772438400000,
    ],
)
async def test_an_instant_in_any_format_is_the_same_instant(clinic: Clinic, written: Any) -> None:
    clinic.book(at(8))
    clinic.proxy.rewrite(EVENTS, each(startTime=written, endTime="2026-03-02T10:00:00+01:00"))
    (event,) = await events(clinic.build())
    assert event.value == hour(at(9))
    assert not event.assumption


async def test_the_zone_is_read_only_for_times_without_offset(clinic: Clinic) -> None:
    clinic.book(at(9))
    system = clinic.build()
    await events(system)
    assert "GET /locations/{id}" not in clinic.proxy.calls
    clinic.proxy.rewrite(EVENTS, each(startTime="2026-03-02 09:00:00"))
    await events(system)
    await events(system)
    assert clinic.proxy.calls.count("GET /locations/{id}") == 1


@pytest.mark.parametrize("path", ["ERROR", "UNAUTHORISED"])
async def test_a_time_without_offset_is_unreadable_without_a_zone(
    clinic: Clinic, path: str
) -> None:
    clinic.book(at(9))
    clinic.proxy.rewrite(EVENTS, each(startTime="2026-03-02 09:00:00"))
    clinic.fault(FaultKind[path], path="/locations/")
    system = clinic.build()
    (row,) = (await system.read(WINDOW)).rows
    with pytest.raises(UnreadableError, match="zone is not known"):
        system.event(row)


async def test_a_zone_unknown_to_this_machine_makes_times_without_offset_unreadable(
    clinic: Clinic,
) -> None:
    clinic.book(at(9))
    clinic.proxy.rewrite(EVENTS, each(startTime="2026-03-02 09:00:00"))
    clinic.proxy.rewrite(
        "GET /locations/{id}", lambda _: {"location": {"timezone": "Mars/Olympus"}}
    )
    system = clinic.build()
    (row,) = (await system.read(WINDOW)).rows
    with pytest.raises(UnreadableError, match="zone is not known"):
        system.event(row)


@pytest.mark.parametrize("change", [SPRING, AUTUMN], ids=["spring", "autumn"])
async def test_meetings_around_a_change_of_the_clocks_keep_their_instants(
    clinic: Clinic, change: datetime
) -> None:
    half = timedelta(minutes=30)
    starts = [change - 3 * half, change - half, change + half, change + 3 * half]
    for start in starts:
        clinic.book(start)
        clinic.block(start)
    found = await events(clinic.build(), around(change))
    for kind in Kind:
        assert [e.value for e in found if e.kind is kind] == [hour(start) for start in starts]
    assert not any(event.assumption for event in found)


@pytest.mark.parametrize(
    ("start", "end", "instant", "said"),
    [
        ("2026-03-29 02:30:00", "2026-03-29 04:30:00", SPRING + HOUR / 2, "does not exist"),
        ("2026-10-25 02:30:00", "2026-10-25 03:30:00", AUTUMN - HOUR / 2, "happens twice"),
    ],
    ids=["gap", "fold"],
)
async def test_a_wall_time_at_a_clock_change_is_resolved_and_noted(
    clinic: Clinic, start: str, end: str, instant: datetime, said: str
) -> None:
    clinic.book(at(9))
    clinic.proxy.rewrite(EVENTS, each(startTime=start, endTime=end))
    (event,) = await events(clinic.build())
    assert event.value.start == instant
    assert said in event.assumption
    assert "Europe/Berlin" in event.assumption


# --- statuses ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", list(Status))
async def test_each_status_is_read(clinic: Clinic, status: Status) -> None:
    clinic.book(at(9), status=status.value)
    (event,) = await events(clinic.build())
    assert event.value.status is status


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"appointmentStatus": None, "appoinmentStatus": "showed"}, Status.SHOWED),
        ({"appointmentStatus": "cancelled", "appoinmentStatus": "confirmed"}, Status.CANCELLED),
        ({"appointmentStatus": "No_Show"}, Status.NOSHOW),
        ({"appointmentStatus": "active"}, Status.CONFIRMED),
        ({"appointmentStatus": "completed"}, Status.SHOWED),
        ({"appointmentStatus": "canceled"}, Status.CANCELLED),
        ({"appointmentStatus": "CANCELED"}, Status.CANCELLED),
        ({"appointmentStatus": "no-show"}, Status.NOSHOW),
        ({"appointmentStatus": "no show"}, Status.NOSHOW),
        ({"appointmentStatus": "pending"}, Status.NEW),
        ({"appointmentStatus": {"name": "cancelled"}}, Status.CONFIRMED),
        ({"appointmentStatus": None, "appoinmentStatus": None}, Status.CONFIRMED),
    ],
)
async def test_both_spellings_of_the_status_field_and_other_words_are_read(
    clinic: Clinic, fields: dict[str, Any], status: Status
) -> None:
    clinic.book(at(9))
    clinic.proxy.rewrite(EVENTS, each(**fields))
    (event,) = await events(clinic.build())
    assert event.value.status is status


# --- owners -----------------------------------------------------------------------------------

SHARED = {"alice": CalendarMapping("A", ("c",)), "bob": CalendarMapping("B", ("c",))}
HALL = {"hall": CalendarMapping(None, ("h",)), "alice": CalendarMapping("A", ("a",))}


@pytest.mark.parametrize(
    ("calendars", "item", "asked", "owner"),
    [
        (SHARED, Appointment(assigned_user_id="A", calendar_id="c"), (), "alice"),
        (SHARED, Appointment(assigned_user_id="B", calendar_id="elsewhere"), (), "bob"),
        (SHARED, Appointment(users=["Z", "B"], calendar_id="c"), (), "bob"),
        (SHARED, Appointment(calendar_id="c"), (), None),
        (SHARED, Appointment(assigned_user_id="Z", calendar_id="c"), (), None),
        (HALL, Appointment(calendar_id="h"), (), "hall"),
        (HALL, Appointment(assigned_user_id="Z", calendar_id="h"), (), "hall"),
        (HALL, Appointment(assigned_user_id="Z", calendar_id="a"), (), None),
        (HALL, Appointment(calendar_id="a"), (), "alice"),
        (HALL, Block(), ("alice",), "alice"),
        (HALL, Block(), (), None),
        (HALL, Block(), ("alice", "hall"), None),
        (HALL, Block(calendar_id="elsewhere"), ("alice",), None),
    ],
)
def test_a_row_belongs_to_its_user_else_to_its_calendar(
    calendars: dict[str, CalendarMapping],
    item: Appointment | Block,
    asked: tuple[str, ...],
    owner: str | None,
) -> None:
    assert CalendarOwners.of(calendars, {}).owner(item, asked) == owner


async def test_a_meeting_reassigned_to_another_mapped_user_is_theirs(clinic: Clinic) -> None:
    known = clinic.book(at(9))
    clinic.platform.move(known, at(9), at(10), clinic.bob)
    (event,) = await events(clinic.build(clinic.both))
    assert event.provider == "bob"


async def test_mirrored_busy_time_without_an_owner_belongs_to_the_listed_user(
    clinic: Clinic,
) -> None:
    clinic.block(at(12))
    clinic.proxy.rewrite(BLOCKED, each(assignedUserId=None))
    (event,) = await events(clinic.build())
    assert event.provider == "alice"


@pytest.mark.parametrize(("deleted", "gone"), [(True, True), ("true", True), (False, False)])
def test_the_deleted_flag_may_be_a_boolean_or_a_text(deleted: Any, gone: bool) -> None:
    assert is_deleted(Block(deleted=deleted)) is gone


async def test_a_foreign_row_is_malformed(clinic: Clinic) -> None:
    with pytest.raises(UnreadableError, match="not an event"):
        clinic.build().event(Row("x", "alice", "", None))


async def test_an_update_time_that_cannot_be_read_is_none(clinic: Clinic) -> None:
    clinic.book(at(9))
    clinic.proxy.rewrite(EVENTS, each(dateUpdated="yesterday", dateAdded={"$date": 1}))
    (event,) = await events(clinic.build())
    assert (event.updated_at, event.created_at) == (None, None)
    assert event.value == Value(at(9), at(10))
