"""Buffers of v2 calendars: parsed, stored, reported, and shown by `check`."""

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
from tests.lab.sandbox.kit import at

from .conftest import WINDOW, Clinic


def minutes(before: float, after: float) -> Buffer:
    """Return a buffer."""
    return Buffer(timedelta(minutes=before), timedelta(minutes=after))


def parsed_buffer(**fields: Any) -> tuple[Buffer, str]:
    """Return the buffer of a calendar row with these fields, and its unreadable text."""
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
    assert parsed_buffer(**fields) == (buffer, "")


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
def test_an_unreadable_buffer_counts_as_none_and_its_text_is_kept(
    fields: dict[str, Any], odd: str
) -> None:
    assert parsed_buffer(**fields) == (NO_BUFFER, odd)


def test_an_unreadable_side_of_a_buffer_does_not_affect_the_other() -> None:
    assert parsed_buffer(preBuffer=10, slotBuffer=1, slotBufferUnit="weeks") == (
        minutes(10, 0),
        "1 weeks",
    )


async def test_buffers_are_known_only_where_blocks_are_to_cover_them(clinic: Clinic) -> None:
    clinic.platform.set_buffers(clinic.calendar, 15, 10)
    for option, expected in (("ignore", {}), ("close", {clinic.calendar: minutes(15, 10)})):
        system = clinic.build(buffers=option)
        await system.read(WINDOW)
        assert system.buffers == expected


async def test_a_later_process_knows_the_buffers_before_the_first_read(clinic: Clinic) -> None:
    clinic.platform.set_buffers(clinic.calendar, 15, 10)
    system = clinic.build(buffers="close")
    await system.read(WINDOW)
    again = clinic.build(buffers="close")
    assert again.buffers == {}
    again.facts.load(system.facts.unsaved())
    assert again.buffers == {clinic.calendar: minutes(15, 10)}


def test_a_calendar_keeps_its_buffer_until_another_one_is_read(clinic: Clinic) -> None:
    facts = FactStore("clinic", clinic.clock)
    rows = [{"id": "A", "slotBuffer": 5}, {"id": "B", "preBuffer": 5}]
    without_buffers = [{"id": "A"}, {"id": "B", "preBuffer": "five"}]
    zero_buffers = [{"id": id, "slotBuffer": 0, "preBuffer": 0} for id in "AB"]
    listings = [
        directory_of(msgspec.convert({"calendars": part}, wire.Calendars))
        for part in (rows, rows[:1], without_buffers, zero_buffers[:1], zero_buffers)
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
            before = len(clinic.proxy.requests)
            await system.read(WINDOW)
            counts.append(len(clinic.proxy.requests) - before)
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
    assert "1 days, 2 days of the calendar is not readable" in odd.reason
    assert system.buffers == {}
    assert (await clinic.build().read(WINDOW)).malformed == []


async def test_check_reports_each_calendar_with_a_buffer_and_its_effect(clinic: Clinic) -> None:
    clinic.platform.set_buffers(clinic.calendar, 15, 0)
    clinic.platform.set_buffers(clinic.bobs, 1, 2, unit="hours")
    found = [f for f in await clinic.build(clinic.both).check() if "free" in f.message]
    assert [(f.level, f.subject) for f in found] == [
        ("ok", "clinic: alice"),
        ("ok", "clinic: bob"),
    ]
    assert "15 min before and 0 min after each booking" in found[0].message
    assert "60 min before and 120 min after each booking" in found[1].message
    assert "the other systems still offer that time" in found[0].message
    assert 'buffers = "close"' in found[0].remedy
    closed = [f for f in await clinic.build(buffers="close").check() if "free" in f.message]
    assert [(f.level, f.remedy) for f in closed] == [("ok", "")]
    assert "blocks in the other systems cover that time" in closed[0].message


async def test_check_warns_about_an_unreadable_buffer(clinic: Clinic) -> None:
    clinic.platform.set_buffers(clinic.calendar, 0, 2, unit="weeks")
    found = [f for f in await clinic.build().check() if "buffer" in f.message]
    assert [(f.level, f.subject) for f in found] == [("warning", "clinic: alice")]


async def test_the_emulated_location_keeps_a_buffer_free_in_its_calendar_only(
    clinic: Clinic,
) -> None:
    first_calendar = CalendarMapping(clinic.alice, (clinic.calendar,))
    second = clinic.platform.add_calendar("Second", users=[clinic.alice])
    clinic.platform.set_buffers(clinic.calendar, 30, 60)
    clinic.platform.book(clinic.calendar, clinic.alice, at(11), at(12), clinic.contact)
    second_calendar = CalendarMapping(clinic.alice, (second,))
    offered = {}
    for name, mapping in (("first", first_calendar), ("second", second_calendar)):
        system = clinic.build({"alice": mapping})
        spans = await system.free_slots("alice", WINDOW)
        day = [s for s in spans if s.start.date() == at(11).date()]
        offered[name] = [s for s in day if s.start < at(14) and at(9) < s.end]
    gap = [
        (a.end, b.start) for a, b in zip(offered["first"], offered["first"][1:], strict=False)
        if a.end != b.start
    ]  # fmt: skip
    assert gap == [(at(10.5), at(13))]
    assert any(s.start <= at(12) < s.end for s in offered["second"])
