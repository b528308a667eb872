"""Buffers of v2 calendars: how they are read, remembered, reported and named by `check`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from syncd.model import NO_BUFFER, Buffer, Topic
from syncd.systems.facts import FactStore
from syncd.systems.leadconnector import CalendarMapping, wire
from syncd.systems.leadconnector.buffers import store_buffers, stored_buffers
from syncd.systems.leadconnector.directory import directory_of
from tests.sandbox.kit import at

from .conftest import WINDOW, Clinic


def minutes(before: float, after: float) -> Buffer:
    """A buffer."""
    return Buffer(timedelta(minutes=before), timedelta(minutes=after))


def shown(**fields: Any) -> tuple[Buffer, str]:
    """What the directory makes of a calendar with these fields."""
    listing = msgspec.convert({"calendars": [{"id": "C", **fields}]}, wire.Calendars)
    calendar = directory_of(listing)["C"]
    return calendar.buffer, calendar.unreadable_buffer


@pytest.mark.parametrize(
    ("fields", "buffer"),
    [
        ({}, NO_BUFFER),
        ({"slotBuffer": 0, "preBuffer": None}, NO_BUFFER),
        ({"slotBuffer": 10}, minutes(0, 10)),
        ({"slotBuffer": 10, "slotBufferUnit": "mins"}, minutes(0, 10)),
        ({"preBuffer": 15, "preBufferUnit": "mins"}, minutes(15, 0)),
        ({"preBuffer": 1, "preBufferUnit": "hours", "slotBuffer": "30"}, minutes(60, 30)),
        ({"preBuffer": "0.5", "preBufferUnit": "Hours"}, minutes(30, 0)),
        ({"slotBuffer": 24, "slotBufferUnit": "hours"}, minutes(0, 1440)),
    ],
)
def test_each_side_has_a_unit_of_its_own(fields: dict[str, Any], buffer: Buffer) -> None:
    assert shown(**fields) == (buffer, "")


@pytest.mark.parametrize(
    ("fields", "odd"),
    [
        ({"slotBuffer": 2, "slotBufferUnit": "days"}, "2 days"),
        ({"slotBuffer": -5}, "-5"),
        ({"slotBuffer": 25, "slotBufferUnit": "hours"}, "25 hours"),
        ({"slotBuffer": "nan"}, "nan"),
        ({"slotBuffer": "1e400"}, "1e400"),
        ({"slotBuffer": True}, "True"),
        ({"slotBuffer": {"x": 1}}, "{'x': 1}"),
        ({"preBuffer": "soon", "slotBuffer": [1]}, "soon, [1]"),
        ({"slotBuffer": 5, "slotBufferUnit": ["mins"]}, "5 ['mins']"),
        ({"slotBuffer": "1\u2028\u001b"}, "1\\u2028\\u001b"),
    ],
)
def test_what_cannot_be_read_is_no_buffer_and_is_kept_as_it_is_spelt(
    fields: dict[str, Any], odd: str
) -> None:
    assert shown(**fields) == (NO_BUFFER, odd)


def test_one_side_that_cannot_be_read_costs_only_that_side() -> None:
    assert shown(preBuffer=10, slotBuffer=1, slotBufferUnit="weeks") == (
        minutes(10, 0),
        "1 weeks",
    )


async def test_buffers_are_known_only_where_blocks_are_to_cover_them(clinic: Clinic) -> None:
    clinic.platform.set_buffers(clinic.calendar, 15, 10)
    for option, expected in (("ignore", {}), ("close", {clinic.calendar: minutes(15, 10)})):
        system = clinic.build(buffers=option)
        await system.read(WINDOW)
        assert system.buffers == expected


async def test_a_later_process_knows_them_before_the_location_answers(clinic: Clinic) -> None:
    clinic.platform.set_buffers(clinic.calendar, 15, 10)
    system = clinic.build(buffers="close")
    await system.read(WINDOW)
    again = clinic.build(buffers="close")
    assert again.buffers == {}
    again.facts.load(system.facts.unsaved())
    assert again.buffers == {clinic.calendar: minutes(15, 10)}


def test_a_calendar_keeps_its_buffer_until_another_one_is_told(clinic: Clinic) -> None:
    facts = FactStore("clinic", clinic.clock)
    rows = [{"id": "A", "slotBuffer": 5}, {"id": "B", "preBuffer": 5}]
    untold = [{"id": "A"}, {"id": "B", "preBuffer": "five"}]
    off = [{"id": id, "slotBuffer": 0, "preBuffer": 0} for id in "AB"]
    listings = [
        directory_of(msgspec.convert({"calendars": part}, wire.Calendars))
        for part in (rows, rows[:1], untold, off[:1], off)
    ]
    known = [dict(store_buffers(facts, listing)) for listing in listings]
    assert known == [
        *[{"A": minutes(0, 5), "B": minutes(5, 0)}] * 3,
        {"B": minutes(5, 0)},
        {},
    ]
    assert stored_buffers(facts) == {}


async def test_a_read_takes_no_more_calls_for_buffers(clinic: Clinic) -> None:
    counts = []
    for option in ("ignore", "close"):
        system = clinic.build(buffers=option)
        for _ in range(2):
            before = len(clinic.door.seen)
            await system.read(WINDOW)
            counts.append(len(clinic.door.seen) - before)
    assert counts[:2] == counts[2:]


async def test_a_unit_that_is_not_known_is_reported_once_for_its_calendar(clinic: Clinic) -> None:
    clinic.platform.set_buffers(clinic.calendar, 1, 2, unit="days")
    system = clinic.build(buffers="close")
    snapshot = await system.read(WINDOW)
    (odd,) = snapshot.malformed
    assert (odd.topic, odd.provider, odd.event) == (
        Topic.ACCOUNT,
        "alice",
        f"calendar {clinic.calendar}",
    )
    assert "1 days, 2 days is not understood" in odd.reason
    assert system.buffers == {}
    assert (await clinic.build().read(WINDOW)).malformed == []


async def test_check_names_each_calendar_with_a_buffer_and_what_it_means(clinic: Clinic) -> None:
    clinic.platform.set_buffers(clinic.calendar, 15, 0)
    clinic.platform.set_buffers(clinic.bobs, 1, 2, unit="hours")
    found = [f for f in await clinic.build(clinic.both).check() if "free" in f.message]
    assert [(f.level, f.subject) for f in found] == [
        ("ok", "clinic: alice"),
        ("ok", "clinic: bob"),
    ]
    assert "15 min before and 0 min after each booking" in found[0].message
    assert "60 min before and 120 min after each booking" in found[1].message
    assert "the other systems offer that time" in found[0].message
    assert 'buffers = "close"' in found[0].remedy
    closed = [f for f in await clinic.build(buffers="close").check() if "free" in f.message]
    assert [(f.level, f.remedy) for f in closed] == [("ok", "")]
    assert "blocks in the other systems cover that time" in closed[0].message


async def test_check_warns_of_a_buffer_that_it_cannot_read(clinic: Clinic) -> None:
    clinic.platform.set_buffers(clinic.calendar, 0, 2, unit="weeks")
    found = [f for f in await clinic.build().check() if "buffer" in f.message]
    assert [(f.level, f.subject) for f in found] == [("warning", "clinic: alice")]


async def test_the_emulated_location_keeps_a_buffer_free_in_its_calendar_only(
    clinic: Clinic,
) -> None:
    both = CalendarMapping(clinic.alice, (clinic.calendar,))
    second = clinic.platform.add_calendar("Second", users=[clinic.alice])
    clinic.platform.set_buffers(clinic.calendar, 30, 60)
    clinic.platform.book(clinic.calendar, clinic.alice, at(11), at(12), clinic.contact)
    of_second = CalendarMapping(clinic.alice, (second,))
    offered = {}
    for name, of in (("first", both), ("second", of_second)):
        system = clinic.build({"alice": of})
        spans = await system.free_slots("alice", WINDOW)
        day = [s for s in spans if s.start.date() == at(11).date()]
        offered[name] = [s for s in day if s.start < at(14) and at(9) < s.end]
    gap = [
        (a.end, b.start) for a, b in zip(offered["first"], offered["first"][1:], strict=False)
        if a.end != b.start
    ]  # fmt: skip
    assert gap == [(at(10.5), at(13))]
    assert any(s.start <= at(12) < s.end for s in offered["second"])
