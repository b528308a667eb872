"""Which block closes which calendar, and which calendars none can close alone."""

from __future__ import annotations

from syncd.model import BlockTarget, ResourceRequirement
from syncd.systems.leadconnector import CalendarMapping
from syncd.systems.leadconnector.directory import Calendar
from syncd.systems.leadconnector.resource_blocking import (
    block_targets_of,
    calendar_mapping_of,
    unmapped_rooms,
)
from syncd.systems.leadconnector.resources import Resource, resource_of, uses_resource

YOGA = Resource("rooms/yoga", "r1", ("C",), 1)
HALL = Resource("rooms/hall", "r2", ("C",), 1)
ROOM = {"yoga": CalendarMapping(resource="rooms/yoga")}


def calendars(*found: Calendar) -> dict[str, Calendar]:
    """A directory."""
    return {calendar.id: calendar for calendar in found}


def test_an_event_calendar_is_closed_by_itself() -> None:
    targets, unblockable = block_targets_of(
        {YOGA.key: YOGA}, ROOM, calendars(Calendar("C", "Course", type="event"))
    )
    assert targets == [BlockTarget("calendar:C", (ResourceRequirement("C", rooms=("yoga",)),))]
    assert unblockable == []
    assert calendar_mapping_of("calendar:C") == CalendarMapping(calendars=("C",))


def test_a_calendar_that_a_provider_owns_is_closed_as_that_provider() -> None:
    mapped = {**ROOM, "course": CalendarMapping(calendars=("C",))}
    targets, _ = block_targets_of(
        {YOGA.key: YOGA}, mapped, calendars(Calendar("C", "Course", type="event"))
    )
    assert [target.provider for target in targets] == ["course"]


def test_a_calendar_whose_blocks_would_go_to_a_user_is_refused() -> None:
    mapped = {**ROOM, "alice": CalendarMapping("u", ("C",))}
    directory = calendars(Calendar("C", "Course", type="event", team=frozenset({"u"})))
    targets, unblockable = block_targets_of({YOGA.key: YOGA}, mapped, directory)
    assert targets == []
    assert [target.name for target in unblockable] == ["Course"]


def test_another_calendar_is_closed_by_its_user_if_that_closes_nothing_else() -> None:
    directory = calendars(Calendar("C", "Course", type="personal", team=frozenset({"u"})))
    targets, unblockable = block_targets_of({YOGA.key: YOGA}, ROOM, directory)
    assert [target.provider for target in targets] == ["user:u"]
    assert unblockable == []
    assert calendar_mapping_of("user:u") == CalendarMapping(user="u")
    mapped = {**ROOM, "alice": CalendarMapping("u")}
    assert [d.provider for d in block_targets_of({YOGA.key: YOGA}, mapped, directory)[0]] == [
        "alice"
    ]


def test_a_user_who_takes_bookings_without_a_room_is_never_blocked_for_one() -> None:
    directory = calendars(
        Calendar("C", "Course", type="personal", team=frozenset({"u"})),
        Calendar("D", "Talks", type="personal", team=frozenset({"u"})),
    )
    targets, unblockable = block_targets_of({YOGA.key: YOGA}, ROOM, directory)
    assert targets == []
    assert "would close Talks, too" in unblockable[0].why


def test_a_calendar_of_nobody_is_told_of() -> None:
    targets, unblockable = block_targets_of(
        {YOGA.key: YOGA}, ROOM, calendars(Calendar("C", "Course"))
    )
    assert targets == []
    assert "nothing can close it" in unblockable[0].why


def test_a_room_that_nobody_mapped_counts_as_free_and_is_told_of() -> None:
    resources = {YOGA.key: YOGA, HALL.key: HALL}
    directory = calendars(Calendar("C", "Course", type="event"))
    (target,), _ = block_targets_of(resources, ROOM, directory)
    assert target.requirements[0].unmapped_rooms == 1
    assert unmapped_rooms(resources, {"rooms/yoga"}) == [("rooms/hall", "C")]


def test_resources_are_read_whatever_their_id_is_called_and_however_they_are_named() -> None:
    row = {"name": "laser", "quantity": 3.0, "outOfService": "1", "calendarIds": ["C"]}
    for key in ("id", "_id"):
        found = resource_of("equipment", {**row, key: "r3"})
        assert found == Resource("equipment/laser", "r3", ("C",), 2)
    assert resource_of("equipment", {**row, "isActive": False}) is None
    assert resource_of("rooms", {"quantity": 4, "name": "hall"}) == Resource(
        "rooms/hall", "", (), 1
    )
    assert uses_resource(["r2"], HALL)
    assert uses_resource([{"_id": "r2"}], HALL)
    assert uses_resource(["hall"], HALL)
    assert not uses_resource(["r1", 7, None], HALL)
    assert not uses_resource(None, HALL)
