"""Follow events that began before the lists by id, within a limit, and never free them unproven."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from syncd.engine.reading.running_events import FAR_LOOK_BACK, MAX_FOLLOWED, Depth
from syncd.engine.report.run_report import SystemStatus
from syncd.model import EventRef, Kind, Value
from syncd.systems.errors import RetryableError
from syncd.systems.lookup_results import LookupResult
from tests.core.kit import at
from tests.engine.conftest import Rig
from tests.engine.fakes import FakeSystem, lost_reply
from tests.engine.test_promises import settle

DAY = timedelta(days=1)


def leave(before: float, after: float) -> Value:
    """Return a leave that runs at the start of the test."""
    return Value(at(6) - before * DAY, at(6) + after * DAY)


def by_start(rig: Rig) -> None:
    """Let every system list only events that begin in the requested time."""
    for system in rig.systems:
        system.by_start = True


def count_asks(rig: Rig) -> list[tuple[str, str]]:
    """Record the reads by id from now on, as (system, event)."""
    asked: list[tuple[str, str]] = []

    def noting(system: FakeSystem) -> Callable[..., Awaitable[LookupResult]]:
        read = system.read_one

        async def read_one(ref: EventRef, value: Value | None = None) -> LookupResult:
            asked.append((system.name, ref.id))
            return await read(ref, value)

        return read_one

    for system in rig.systems:
        system.read_one = noting(system)  # type: ignore[method-assign,assignment]
    return asked


async def test_a_near_read_neither_asks_for_a_running_leave_nor_frees_it(rig: Rig) -> None:
    by_start(rig)
    event = rig.a.human_block("p", leave(5, 4))
    await settle(rig)
    asked = count_asks(rig)
    rig.a.delete(event)
    report = await rig.engine.poll(near=True)
    assert (asked, report.operations.total()) == ([], 0)
    assert rig.blocks()["b"] == [leave(5, 4).interval]
    for _ in range(2):
        rig.clock.pass_(minutes=15)
        await rig.engine.poll(near=False)
    await rig.engine.poll(near=False)
    assert rig.blocks()["b"] == []


async def test_a_far_read_lists_a_leave_of_last_week_and_asks_for_none_by_id(rig: Rig) -> None:
    by_start(rig)
    rig.a.human_block("p", leave(5, 4))
    await settle(rig)
    asked = count_asks(rig)
    rig.clock.pass_(minutes=15)
    await rig.engine.poll(near=False)
    assert asked == []


async def test_a_long_leave_is_read_by_id_once_in_each_far_interval(rig: Rig) -> None:
    by_start(rig)
    event = rig.a.human_block("p", leave(20, 4))
    await settle(rig)
    asked = count_asks(rig)
    for _ in range(4):
        rig.clock.pass_(minutes=7.5)
        await rig.engine.poll(near=False)
    assert asked.count(("a", event)) == 2
    # Its two blocks are as long, and a person may remove them.
    assert len(asked) == 6


async def test_nothing_is_asked_for_by_id_once_a_leave_has_ended(rig: Rig) -> None:
    by_start(rig)
    rig.a.human_block("p", leave(20, 1))
    await settle(rig)
    asked = count_asks(rig)
    rig.clock.pass_(days=1, minutes=1)
    await rig.engine.poll(near=False)
    assert asked == []


async def test_more_running_events_than_the_bound_take_turns(rig: Rig) -> None:
    by_start(rig)
    events = {rig.a.human_block("p", leave(20 + n / 100, 4)) for n in range(MAX_FOLLOWED + 10)}
    await settle(rig)
    asked = count_asks(rig)
    seen = []
    for _ in range(2):
        before = len(asked)
        rig.clock.pass_(minutes=15)
        await rig.engine.poll(near=False)
        seen.append([system for system, _ in asked[before:]].count("a"))
    assert seen == [MAX_FOLLOWED, MAX_FOLLOWED]
    assert {event for system, event in asked if system == "a"} == events


async def test_an_event_that_cannot_be_read_by_id_stays_and_holds_up_no_other(rig: Rig) -> None:
    by_start(rig)
    odd, event = (rig.a.human_block("p", leave(20 + n, 4)) for n in range(2))
    await settle(rig)
    rig.a.broken.add(odd)
    rig.a.delete(event)
    for _ in range(3):
        rig.clock.pass_(minutes=15)
        await rig.engine.poll(near=False)
    assert rig.blocks()["b"] == [leave(20, 4).interval]


async def test_a_system_that_fails_by_id_frees_nothing_and_is_reported(rig: Rig) -> None:
    by_start(rig)
    rig.a.human_block("p", leave(20, 4))
    await settle(rig)
    rig.a.faults["read_one"] = [RetryableError("a", "GET one", status=503)]
    rig.clock.pass_(minutes=15)
    report = await rig.engine.poll(near=False)
    assert report.systems["a"].state is SystemStatus.DOWN
    assert rig.blocks()["b"] == [leave(20, 4).interval]


async def test_the_first_far_read_of_a_process_looks_back_as_a_resync_does(rig: Rig) -> None:
    by_start(rig)
    await settle(rig)
    rig.restart()
    rig.a.human_block("p", leave(20, 4))
    await rig.engine.poll(near=True)
    assert rig.blocks()["b"] == []
    await rig.engine.poll(near=False)
    assert rig.blocks()["b"] == [leave(20, 4).interval]
    assert rig.engine.running.look_back("a", ["p"], Depth.FAR) == FAR_LOOK_BACK


async def test_a_leave_entered_later_that_began_long_ago_waits_for_a_resync(rig: Rig) -> None:
    by_start(rig)
    await settle(rig)
    rig.a.human_block("p", leave(20, 4))
    await rig.engine.poll(near=False)
    assert rig.blocks()["b"] == []
    await rig.engine.resync()
    assert rig.blocks()["b"] == [leave(20, 4).interval]


async def test_a_long_block_is_read_again_before_it_is_moved(rig: Rig) -> None:
    """A near read covers part of the block without listing it: a person may have changed it."""
    rig.b.by_start = rig.c.by_start = True
    event = rig.a.human_block("p", leave(5, 4))
    await settle(rig)
    (block,) = (e for e, held in rig.b.events.items() if held.value == leave(5, 4))
    rig.b.events[block].kind = Kind.APPOINTMENT
    rig.b.events[block].customer = "kim"
    rig.a.move(event, leave(5, 6))
    await rig.engine.poll(near=True)
    assert rig.b.events[block].value == leave(5, 4)


@pytest.mark.parametrize("before", [5, 20, 90])
async def test_a_newly_mapped_calendar_keeps_a_leave_that_its_list_need_not_show(
    rig: Rig, before: float
) -> None:
    rig.a.human_block("p", leave(before, 4))
    await settle(rig)
    by_start(rig)
    rig.engine.read_progress.mapped = {**rig.engine.read_progress.mapped, ("p", "a"): "another"}
    await rig.engine.resync()
    await settle(rig)
    assert rig.blocks()["b"] == [leave(before, 4).interval]


async def newly_mapped_after_90_days(rig: Rig) -> None:
    await test_a_newly_mapped_calendar_keeps_a_leave_that_its_list_need_not_show(rig, 90)


async def test_a_lost_create_is_made_again_beside_a_leave_that_lists_need_not_show(
    rig: Rig,
) -> None:
    # Seeds 30043 and 30107: the lists seemed to hide events during the leave.
    by_start(rig)
    rig.a.human_block("p", leave(5, 4))
    await settle(rig)
    event = rig.a.book("p", Value(at(9), at(10)))
    rig.b.faults["write"] = [lost_reply("b")]
    await rig.engine.resync()
    rig.clock.pass_(minutes=5)
    await settle(rig)
    value = rig.a.events[event].value
    assert value.interval in rig.b.blocks("p")
    assert rig.store.pending_intents() == []
