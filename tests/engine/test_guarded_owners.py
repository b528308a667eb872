"""Test that meetings handed over to another user count towards the guard's limits."""

from __future__ import annotations

import pytest

from syncd.core import owner_changes
from syncd.engine.report import RunExit
from syncd.model import ConflictKind
from tests.core.kit import v
from tests.engine.conftest import Shop
from tests.engine.test_owners import give
from tests.engine.test_promises import settle

MEETINGS = 30


async def booked(shop: Shop) -> list[str]:
    """Book many meetings of p."""
    events = [shop.a.book("p", v(24 + n)) for n in range(MEETINGS)]
    await settle(shop)
    return events


async def in_slices(shop: Shop, events: list[str], to: str) -> list[RunExit]:
    """Hand over twelve meetings in two slices, each below the limit."""
    found = []
    for part in (events[:6], events[6:12]):
        give(shop, part, to)
        found.append((await shop.engine.resync()).exit)
        shop.clock.pass_(minutes=2)
    return found


@pytest.mark.parametrize("to", ["q", "z"])
async def test_hand_overs_in_slices_are_summed_and_stopped(shop: Shop, to: str) -> None:
    events = await booked(shop)
    assert await in_slices(shop, events, to) == [RunExit.DONE, RunExit.GUARDED]
    assert [len(s.blocks("p")) for s in (shop.b, shop.c)] == [MEETINGS - 6] * 2
    kinds = {held.conflict.kind for held in shop.store.open_conflicts("p")}
    assert kinds == {ConflictKind.GUARD}


async def test_slices_that_are_further_apart_than_a_far_interval_are_not_summed(
    shop: Shop,
) -> None:
    events = await booked(shop)
    give(shop, events[:6], "z")
    await shop.engine.resync()
    shop.clock.pass_(hours=3)
    give(shop, events[6:12], "z")
    assert (await shop.engine.resync()).exit is RunExit.DONE


async def test_a_meeting_that_is_handed_back_counts_no_more(shop: Shop) -> None:
    events = await booked(shop)
    give(shop, events[:6], "z")
    await shop.engine.resync()
    give(shop, events[:6], "p")
    await shop.engine.resync()
    give(shop, events[6:12], "z")
    assert (await shop.engine.resync()).exit is RunExit.DONE


async def test_what_was_deleted_while_its_user_was_merged_counts_once_the_user_is_back(
    shop: Shop,
) -> None:
    events = await booked(shop)
    give(shop, events, "q")
    shop.a.missing = {"p"}
    await shop.engine.resync()
    for event in events[:12]:
        shop.a.delete(event)
    give(shop, events[12:], "p")
    shop.a.missing = set()
    shop.clock.pass_(minutes=6)
    assert (await shop.engine.resync()).exit is RunExit.GUARDED
    assert [len(s.blocks("p")) for s in (shop.b, shop.c)] == [MEETINGS] * 2


async def test_planted_unnoted_hand_overs_are_not_stopped(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner_changes, "note_handed_over", lambda *_given: None)
    events = await booked(shop)
    assert await in_slices(shop, events, "q") == [RunExit.DONE, RunExit.DONE]
