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
from tests.engine.conftest import Shop
from tests.engine.test_twin_deleted import ANN
from tests.engine.test_waiting import stop_writes, waits

FAR = v(24 * 20)
"""A time that only far reads show."""


def book_twins(shop: Shop) -> None:
    """Book one meeting in a and b, far ahead."""
    for system in (shop.a, shop.b):
        system.persons["ann"] = ANN
        system.book("p", FAR, "ann")


async def far_without_b(shop: Shop) -> None:
    """Run a far read while b does not answer."""
    shop.b.faults["read"] = [RateLimitedError("b", "GET /", wait=60)]
    await shop.engine.poll(near=False)
    assert not shop.b.faults["read"]


async def test_a_time_that_was_not_read_since_the_meeting_became_known_is_closed_later(
    shop: Shop,
) -> None:
    await shop.engine.resync()
    shop.clock.pass_(minutes=14)
    book_twins(shop)
    shop.clock.pass_(minutes=1)
    await far_without_b(shop)
    shop.clock.pass_(minutes=1)
    report = await shop.engine.poll(near=True)
    assert waits(shop) == [("b", Action.CREATE_BLOCK, WaitReason.NOT_READ)]
    assert report.exit is RunExit.UNANSWERED
    shop.clock.pass_(minutes=14)
    await shop.engine.poll(near=False)
    # The twin has this time, so there was never a block.
    assert [o.action for o in shop.b.writes] == []
    assert shop.blocks() == {"a": [], "b": [], "c": [FAR.interval]}
    assert waits(shop) == []


async def test_a_meeting_without_a_twin_is_blocked_after_the_next_far_read(shop: Shop) -> None:
    await shop.engine.resync()
    shop.clock.pass_(minutes=5)
    shop.a.book("p", FAR)
    await far_without_b(shop)
    await shop.engine.poll(near=True)
    assert shop.blocks()["b"] == []
    await shop.engine.poll(near=False)
    assert shop.blocks()["b"] == [FAR.interval]
    assert waits(shop) == []


async def test_near_meetings_wait_for_no_far_read(shop: Shop) -> None:
    await shop.engine.resync()
    shop.a.book("p", v(9))
    await far_without_b(shop)
    await shop.engine.poll(near=True)
    assert shop.blocks()["b"] == [v(9).interval]


async def test_a_refused_block_is_tried_by_the_next_near_poll_while_far_reads_are_in_time(
    shop: Shop,
) -> None:
    await shop.engine.resync()
    shop.a.book("p", FAR)
    stop_writes(shop, "b", WaitReason.RATE_LIMITED)
    await shop.engine.poll(near=False)
    shop.clock.pass_(minutes=2)
    stop_writes(shop, "b", None)
    await shop.engine.poll(near=True)
    assert shop.blocks()["b"] == [FAR.interval]


async def test_a_refused_block_waits_for_a_far_read_once_the_last_one_is_old(shop: Shop) -> None:
    """Writes failed for so long that a person may have entered the meeting there, too."""
    await shop.engine.resync()
    shop.a.persons["ann"] = shop.b.persons["ann"] = ANN
    shop.a.book("p", FAR, "ann")
    stop_writes(shop, "b", WaitReason.RATE_LIMITED)
    await shop.engine.poll(near=False)
    shop.b.book("p", FAR, "ann")
    shop.clock.time += ROUNDS * shop.engine.policy.far_every + timedelta(minutes=1)
    stop_writes(shop, "b", None)
    await shop.engine.poll(near=True)
    assert shop.blocks()["b"] == []
    await shop.engine.poll(near=False)
    assert (shop.blocks()["b"], waits(shop)) == ([], [])


async def test_a_new_process_knows_when_the_calendar_was_last_read_whole(shop: Shop) -> None:
    shop.a.book("p", FAR)
    stop_writes(shop, "b", WaitReason.RATE_LIMITED)
    await shop.engine.resync()
    shop.restart()
    await shop.engine.poll(near=True)
    assert shop.blocks()["b"] == [FAR.interval]


async def test_a_new_process_takes_no_old_read_for_a_new_one(shop: Shop) -> None:
    await shop.engine.resync()
    shop.clock.pass_(minutes=10)
    book_twins(shop)
    await far_without_b(shop)
    shop.restart()
    await shop.engine.poll(near=True)
    assert shop.b.writes == []


async def test_an_incomplete_answer_about_the_time_is_enough(shop: Shop) -> None:
    """After an incomplete read, calendars stay writable (docs/design.md#windows)."""
    await shop.engine.resync()
    shop.a.book("p", FAR)
    shop.b.unnamed = {"p": FAR.start}
    await shop.engine.poll(near=False)
    assert shop.blocks()["b"] == [FAR.interval]


async def test_a_leave_that_runs_waits_for_no_read_of_the_time_when_it_began(shop: Shop) -> None:
    shop.a.human_block("p", replace(v(9), start=v(-24 * 20).start, end=v(24 * 5).end))
    await shop.engine.resync()
    (block,) = [event for event, held in shop.b.events.items() if held.provider == "p"]
    shop.b.delete(block)
    shop.clock.pass_(minutes=2)
    await shop.engine.resync()
    assert len(shop.blocks()["b"]) == 1


@pytest.mark.parametrize("days", [70, 400])
async def test_a_time_that_no_read_of_the_window_shows_is_closed_at_once(
    shop: Shop, days: int
) -> None:
    """A meeting that is moved out of the window is blocked at its new time."""
    event = shop.a.book("p", v(9))
    stop_writes(shop, "b", WaitReason.RATE_LIMITED)
    await shop.engine.resync()
    shop.a.move(event, v(24 * days))
    stop_writes(shop, "b", None)
    await shop.engine.poll(near=True)
    assert shop.blocks()["b"] == [v(24 * days).interval]


async def test_a_clock_that_was_set_back_makes_no_read_the_latest(shop: Shop) -> None:
    right = shop.clock.now()
    shop.clock.pass_(hours=5)
    await shop.engine.resync()
    shop.clock.time = _a_minute_after(right)
    book_twins(shop)
    await far_without_b(shop)
    await shop.engine.poll(near=True)
    assert shop.b.writes == []


def _a_minute_after(at: datetime) -> datetime:
    return at + timedelta(minutes=1)
