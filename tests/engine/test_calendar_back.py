"""Test that a calendar that returns to the configuration has its former blocks again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from syncd.model import Kind
from syncd.systems.port import Capabilities
from tests.core.kit import SYSTEMS, v
from tests.engine.conftest import Rig
from tests.engine.test_first_read import unmap


def list_no_blocks(rig: Rig) -> None:
    """Let b list no blocks and show them by id, as v1 may."""
    rig.b.lists_blocks = False
    rig.b.capabilities = Capabilities(
        lag=timedelta(0), gone_proofs=dict.fromkeys(Kind, 1), lists_blocks=False
    )


async def left_out_for_a_while(rig: Rig) -> None:
    """Block a meeting's time in b, whose calendar then leaves the configuration."""
    rig.a.book("p", v(9))
    await rig.engine.resync()
    assert rig.b.blocks() == [v(9).interval]
    unmap(rig, "p", ("a", "c"))
    await rig.engine.resync()


async def test_blocks_that_no_list_shows_are_not_made_twice(rig: Rig) -> None:
    """Regression, seed 20025: the blocks stayed unknown and were created again."""
    list_no_blocks(rig)
    await left_out_for_a_while(rig)
    unmap(rig, "p", SYSTEMS)
    report = await rig.engine.resync()
    assert (report.converged, rig.b.blocks()) == (True, [v(9).interval])


async def test_blocks_that_no_list_shows_go_with_a_meeting_that_ended_meanwhile(
    rig: Rig,
) -> None:
    list_no_blocks(rig)
    await left_out_for_a_while(rig)
    rig.a.cancel(next(iter(rig.a.events)))
    await rig.engine.resync()
    unmap(rig, "p", SYSTEMS)
    await rig.engine.resync()
    assert rig.b.blocks() == []


async def test_a_block_that_somebody_removed_meanwhile_is_made_again(rig: Rig) -> None:
    await left_out_for_a_while(rig)
    rig.b.delete(next(iter(rig.b.events)))
    unmap(rig, "p", SYSTEMS)
    report = await rig.engine.resync()
    assert (report.converged, rig.b.blocks()) == (True, [v(9).interval])


async def test_a_near_poll_alone_does_not_double_blocks_either(rig: Rig) -> None:
    list_no_blocks(rig)
    await left_out_for_a_while(rig)
    unmap(rig, "p", SYSTEMS)
    await rig.engine.poll(near=True)
    assert rig.b.blocks() == [v(9).interval]


async def test_a_read_with_a_wrong_clock_proves_nothing_about_the_calendar(rig: Rig) -> None:
    """Regression, seed 30045: a clock correction moved the window, and blocks were doubled.

    Once read, somebody else's block at that time is a reason not to create ours.
    """
    rig.a.book("p", v(9))
    unmap(rig, "p", ("a", "c"))
    await rig.engine.resync()
    rig.b.human_block("p", v(9))
    unmap(rig, "p", SYSTEMS)
    for system in rig.systems:
        system.skew = timedelta(0)
    rig.engine.clock_error = timedelta(days=3)
    report = await rig.engine.resync()
    assert report.clock_error == timedelta(0)
    assert (report.converged, rig.b.writes) == (True, [])


async def test_blocks_of_a_user_who_was_merged_meanwhile_are_not_removed(rig: Rig) -> None:
    """Regression, seed 7003: the blocks counted as the other provider's, who did not need them."""
    await left_out_for_a_while(rig)
    (block,) = rig.b.events
    rig.b.events[block] = replace(rig.b.events[block], provider="q")
    rig.b.missing = {"p"}
    unmap(rig, "p", SYSTEMS)
    await rig.engine.resync()
    assert block in rig.b.events
