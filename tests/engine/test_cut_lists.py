"""Test that a truncated list covers only the time around the cut, and proves nothing inside it."""

from __future__ import annotations

from datetime import timedelta

from syncd.engine.report import RunExit
from syncd.model import Action, Topic, Window
from tests.core.kit import v
from tests.engine.conftest import Shop
from tests.engine.fakes import lost_reply
from tests.engine.test_promises import settle


def cut(hour: int) -> Window:
    """Return the hours before and after."""
    around = v(hour).interval
    return Window(around[0] - timedelta(hours=1), around[1] + timedelta(hours=1))


async def quiet(shop: Shop) -> None:
    """Sync until nothing changes, while a list is truncated; every run reports it."""
    await shop.engine.resync()
    before = shop.writes()
    report = await shop.engine.resync()
    assert (report.exit, [i.topic for i in report.items]) == (RunExit.UNANSWERED, [Topic.LIST])
    assert shop.writes() == before


async def test_events_in_the_cut_of_a_list_are_neither_looked_up_nor_freed(shop: Shop) -> None:
    hidden, gone = shop.a.book("p", v(9)), shop.a.book("p", v(15))
    late = shop.a.book("p", v(20))
    await settle(shop)
    shop.a.holes = [cut(9)]
    for event in (gone, late):
        shop.a.delete(event)
    await quiet(shop)
    assert shop.blocks()["b"] == [v(9).interval]
    shop.a.holes = ()
    shop.a.delete(hidden)
    await settle(shop)
    assert shop.blocks()["b"] == []


async def test_absences_on_both_sides_of_a_cut_are_seen(shop: Shop) -> None:
    """Each calendar is covered by two windows then."""
    early, late = shop.a.book("p", v(7)), shop.a.book("p", v(20))
    await settle(shop)
    shop.a.holes = [cut(12)]
    shop.a.delete(early)
    await quiet(shop)
    assert shop.blocks()["b"] == [v(20).interval]
    shop.a.delete(late)
    await quiet(shop)
    assert shop.blocks()["b"] == []


async def test_a_create_without_an_answer_is_not_repeated_where_the_list_is_cut(
    shop: Shop,
) -> None:
    await settle(shop)
    shop.a.book("p", v(9))
    shop.b.faults["reply"] = [lost_reply("b")]
    shop.b.holes = [cut(9)]
    await shop.engine.resync()
    shop.clock.pass_(hours=1)
    report = await shop.engine.resync()
    assert report.exit is RunExit.UNANSWERED
    assert [o.action for o in shop.b.writes].count(Action.CREATE_BLOCK) == 1
    shop.b.holes = ()
    await settle(shop)
    assert shop.blocks()["b"] == [v(9).interval]
