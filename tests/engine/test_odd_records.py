"""Records that are unreadable, or readable only by an assumption, affect no others."""

from __future__ import annotations

from tests.core.kit import v
from tests.engine.conftest import Shop
from tests.engine.test_promises import settle


async def test_a_malformed_record_is_reported_and_the_rest_goes_on(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    shop.a.move(event, v(12))
    shop.a.broken.add(event)
    shop.a.book("p", v(15))
    first = await shop.engine.resync()
    assert [item.event for item in first.items] == [event]
    assert shop.blocks()["b"] == [v(9).interval, v(15).interval]
    shop.a.broken.clear()
    await settle(shop)
    assert shop.blocks()["b"] == [v(12).interval, v(15).interval]


async def test_a_time_that_had_to_be_interpreted_is_reported_and_carried(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    shop.a.odd[event] = "02:30 does not exist that day"
    first = await shop.engine.resync()
    assert [(i.event, i.reason) for i in first.items] == [(event, "02:30 does not exist that day")]
    assert shop.blocks()["b"] == [v(9).interval]
    shop.a.move(event, v(12))
    await shop.engine.resync()
    assert shop.blocks()["b"] == [v(12).interval]
