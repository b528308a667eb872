"""Follow events that began before the lists by id, within a limit, and never free them unproven."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from syncd.engine.report import SystemStatus
from syncd.engine.running_events import FAR_LOOK_BACK, MAX_FOLLOWED, Depth
from syncd.model import EventRef, Kind, Value
from syncd.systems.port import LookupResult, RetryableError
from tests.core.kit import at
from tests.engine.conftest import EngineHarness
from tests.engine.fakes import FakeSystem, lost_reply
from tests.engine.test_promises import settle

DAY = timedelta(days=1)


def leave(before: float, after: float) -> Value:
    """Return a leave that runs at the start of the test."""
    return Value(at(6) - before * DAY, at(6) + after * DAY)


def by_start(harness: EngineHarness) -> None:
    """Let every system list only events that begin in the requested time."""
    for system in harness.systems:
        system.by_start = True


def count_asks(harness: EngineHarness) -> list[tuple[str, str]]:
    """Record the reads by id from now on, as (system, event)."""
    asked: list[tuple[str, str]] = []

    def noting(system: FakeSystem) -> Callable[..., Awaitable[LookupResult]]:
        read = system.read_one

        async def read_one(ref: EventRef, value: Value | None = None) -> LookupResult:
            asked.append((system.name, ref.id))
            return await read(ref, value)

        return read_one

    for system in harness.systems:
        system.read_one = noting(system)  # type: ignore[method-assign,assignment]
    return asked


async def test_a_near_read_neither_asks_for_a_running_leave_nor_frees_it(
    harness: EngineHarness,
) -> None:
    by_start(harness)
    event = harness.a.human_block("p", leave(5, 4))
    await settle(harness)
    asked = count_asks(harness)
    harness.a.delete(event)
    report = await harness.engine.poll(near=True)
    assert (asked, report.operations.total()) == ([], 0)
    assert harness.blocks()["b"] == [leave(5, 4).interval]
    for _ in range(2):
        harness.clock.pass_(minutes=15)
        await harness.engine.poll(near=False)
    await harness.engine.poll(near=False)
    assert harness.blocks()["b"] == []


async def test_a_far_read_lists_a_leave_of_last_week_and_asks_for_none_by_id(
    harness: EngineHarness,
) -> None:
    by_start(harness)
    harness.a.human_block("p", leave(5, 4))
    await settle(harness)
    asked = count_asks(harness)
    harness.clock.pass_(minutes=15)
    await harness.engine.poll(near=False)
    assert asked == []


async def test_a_long_leave_is_read_by_id_once_in_each_far_interval(harness: EngineHarness) -> None:
    by_start(harness)
    event = harness.a.human_block("p", leave(20, 4))
    await settle(harness)
    asked = count_asks(harness)
    for _ in range(4):
        harness.clock.pass_(minutes=7.5)
        await harness.engine.poll(near=False)
    assert asked.count(("a", event)) == 2
    # Its two blocks are as long, and a person may remove them.
    assert len(asked) == 6


async def test_nothing_is_asked_for_by_id_once_a_leave_has_ended(harness: EngineHarness) -> None:
    by_start(harness)
    harness.a.human_block("p", leave(20, 1))
    await settle(harness)
    asked = count_asks(harness)
    harness.clock.pass_(days=1, minutes=1)
    await harness.engine.poll(near=False)
    assert asked == []


async def test_more_running_events_than_the_bound_take_turns(harness: EngineHarness) -> None:
    by_start(harness)
    events = {harness.a.human_block("p", leave(20 + n / 100, 4)) for n in range(MAX_FOLLOWED + 10)}
    await settle(harness)
    asked = count_asks(harness)
    seen = []
    for _ in range(2):
        before = len(asked)
        harness.clock.pass_(minutes=15)
        await harness.engine.poll(near=False)
        seen.append([system for system, _ in asked[before:]].count("a"))
    assert seen == [MAX_FOLLOWED, MAX_FOLLOWED]
    assert {event for system, event in asked if system == "a"} == events


async def test_an_event_that_cannot_be_read_by_id_stays_and_holds_up_no_other(
    harness: EngineHarness,
) -> None:
    by_start(harness)
    odd, event = (harness.a.human_block("p", leave(20 + n, 4)) for n in range(2))
    await settle(harness)
    harness.a.broken.add(odd)
    harness.a.delete(event)
    for _ in range(3):
        harness.clock.pass_(minutes=15)
        await harness.engine.poll(near=False)
    assert harness.blocks()["b"] == [leave(20, 4).interval]


async def test_a_system_that_fails_by_id_frees_nothing_and_is_reported(
    harness: EngineHarness,
) -> None:
    by_start(harness)
    harness.a.human_block("p", leave(20, 4))
    await settle(harness)
    harness.a.faults["read_one"] = [RetryableError("a", "GET one", status=503)]
    harness.clock.pass_(minutes=15)
    report = await harness.engine.poll(near=False)
    assert report.systems["a"].state is SystemStatus.DOWN
    assert harness.blocks()["b"] == [leave(20, 4).interval]


async def test_the_first_far_read_of_a_process_looks_back_as_a_resync_does(
    harness: EngineHarness,
) -> None:
    by_start(harness)
    await settle(harness)
    harness.restart()
    harness.a.human_block("p", leave(20, 4))
    await harness.engine.poll(near=True)
    assert harness.blocks()["b"] == []
    await harness.engine.poll(near=False)
    assert harness.blocks()["b"] == [leave(20, 4).interval]
    assert harness.engine.running.look_back("a", ["p"], Depth.FAR) == FAR_LOOK_BACK


async def test_a_leave_entered_later_that_began_long_ago_waits_for_a_resync(
    harness: EngineHarness,
) -> None:
    by_start(harness)
    await settle(harness)
    harness.a.human_block("p", leave(20, 4))
    await harness.engine.poll(near=False)
    assert harness.blocks()["b"] == []
    await harness.engine.resync()
    assert harness.blocks()["b"] == [leave(20, 4).interval]


async def test_a_long_block_is_read_again_before_it_is_moved(harness: EngineHarness) -> None:
    """A near read covers part of the block without listing it: a person may have changed it."""
    harness.b.by_start = harness.c.by_start = True
    event = harness.a.human_block("p", leave(5, 4))
    await settle(harness)
    (block,) = (e for e, held in harness.b.events.items() if held.value == leave(5, 4))
    harness.b.events[block].kind = Kind.APPOINTMENT
    harness.b.events[block].person = "kim"
    harness.a.move(event, leave(5, 6))
    await harness.engine.poll(near=True)
    assert harness.b.events[block].value == leave(5, 4)


@pytest.mark.parametrize("before", [5, 20, 90])
async def test_a_newly_mapped_calendar_keeps_a_leave_that_its_list_need_not_show(
    harness: EngineHarness, before: float
) -> None:
    harness.a.human_block("p", leave(before, 4))
    await settle(harness)
    by_start(harness)
    harness.engine.read_progress.mapped = {
        **harness.engine.read_progress.mapped,
        ("p", "a"): "another",
    }
    await harness.engine.resync()
    await settle(harness)
    assert harness.blocks()["b"] == [leave(before, 4).interval]


async def newly_mapped_after_90_days(harness: EngineHarness) -> None:
    await test_a_newly_mapped_calendar_keeps_a_leave_that_its_list_need_not_show(harness, 90)


async def test_a_lost_create_is_made_again_beside_a_leave_that_lists_need_not_show(
    harness: EngineHarness,
) -> None:
    # Seeds 30043 and 30107: the lists seemed to hide events during the leave.
    by_start(harness)
    harness.a.human_block("p", leave(5, 4))
    await settle(harness)
    event = harness.a.book("p", Value(at(9), at(10)))
    harness.b.faults["write"] = [lost_reply("b")]
    await harness.engine.resync()
    harness.clock.pass_(minutes=5)
    await settle(harness)
    value = harness.a.events[event].value
    assert value.interval in harness.b.blocks("p")
    assert harness.store.pending_intents() == []
