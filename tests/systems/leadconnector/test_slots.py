"""The free slots of calendars."""

from datetime import timedelta
from typing import Any

import pytest

from syncd.model import Offer, Window
from syncd.systems.leadconnector import CalendarMapping
from tests.lab.sandbox.kit import HOUR, at, ms

from .conftest import WINDOW, Clinic

SLOTS = "GET /calendars/{id}/free-slots"


async def test_free_slots_are_the_intervals_that_each_calendar_offers_in_order(
    clinic: Clinic,
) -> None:
    second = clinic.platform.add_calendar("Second", "personal", [clinic.alice], slot_minutes=60)
    clinic.block(at(9))
    system = clinic.build({"alice": CalendarMapping(clinic.alice, (second, clinic.calendar))})
    found = await system.free_slots("alice", Window(at(8), at(11)))
    half = HOUR / 2
    assert found == [
        Offer(at(10), at(10.5), clinic.calendar),
        Offer(at(10), at(11), second),
        Offer(at(10.5), at(10.5) + half, clinic.calendar),
    ]
    assert {r.query["userId"] for r in clinic.sent(SLOTS)} == {clinic.alice}
    assert {r.query["startDate"] for r in clinic.sent(SLOTS)} == {ms(at(8))}


async def test_a_busy_user_is_not_offered_on_a_teams_calendar(clinic: Clinic) -> None:
    team = clinic.platform.add_calendar("Team", "round_robin", [clinic.alice, clinic.bob])
    clinic.block(at(9))
    system = clinic.build({"alice": CalendarMapping(clinic.alice, (team,))})
    assert not await system.free_slots("alice", Window(at(9), at(10)))


async def test_a_long_window_is_read_in_pieces_of_31_days(clinic: Clinic) -> None:
    found = await clinic.build().free_slots("alice", Window(at(0), at(0) + timedelta(days=70)))
    assert len(clinic.sent(SLOTS)) == 3
    assert len(found) == len({slot.start for slot in found}) == 50 * 16


async def test_free_slots_of_a_calendar_without_hours_are_none(clinic: Clinic) -> None:
    closed = clinic.platform.add_calendar("Closed", "personal", [clinic.alice], hours=())
    system = clinic.build({"alice": CalendarMapping(clinic.alice, (closed,))})
    assert await system.free_slots("alice", WINDOW) == []


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        ({"slotDuration": "45"}, timedelta(minutes=45)),
        ({"slotDuration": 2, "slotDurationUnit": "hours"}, timedelta(hours=2)),
        ({"slotDuration": 1.5, "slotDurationUnit": "hours"}, timedelta(minutes=90)),
        ({"slotDurationUnit": None}, timedelta(minutes=30)),
        ({"slotDuration": None}, timedelta(minutes=1)),
        ({"slotDuration": 0}, timedelta(minutes=1)),
        ({"slotDuration": -30}, timedelta(minutes=1)),
        ({"slotDuration": "nan"}, timedelta(minutes=1)),
        ({"slotDuration": "inf"}, timedelta(minutes=1)),
        ({"slotDurationUnit": "moons"}, timedelta(minutes=1)),
    ],
    ids=str,
)
async def test_a_slot_is_as_long_as_its_calendar_says(
    clinic: Clinic, fields: dict[str, Any], length: timedelta
) -> None:
    clinic.proxy.rewrite(
        "GET /calendars/", lambda a: {"calendars": [{**c, **fields} for c in a["calendars"]]}
    )
    found = await clinic.build().free_slots("alice", Window(at(9), at(9.5)))
    assert found == [Offer(at(9), at(9) + length, clinic.calendar)]


async def test_unreadable_slots_are_skipped(clinic: Clinic) -> None:
    answer: dict[str, Any] = {
        "2026-03-02": {"slots": ["2026-03-02T09:00:00+01:00", "soon", None, {}, [1]]},
        "2026-03-03": None,
        "traceId": "t",
    }
    clinic.proxy.rewrite(SLOTS, lambda _: answer)
    found = await clinic.build().free_slots("alice", WINDOW)
    assert found == [Offer(at(9), at(9.5), clinic.calendar)]


async def test_a_calendar_that_ignores_blocks_still_offers_the_time(clinic: Clinic) -> None:
    leaky = clinic.platform.add_calendar("Leaky", "personal", [clinic.alice], ignores_blocks=True)
    clinic.block(at(9))
    system = clinic.build({"alice": CalendarMapping(clinic.alice, (leaky, clinic.calendar))})
    found = await system.free_slots("alice", Window(at(9), at(10)))
    assert {slot.calendar_id for slot in found} == {leaky}
