"""Test that a calendar that returns to the configuration has its former blocks again."""

from __future__ import annotations

from datetime import timedelta

from syncd.model import Kind
from syncd.systems.port import Capabilities
from tests.core.kit import SYSTEMS, v
from tests.engine.conftest import Shop
from tests.engine.test_first_read import unmap


def list_no_blocks(shop: Shop) -> None:
    """Let b list no blocks and show them by id, as v1 may."""
    shop.b.lists_blocks = False
    shop.b.capabilities = Capabilities(
        lag=timedelta(0), gone_proofs=dict.fromkeys(Kind, 1), lists_blocks=False
    )


async def left_out_for_a_while(shop: Shop) -> None:
    """Block a meeting's time in b, whose calendar then leaves the configuration."""
    shop.a.book("p", v(9))
    await shop.engine.resync()
    assert shop.b.blocks() == [v(9).interval]
    unmap(shop, "p", ("a", "c"))
    await shop.engine.resync()


async def test_blocks_that_no_list_shows_are_not_made_twice(shop: Shop) -> None:
    """Regression, seed 20025: the blocks stayed unknown and were created again."""
    list_no_blocks(shop)
    await left_out_for_a_while(shop)
    unmap(shop, "p", SYSTEMS)
    report = await shop.engine.resync()
    assert (report.converged, shop.b.blocks()) == (True, [v(9).interval])


async def test_blocks_that_no_list_shows_go_with_a_meeting_that_ended_meanwhile(
    shop: Shop,
) -> None:
    list_no_blocks(shop)
    await left_out_for_a_while(shop)
    shop.a.cancel(next(iter(shop.a.events)))
    await shop.engine.resync()
    unmap(shop, "p", SYSTEMS)
    await shop.engine.resync()
    assert shop.b.blocks() == []


async def test_a_block_that_somebody_removed_meanwhile_is_made_again(shop: Shop) -> None:
    await left_out_for_a_while(shop)
    shop.b.delete(next(iter(shop.b.events)))
    unmap(shop, "p", SYSTEMS)
    report = await shop.engine.resync()
    assert (report.converged, shop.b.blocks()) == (True, [v(9).interval])


async def test_a_near_poll_alone_does_not_double_blocks_either(shop: Shop) -> None:
    list_no_blocks(shop)
    await left_out_for_a_while(shop)
    unmap(shop, "p", SYSTEMS)
    await shop.engine.poll(near=True)
    assert shop.b.blocks() == [v(9).interval]


async def test_a_read_with_a_wrong_clock_proves_nothing_about_the_calendar(shop: Shop) -> None:
    """Regression, seed 30045: a clock correction moved the window, and blocks were doubled.

    Once read, somebody else's block at that time is a reason not to create ours.
    """
    shop.a.book("p", v(9))
    unmap(shop, "p", ("a", "c"))
    await shop.engine.resync()
    shop.b.human_block("p", v(9))
    unmap(shop, "p", SYSTEMS)
    for system in shop.systems:
        system.skew = timedelta(0)
    shop.engine.clock_error = timedelta(days=3)
    report = await shop.engine.resync()
    assert report.clock_error == timedelta(0)
    assert (report.converged, shop.b.writes) == (True, [])
