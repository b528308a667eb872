"""Make a block only in a calendar that was read since the meeting became known."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from syncd.core.poll_schedule import ROUNDS
from syncd.engine.report import RunExit
from syncd.model import Action, WaitReason
from syncd.systems.port import RateLimitedError
from tests.core.kit import v
from tests.engine.conftest import EngineHarness
from tests.engine.test_twin_deleted import ANN
from tests.engine.test_waiting import stop_writes, waits

FAR = v(24 * 20)
"""A time that only far reads show."""


def book_twins(harness: EngineHarness) -> None:
    """Book one meeting in a and b, far ahead."""
    for system in (harness.a, harness.b):
        system.persons["ann"] = ANN
        system.book("p", FAR, "ann")


async def far_without_b(harness: EngineHarness) -> None:
    """Run a far read while b does not answer."""
    harness.b.faults["read"] = [RateLimitedError("b", "GET /", wait=60)]
    await harness.engine.poll(near=False)
    assert not harness.b.faults["read"]


async def test_a_time_that_was_not_read_since_the_meeting_became_known_is_closed_later(
    harness: EngineHarness,
) -> None:
    await harness.engine.resync()
    harness.clock.pass_(minutes=14)
    book_twins(harness)
    harness.clock.pass_(minutes=1)
    await far_without_b(harness)
    harness.clock.pass_(minutes=1)
    report = await harness.engine.poll(near=True)
    assert waits(harness) == [("b", Action.CREATE_BLOCK, WaitReason.NOT_READ)]
    assert report.exit is RunExit.UNANSWERED
    harness.clock.pass_(minutes=14)
    await harness.engine.poll(near=False)
    # The twin has this time, so there was never a block.
    assert [o.action for o in harness.b.writes] == []
    assert harness.blocks() == {"a": [], "b": [], "c": [FAR.interval]}
    assert waits(harness) == []


async def test_a_meeting_without_a_twin_is_blocked_after_the_next_far_read(
    harness: EngineHarness,
) -> None:
    await harness.engine.resync()
    harness.clock.pass_(minutes=5)
    harness.a.book("p", FAR)
    await far_without_b(harness)
    await harness.engine.poll(near=True)
    assert harness.blocks()["b"] == []
    await harness.engine.poll(near=False)
    assert harness.blocks()["b"] == [FAR.interval]
    assert waits(harness) == []


async def test_near_meetings_wait_for_no_far_read(harness: EngineHarness) -> None:
    await harness.engine.resync()
    harness.a.book("p", v(9))
    await far_without_b(harness)
    await harness.engine.poll(near=True)
    assert harness.blocks()["b"] == [v(9).interval]


async def test_a_refused_block_is_tried_by_the_next_near_poll_while_far_reads_are_in_time(
    harness: EngineHarness,
) -> None:
    await harness.engine.resync()
    harness.a.book("p", FAR)
    stop_writes(harness, "b", WaitReason.RATE_LIMITED)
    await harness.engine.poll(near=False)
    harness.clock.pass_(minutes=2)
    stop_writes(harness, "b", None)
    await harness.engine.poll(near=True)
    assert harness.blocks()["b"] == [FAR.interval]


async def test_a_refused_block_waits_for_a_far_read_once_the_last_one_is_old(
    harness: EngineHarness,
) -> None:
    """Writes failed for so long that a person may have entered the meeting there, too."""
    await harness.engine.resync()
    harness.a.persons["ann"] = harness.b.persons["ann"] = ANN
    harness.a.book("p", FAR, "ann")
    stop_writes(harness, "b", WaitReason.RATE_LIMITED)
    await harness.engine.poll(near=False)
    harness.b.book("p", FAR, "ann")
    harness.clock.time += ROUNDS * harness.engine.policy.far_every + timedelta(minutes=1)
    stop_writes(harness, "b", None)
    await harness.engine.poll(near=True)
    assert harness.blocks()["b"] == []
    await harness.engine.poll(near=False)
    assert (harness.blocks()["b"], waits(harness)) == ([], [])


async def test_a_new_process_knows_when_the_calendar_was_last_read_whole(
    harness: EngineHarness,
) -> None:
    harness.a.book("p", FAR)
    stop_writes(harness, "b", WaitReason.RATE_LIMITED)
    await harness.engine.resync()
    harness.restart()
    await harness.engine.poll(near=True)
    assert harness.blocks()["b"] == [FAR.interval]


async def test_a_new_process_takes_no_old_read_for_a_new_one(harness: EngineHarness) -> None:
    await harness.engine.resync()
    harness.clock.pass_(minutes=10)
    book_twins(harness)
    await far_without_b(harness)
    harness.restart()
    await harness.engine.poll(near=True)
    assert harness.b.writes == []


async def test_an_incomplete_answer_about_the_time_is_enough(harness: EngineHarness) -> None:
    """After an incomplete read, calendars stay writable (docs/design.md#windows)."""
    await harness.engine.resync()
    harness.a.book("p", FAR)
    harness.b.unnamed = {"p": FAR.start}
    await harness.engine.poll(near=False)
    assert harness.blocks()["b"] == [FAR.interval]


async def test_a_leave_that_runs_waits_for_no_read_of_the_time_when_it_began(
    harness: EngineHarness,
) -> None:
    harness.a.human_block("p", replace(v(9), start=v(-24 * 20).start, end=v(24 * 5).end))
    await harness.engine.resync()
    (block,) = [event for event, held in harness.b.events.items() if held.provider == "p"]
    harness.b.delete(block)
    harness.clock.pass_(minutes=2)
    await harness.engine.resync()
    assert len(harness.blocks()["b"]) == 1


@pytest.mark.parametrize("days", [70, 400])
async def test_a_time_that_no_read_of_the_window_shows_is_closed_at_once(
    harness: EngineHarness, days: int
) -> None:
    """A meeting that is moved out of the window is blocked at its new time."""
    event = harness.a.book("p", v(9))
    stop_writes(harness, "b", WaitReason.RATE_LIMITED)
    await harness.engine.resync()
    harness.a.move(event, v(24 * days))
    stop_writes(harness, "b", None)
    await harness.engine.poll(near=True)
    assert harness.blocks()["b"] == [v(24 * days).interval]


async def test_a_clock_that_was_set_back_makes_no_read_the_latest(harness: EngineHarness) -> None:
    right = harness.clock.now()
    harness.clock.pass_(hours=5)
    await harness.engine.resync()
    harness.clock.time = _a_minute_after(right)
    book_twins(harness)
    await far_without_b(harness)
    await harness.engine.poll(near=True)
    assert harness.b.writes == []


def _a_minute_after(at: datetime) -> datetime:
    return at + timedelta(minutes=1)
