"""Where a list does not show blocks, syncd looks after its own by id, in a resync."""

from __future__ import annotations

from datetime import timedelta

from syncd.model import Kind
from syncd.systems.port import Capabilities
from tests.core.kit import v
from tests.engine.conftest import Shop
from tests.engine.test_promises import settle


async def test_an_own_block_that_no_list_shows_is_restored_by_a_resync(shop: Shop) -> None:
    """Simulator, once seed 269: after a restart nobody noticed that it had been removed."""
    shop.c.lists_blocks = False
    # As on v1: what is not found by its id is gone.
    shop.c.capabilities = Capabilities(lag=timedelta(0), gone_proofs=dict.fromkeys(Kind, 1))
    shop.a.book("p", v(9))
    await settle(shop)
    block = next(e for e, held in shop.c.events.items() if held.kind is Kind.BLOCK)
    shop.restart()
    shop.c.delete(block)
    await settle(shop)
    assert shop.blocks()["c"] == [v(9).interval]
    assert len(shop.c.writes) == 2


async def test_an_own_block_that_no_list_shows_is_left_alone_while_it_stands(shop: Shop) -> None:
    shop.c.lists_blocks = False
    shop.a.book("p", v(9))
    await settle(shop)
    writes = shop.writes()
    await settle(shop)
    assert shop.writes() == writes
    assert shop.blocks()["c"] == [v(9).interval]
