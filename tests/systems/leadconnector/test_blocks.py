"""Lookup of one block: by its id if the location supports that, otherwise in complete lists."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.lab.sandbox.caps import KeptRows, ListCap
from syncd.model import EventRef, Fact, Kind
from syncd.systems.facts import FactStore
from syncd.systems.leadconnector import CalendarMapping, LeadConnector
from syncd.systems.lookup_results import Found, Gone, Unknown
from syncd.systems.measured import Side
from tests.lab.sandbox.kit import HOUR, at

from .conftest import BLOCKED, WINDOW, Clinic, hour

BLOCK_BY_ID = "GET /calendars/events/appointments/{id}"
CALENDARS = "GET /calendars/"
DAY = timedelta(days=1)


def ref(block: str, provider: str = "alice") -> EventRef:
    return EventRef("clinic", provider, block, Kind.BLOCK)


async def gone(system: LeadConnector, block: str) -> bool:
    return isinstance(await system.read_one(ref(block), hour(at(12))), Gone)


async def test_a_block_that_is_answered_by_its_id_takes_one_call(clinic: Clinic) -> None:
    clinic.platform.blocks_by_id = True
    block, system = clinic.block(at(12)), clinic.build()
    await system.read(WINDOW)
    clinic.proxy.requests.clear()
    found = await system.read_one(ref(block), hour(at(12)))
    assert isinstance(found, Found)
    assert (found.event.id, found.event.kind, found.event.provider) == (block, Kind.BLOCK, "alice")
    assert clinic.proxy.calls == [BLOCK_BY_ID]


async def test_a_location_that_does_not_answer_blocks_by_id_is_asked_that_once(
    clinic: Clinic,
) -> None:
    block, system = clinic.block(at(12)), clinic.build()
    for _ in range(3):
        assert isinstance(await system.read_one(ref(block), hour(at(12))), Found)
    assert len(clinic.sent(BLOCK_BY_ID)) == 1
    clinic.clock.advance(8 * 86_400)
    await system.read_one(ref(block), hour(at(12)))
    assert len(clinic.sent(BLOCK_BY_ID)) == 2


async def test_whether_blocks_are_answered_by_id_is_remembered(clinic: Clinic) -> None:
    block, system = clinic.block(at(12)), clinic.build()
    await system.read_one(ref(block), hour(at(12)))
    again = clinic.build()
    again.facts.load(system.facts.unsaved())
    await again.read_one(ref(block), hour(at(12)))
    assert len(clinic.sent(BLOCK_BY_ID)) == 1
    assert isinstance(system.facts, FactStore)


async def test_a_404_alone_proves_nothing_where_no_block_was_ever_answered_by_id(
    clinic: Clinic,
) -> None:
    """The day is also full, so that no free slot proves the absence."""
    clinic.platform.block(clinic.alice, at(0), at(0) + 2 * DAY, "Off")
    block = clinic.block(at(12))
    clinic.platform.remove_block(block)
    clinic.platform.caps["/calendars/blocked-slots"] = ListCap(1, "first")
    clinic.proxy.rewrite(BLOCKED, lambda answer: {**answer, "events": []})
    assert isinstance(await clinic.build().read_one(ref(block), hour(at(12))), Unknown)


async def test_a_404_counts_with_an_empty_list_where_blocks_are_answered_by_id(
    clinic: Clinic,
) -> None:
    clinic.platform.blocks_by_id = True
    clinic.platform.block(clinic.alice, at(0), at(0) + 2 * DAY, "Off")
    block, system = clinic.block(at(12)), clinic.build()
    await system.read_one(ref(block), hour(at(12)))
    clinic.platform.remove_block(block)
    clinic.proxy.rewrite(BLOCKED, lambda answer: {**answer, "events": []})
    assert await system.read_one(ref(block), hour(at(12))) == Gone()


async def test_a_list_that_shows_a_block_wins_over_a_404(clinic: Clinic) -> None:
    """Busy time from Google may be listed, but not be readable by its id."""
    clinic.platform.blocks_by_id = True
    first, system = clinic.block(at(9)), clinic.build()
    await system.read_one(ref(first), hour(at(9)))
    clinic.platform.blocks_by_id = False
    mirrored = clinic.block(at(12))
    assert system.measured.is_yes("block_by_id")
    assert isinstance(await system.read_one(ref(mirrored), hour(at(12))), Found)
    assert system.measured.side("block_by_id") is Side.CONTRADICTED
    assert Kind.BLOCK in system.capabilities.gone_by_list


async def test_a_block_that_is_listed_after_a_404_drops_the_fact_that_blocks_are_read_by_id(
    clinic: Clinic,
) -> None:
    clinic.platform.blocks_by_id = True
    first, system = clinic.block(at(9)), clinic.build()
    await system.read_one(ref(first), hour(at(9)))
    assert Kind.BLOCK not in system.capabilities.gone_by_list
    clinic.platform.blocks_by_id = False
    mirrored = clinic.block(at(12))
    clinic.proxy.rewrite(BLOCKED, lambda answer: {**answer, "events": []})
    assert isinstance(await system.read_one(ref(mirrored), hour(at(12))), Gone)
    clinic.proxy.answers.clear()
    await system.read(WINDOW)
    assert system.measured.is_yes("block_by_id")  # A list may be older than the answer.
    clinic.clock.advance(60)
    await system.read(WINDOW)
    assert system.measured.side("block_by_id") is Side.CONTRADICTED
    clinic.platform.blocks_by_id = True
    assert isinstance(await system.read_one(ref(first), hour(at(9))), Found)
    assert system.measured.side("block_by_id") is Side.CONTRADICTED, "only a probe measures anew"


async def test_the_fact_name_of_earlier_versions_still_counts(
    clinic: Clinic,
) -> None:
    system = clinic.build()
    system.facts.load([Fact("clinic", "blocks by id", "yes", clinic.clock.now())])
    assert system.measured.is_yes("block_by_id")


@pytest.mark.parametrize(("measured", "gone"), [("", False), ("yes", True), ("no", False)])
async def test_free_slots_prove_an_absence_only_where_blocks_close_them(
    clinic: Clinic, measured: str, gone: bool
) -> None:
    block, system = clinic.block(at(12)), clinic.build()
    clinic.platform.remove_block(block)
    if measured:
        system.measured.note("block_closes_calendars", measured)
    found = await system.read_one(ref(block), hour(at(12)))
    assert isinstance(found, Gone) is gone


@pytest.mark.parametrize("keeps", ["first", "last", "any"])
async def test_a_block_is_not_gone_because_a_capped_list_shows_others(
    clinic: Clinic, keeps: KeptRows
) -> None:
    """The cap is 120, which is not a suspicious length."""
    clinic.platform.caps["/calendars/blocked-slots"] = ListCap(120, keeps)
    for number in range(130):
        when = at(0) + number * DAY / 2 - 20 * DAY
        clinic.platform.block(clinic.alice, when, when + HOUR, "Closed")
    blocks = [clinic.block(at(12) + day * DAY) for day in (-9, 0, 9, 40)]
    system = clinic.build()
    for block, day in zip(blocks, (-9, 0, 9, 40), strict=True):
        value = hour(at(12) + day * DAY)
        assert isinstance(await system.read_one(ref(block), value), Found)
    clinic.platform.remove_block(blocks[1])
    assert await system.read_one(ref(blocks[1]), hour(at(12))) == Gone(own_list=True)


ODD_ROWS: dict[str, dict[str, str | None]] = {
    "nothing else": {},
    "no readable time": {"startTime": "soon", "endTime": None},
    "another year": {"startTime": "2031-05-01T09:00:00Z", "endTime": "2031-05-01T10:00:00Z"},
}


@pytest.mark.parametrize("row", ODD_ROWS)
@pytest.mark.parametrize("others", [False, True])
async def test_a_row_that_cannot_be_read_does_not_prove_that_a_list_of_blocks_works(
    clinic: Clinic, row: str, *, others: bool
) -> None:
    """An answer invented by a broken proxy looks like a list without the block."""
    block = clinic.block(at(12))
    clinic.proxy.rewrite(BLOCKED, lambda _: {"events": [{"id": "\ufffd\ufffd", **ODD_ROWS[row]}]})
    system = clinic.build(clinic.both if others else None)
    assert isinstance(await system.read_one(ref(block), hour(at(12))), Unknown)


async def test_a_quarter_of_an_hour_with_more_rows_than_the_cap_proves_no_absence(
    clinic: Clinic,
) -> None:
    clinic.platform.caps["/calendars/blocked-slots"] = ListCap(100, "first")
    for _ in range(130):
        clinic.platform.block(clinic.alice, at(12), at(12) + HOUR, "Closed")
    block = clinic.block(at(12))
    clinic.platform.remove_block(block)
    assert isinstance(await clinic.build().read_one(ref(block), hour(at(12))), Unknown)


async def test_the_blocks_of_a_calendar_that_left_its_group_are_not_gone(clinic: Clinic) -> None:
    """The cached directory has both calendars in one group, whose list shows only the other."""
    platform = clinic.platform
    second = platform.add_calendar("Second hall", "event", group=clinic.group)
    platform.regroup(clinic.hall, clinic.group)
    mapped = {"hall": CalendarMapping(None, (clinic.hall, second))}
    system = clinic.build(mapped)
    block = platform.block("", at(12), at(13), "Cleaning", clinic.hall)
    platform.block("", at(12), at(13), "Cleaning", second)
    await system.read(WINDOW)
    platform.regroup(clinic.hall, platform.add_group("Others"))
    await system.read(WINDOW)
    assert isinstance(await system.read_one(ref(block, "hall"), hour(at(12))), Found)


async def test_a_known_event_that_a_list_lacks_has_the_calendars_read_again(
    clinic: Clinic,
) -> None:
    meeting, system = clinic.book(at(9)), clinic.build(clinic.both)
    await system.read(WINDOW)
    clinic.platform.regroup(clinic.calendar, clinic.platform.add_group("Others"))
    lacking = await system.read(WINDOW)
    assert meeting not in {row.id for row in lacking.rows}
    await system.read_one(EventRef("clinic", "alice", meeting, Kind.APPOINTMENT), hour(at(9)))
    asked = len(clinic.sent(CALENDARS))
    again = await system.read(WINDOW)
    assert meeting in {row.id for row in again.rows}
    assert len(clinic.sent(CALENDARS)) == asked + 1


async def test_a_list_that_lacks_an_event_has_the_calendars_read_every_five_minutes_at_most(
    clinic: Clinic,
) -> None:
    meeting, system = clinic.book(at(9)), clinic.build(clinic.both)
    clinic.proxy.rewrite("GET /calendars/events", lambda answer: {**answer, "events": []})
    for _ in range(4):
        await system.read(WINDOW)
        await system.read_one(EventRef("clinic", "alice", meeting, Kind.APPOINTMENT), hour(at(9)))
    assert len(clinic.sent(CALENDARS)) == 2


async def test_an_event_that_moved_into_the_window_proves_nothing_about_calendars(
    clinic: Clinic,
) -> None:
    meeting, system = clinic.book(at(9)), clinic.build()
    clinic.proxy.rewrite("GET /calendars/events", lambda answer: {**answer, "events": []})
    await system.read(WINDOW)
    known = hour(at(9) - 3 * DAY)
    await system.read_one(EventRef("clinic", "alice", meeting, Kind.APPOINTMENT), known)
    await system.read(WINDOW)
    assert len(clinic.sent(CALENDARS)) == 1


async def test_a_refused_group_is_read_again_with_current_calendars(
    clinic: Clinic,
) -> None:
    platform, system = clinic.platform, clinic.build(clinic.both)
    await system.read(WINDOW)
    new = platform.add_group("New")
    for calendar in (clinic.calendar, clinic.bobs):
        platform.regroup(calendar, new)
    del platform.groups[clinic.group]
    platform.refuses_unknown_groups = True
    meeting = clinic.book(at(9))
    snapshot = await system.read(WINDOW)
    assert not snapshot.faults
    assert meeting in {row.id for row in snapshot.rows}
    assert {c.provider for c in snapshot.coverage} == {"alice", "bob"}
