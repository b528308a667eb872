"""The block that blocks each calendar, and calendars that cannot be blocked alone."""

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
    """Return a directory."""
    return {calendar.id: calendar for calendar in found}


def test_an_event_calendar_is_blocked_directly() -> None:
    targets, unblockable = block_targets_of(
        {YOGA.key: YOGA}, ROOM, calendars(Calendar("C", "Course", type="event"))
    )
    assert targets == [BlockTarget("calendar:C", (ResourceRequirement("C", rooms=("yoga",)),))]
    assert unblockable == []
    assert calendar_mapping_of("calendar:C") == CalendarMapping(calendars=("C",))


def test_a_calendar_of_a_provider_is_blocked_as_that_provider() -> None:
    mappings = {**ROOM, "course": CalendarMapping(calendars=("C",))}
    targets, _ = block_targets_of(
        {YOGA.key: YOGA}, mappings, calendars(Calendar("C", "Course", type="event"))
    )
    assert [target.provider for target in targets] == ["course"]


def test_a_calendar_whose_blocks_are_made_for_a_user_is_unblockable() -> None:
    mappings = {**ROOM, "alice": CalendarMapping("u", ("C",))}
    directory = calendars(Calendar("C", "Course", type="event", team=frozenset({"u"})))
    targets, unblockable = block_targets_of({YOGA.key: YOGA}, mappings, directory)
    assert targets == []
    assert [target.name for target in unblockable] == ["Course"]


def test_another_calendar_is_blocked_by_its_user_if_that_blocks_no_other() -> None:
    directory = calendars(Calendar("C", "Course", type="personal", team=frozenset({"u"})))
    targets, unblockable = block_targets_of({YOGA.key: YOGA}, ROOM, directory)
    assert [target.provider for target in targets] == ["user:u"]
    assert unblockable == []
    assert calendar_mapping_of("user:u") == CalendarMapping(user="u")
    mappings = {**ROOM, "alice": CalendarMapping("u")}
    assert [d.provider for d in block_targets_of({YOGA.key: YOGA}, mappings, directory)[0]] == [
        "alice"
    ]


def test_a_user_with_a_calendar_without_a_room_is_never_blocked_for_one() -> None:
    directory = calendars(
        Calendar("C", "Course", type="personal", team=frozenset({"u"})),
        Calendar("D", "Talks", type="personal", team=frozenset({"u"})),
    )
    targets, unblockable = block_targets_of({YOGA.key: YOGA}, ROOM, directory)
    assert targets == []
    assert "would also block Talks" in unblockable[0].why


def test_a_calendar_without_a_user_is_reported() -> None:
    targets, unblockable = block_targets_of(
        {YOGA.key: YOGA}, ROOM, calendars(Calendar("C", "Course"))
    )
    assert targets == []
    assert "syncd cannot block it" in unblockable[0].why


def test_an_unmapped_room_counts_as_free_and_is_reported() -> None:
    resources = {YOGA.key: YOGA, HALL.key: HALL}
    directory = calendars(Calendar("C", "Course", type="event"))
    (target,), _ = block_targets_of(resources, ROOM, directory)
    assert target.requirements[0].unmapped_rooms == 1
    assert unmapped_rooms(resources, {"rooms/yoga"}) == [("rooms/hall", "C")]


def test_resources_are_read_with_either_id_field_and_any_name_spelling() -> None:
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
