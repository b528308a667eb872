"""Make a block only in a calendar that was read since the meeting became known."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from syncd.core.polling.slices import ROUNDS
from syncd.engine.report.run_report import RunExit
from syncd.model import Action, WaitReason
from syncd.systems.errors import RateLimitedError
from tests.core.kit import v
from tests.engine.conftest import Rig
from tests.engine.test_twin_deleted import ANN
from tests.engine.test_waiting import stop_writes, waits

FAR = v(24 * 20)
"""A time that only far reads show."""


def book_twins(rig: Rig) -> None:
    """Book one meeting in a and b, far ahead."""
    for system in (rig.a, rig.b):
        system.customers["ann"] = ANN
        system.book("p", FAR, "ann")


async def far_without_b(rig: Rig) -> None:
    """Run a far read while b does not answer."""
    rig.b.faults["read"] = [RateLimitedError("b", "GET /", wait=60)]
    await rig.engine.poll(near=False)
    assert not rig.b.faults["read"]


async def test_a_time_that_was_not_read_since_the_meeting_became_known_is_closed_later(
    rig: Rig,
) -> None:
    await rig.engine.resync()
    rig.clock.pass_(minutes=14)
    book_twins(rig)
    rig.clock.pass_(minutes=1)
    await far_without_b(rig)
    rig.clock.pass_(minutes=1)
    report = await rig.engine.poll(near=True)
    assert waits(rig) == [("b", Action.CREATE_BLOCK, WaitReason.NOT_READ)]
    assert report.exit is RunExit.UNANSWERED
    rig.clock.pass_(minutes=14)
    await rig.engine.poll(near=False)
    # The twin has this time, so there was never a block.
    assert [o.action for o in rig.b.writes] == []
    assert rig.blocks() == {"a": [], "b": [], "c": [FAR.interval]}
    assert waits(rig) == []


async def test_a_meeting_without_a_twin_is_blocked_after_the_next_far_read(rig: Rig) -> None:
    await rig.engine.resync()
    rig.clock.pass_(minutes=5)
    rig.a.book("p", FAR)
    await far_without_b(rig)
    await rig.engine.poll(near=True)
    assert rig.blocks()["b"] == []
    await rig.engine.poll(near=False)
    assert rig.blocks()["b"] == [FAR.interval]
    assert waits(rig) == []


async def test_near_meetings_wait_for_no_far_read(rig: Rig) -> None:
    await rig.engine.resync()
    rig.a.book("p", v(9))
    await far_without_b(rig)
    await rig.engine.poll(near=True)
    assert rig.blocks()["b"] == [v(9).interval]


async def test_a_refused_block_is_tried_by_the_next_near_poll_while_far_reads_are_in_time(
    rig: Rig,
) -> None:
    await rig.engine.resync()
    rig.a.book("p", FAR)
    stop_writes(rig, "b", WaitReason.RATE_LIMITED)
    await rig.engine.poll(near=False)
    rig.clock.pass_(minutes=2)
    stop_writes(rig, "b", None)
    await rig.engine.poll(near=True)
    assert rig.blocks()["b"] == [FAR.interval]


async def test_a_refused_block_waits_for_a_far_read_once_the_last_one_is_old(rig: Rig) -> None:
    """Writes failed for so long that a person may have entered the meeting there, too."""
    await rig.engine.resync()
    rig.a.customers["ann"] = rig.b.customers["ann"] = ANN
    rig.a.book("p", FAR, "ann")
    stop_writes(rig, "b", WaitReason.RATE_LIMITED)
    await rig.engine.poll(near=False)
    rig.b.book("p", FAR, "ann")
    rig.clock.time += ROUNDS * rig.engine.policy.far_every + timedelta(minutes=1)
    stop_writes(rig, "b", None)
    await rig.engine.poll(near=True)
    assert rig.blocks()["b"] == []
    await rig.engine.poll(near=False)
    assert (rig.blocks()["b"], waits(rig)) == ([], [])


async def test_a_new_process_knows_when_the_calendar_was_last_read_whole(rig: Rig) -> None:
    rig.a.book("p", FAR)
    stop_writes(rig, "b", WaitReason.RATE_LIMITED)
    await rig.engine.resync()
    rig.restart()
    await rig.engine.poll(near=True)
    assert rig.blocks()["b"] == [FAR.interval]


async def test_a_new_process_takes_no_old_read_for_a_new_one(rig: Rig) -> None:
    await rig.engine.resync()
    rig.clock.pass_(minutes=10)
    book_twins(rig)
    await far_without_b(rig)
    rig.restart()
    await rig.engine.poll(near=True)
    assert rig.b.writes == []


async def test_an_incomplete_answer_about_the_time_is_enough(rig: Rig) -> None:
    """After an incomplete read, calendars stay writable (docs/design.md#windows)."""
    await rig.engine.resync()
    rig.a.book("p", FAR)
    rig.b.unnamed = {"p": FAR.start}
    await rig.engine.poll(near=False)
    assert rig.blocks()["b"] == [FAR.interval]


async def test_a_leave_that_runs_waits_for_no_read_of_the_time_when_it_began(rig: Rig) -> None:
    rig.a.human_block("p", replace(v(9), start=v(-24 * 20).start, end=v(24 * 5).end))
    await rig.engine.resync()
    (block,) = [event for event, held in rig.b.events.items() if held.provider == "p"]
    rig.b.delete(block)
    rig.clock.pass_(minutes=2)
    await rig.engine.resync()
    assert len(rig.blocks()["b"]) == 1


@pytest.mark.parametrize("days", [70, 400])
async def test_a_time_that_no_read_of_the_window_shows_is_closed_at_once(
    rig: Rig, days: int
) -> None:
    """A meeting that is moved out of the window is blocked at its new time."""
    event = rig.a.book("p", v(9))
    stop_writes(rig, "b", WaitReason.RATE_LIMITED)
    await rig.engine.resync()
    rig.a.move(event, v(24 * days))
    stop_writes(rig, "b", None)
    await rig.engine.poll(near=True)
    assert rig.blocks()["b"] == [v(24 * days).interval]


async def test_a_clock_that_was_set_back_makes_no_read_the_latest(rig: Rig) -> None:
    right = rig.clock.now()
    rig.clock.pass_(hours=5)
    await rig.engine.resync()
    rig.clock.time = _a_minute_after(right)
    book_twins(rig)
    await far_without_b(rig)
    await rig.engine.poll(near=True)
    assert rig.b.writes == []


def _a_minute_after(at: datetime) -> datetime:
    return at + timedelta(minutes=1)
