"""A calendar that was never read in full, and whose user is not there: nothing is freed."""

from __future__ import annotations

import pytest

from syncd.config.load import load
from syncd.engine.report import Exit
from syncd.sandbox.scenario import SYSTEMS
from syncd.wiring import build
from tests.end_to_end.test_owners import NEW, Shop, shop

__all__ = ["shop"]


@pytest.mark.parametrize("system", SYSTEMS)
async def test_a_state_that_is_lost_while_a_user_is_missing_frees_nothing(
    shop: Shop, system: str
) -> None:
    """The file of created ids proves whose the blocks are, and the calendar they are for is empty.

    Nobody has mapped her new address yet, so that the list of the old one shows nothing.
    """
    shop.book(system, 6)
    await shop.resync()
    old = shop.user(system, "alice")
    shop.world.sandbox.systems[system].rename_user(old, NEW[system])
    await shop.app.aclose()
    for file in shop.path.parent.glob("state.db*"):
        if file.suffix != ".created":
            file.unlink()
    shop.app = build(load(shop.path, {}))
    reports = [await shop.resync(), await shop.resync()]
    assert (reports[0].exit, reports[1].exit) == (Exit.UNANSWERED, Exit.UNANSWERED)
    assert [(u.provider, u.system) for u in reports[1].unknown] == [("alice", system)]
    assert shop.blocks() == 12
    await shop.remap(old, NEW[system])
    assert ((await shop.resync()).exit, shop.blocks()) == (Exit.DONE, 12)


@pytest.mark.parametrize("system", SYSTEMS)
async def test_a_calendar_that_is_mapped_to_nobody_by_mistake_frees_nothing(
    shop: Shop, system: str
) -> None:
    shop.book(system, 6)
    await shop.resync()
    old = shop.user(system, "alice")
    await shop.remap(old, "alcie@example.com")
    for near in (False, True, False):
        await shop.app.engine.watch(near=near)
    assert ((await shop.resync()).exit, shop.blocks()) == (Exit.UNANSWERED, 12)
    before = shop.writes()
    await shop.remap("alcie@example.com", old)
    assert ((await shop.resync()).exit, shop.blocks()) == (Exit.DONE, 12)
    assert shop.writes() <= before
