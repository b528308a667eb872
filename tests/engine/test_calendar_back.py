"""Test that a calendar that returns to the configuration has its former blocks again."""

from __future__ import annotations

from datetime import timedelta

from syncd.model import Kind
from syncd.systems.port import Capabilities
from tests.core.kit import SYSTEMS, v
from tests.engine.conftest import EngineHarness
from tests.engine.test_first_read import unmap


def list_no_blocks(harness: EngineHarness) -> None:
    """Let b list no blocks and show them by id, as v1 may."""
    harness.b.lists_blocks = False
    harness.b.capabilities = Capabilities(
        lag=timedelta(0), gone_proofs=dict.fromkeys(Kind, 1), lists_blocks=False
    )


async def left_out_for_a_while(harness: EngineHarness) -> None:
    """Block a meeting's time in b, whose calendar then leaves the configuration."""
    harness.a.book("p", v(9))
    await harness.engine.resync()
    assert harness.b.blocks() == [v(9).interval]
    unmap(harness, "p", ("a", "c"))
    await harness.engine.resync()


async def test_blocks_that_no_list_shows_are_not_made_twice(harness: EngineHarness) -> None:
    """Regression, seed 20025: the blocks stayed unknown and were created again."""
    list_no_blocks(harness)
    await left_out_for_a_while(harness)
    unmap(harness, "p", SYSTEMS)
    report = await harness.engine.resync()
    assert (report.converged, harness.b.blocks()) == (True, [v(9).interval])


async def test_blocks_that_no_list_shows_go_with_a_meeting_that_ended_meanwhile(
    harness: EngineHarness,
) -> None:
    list_no_blocks(harness)
    await left_out_for_a_while(harness)
    harness.a.cancel(next(iter(harness.a.events)))
    await harness.engine.resync()
    unmap(harness, "p", SYSTEMS)
    await harness.engine.resync()
    assert harness.b.blocks() == []


async def test_a_block_that_somebody_removed_meanwhile_is_made_again(
    harness: EngineHarness,
) -> None:
    await left_out_for_a_while(harness)
    harness.b.delete(next(iter(harness.b.events)))
    unmap(harness, "p", SYSTEMS)
    report = await harness.engine.resync()
    assert (report.converged, harness.b.blocks()) == (True, [v(9).interval])


async def test_a_near_poll_alone_does_not_double_blocks_either(harness: EngineHarness) -> None:
    list_no_blocks(harness)
    await left_out_for_a_while(harness)
    unmap(harness, "p", SYSTEMS)
    await harness.engine.poll(near=True)
    assert harness.b.blocks() == [v(9).interval]


async def test_a_read_with_a_wrong_clock_proves_nothing_about_the_calendar(
    harness: EngineHarness,
) -> None:
    """Regression, seed 30045: a clock correction moved the window, and blocks were doubled.

    Once read, somebody else's block at that time is a reason not to create ours.
    """
    harness.a.book("p", v(9))
    unmap(harness, "p", ("a", "c"))
    await harness.engine.resync()
    harness.b.human_block("p", v(9))
    unmap(harness, "p", SYSTEMS)
    for system in harness.systems:
        system.skew = timedelta(0)
    harness.engine.clock_error = timedelta(days=3)
    report = await harness.engine.resync()
    assert report.clock_error == timedelta(0)
    assert (report.converged, harness.b.writes) == (True, [])
