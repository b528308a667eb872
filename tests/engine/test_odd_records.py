"""What cannot be read, or only by a rule, is told once and does no harm."""

from __future__ import annotations

from tests.core.kit import v
from tests.engine.conftest import Shop
from tests.engine.test_promises import settle


async def test_a_malformed_record_is_told_once_and_the_rest_goes_on(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    shop.a.move(event, v(12))
    shop.a.broken.add(event)
    shop.a.book("p", v(15))
    first = await shop.engine.resync()
    assert [event in remark for remark in first.remarks] == [True]
    assert shop.blocks()["b"] == [v(9).interval, v(15).interval]
    assert (await shop.engine.resync()).remarks == []
    shop.a.broken.clear()
    await settle(shop)
    assert shop.blocks()["b"] == [v(12).interval, v(15).interval]


async def test_a_time_that_had_to_be_interpreted_is_told_once_and_carried(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    shop.a.odd[event] = "02:30 does not exist that day"
    first = await shop.engine.resync()
    assert first.remarks == [f"a {event}: 02:30 does not exist that day"]
    assert shop.blocks()["b"] == [v(9).interval]
    shop.a.move(event, v(12))
    assert (await shop.engine.resync()).remarks == []
