"""Lists that hid events are trusted again once they need not show these events any more."""

from __future__ import annotations

from syncd.model import Topic
from tests.engine.conftest import Shop
from tests.engine.test_proof import items, settled


async def test_a_hidden_meeting_that_is_cancelled_need_not_be_listed_for_a_complete_list(
    shop: Shop,
) -> None:
    shop.a.hides_cancelled = True  # as LeadSquared may do
    events = await settled(shop)
    shop.a.empty = True
    await shop.engine.poll(near=True)
    (item,) = items(shop, Topic.LIST)
    assert "a does not show 3 known events" in item.reason
    shop.a.cancel(events[0])
    await shop.engine.poll(near=True)
    shop.a.empty = False
    for _ in range(3):
        shop.clock.pass_(minutes=30)
        await shop.engine.resync()
    assert not items(shop, Topic.LIST)
    covered = {(c.provider, c.read_at) for c in shop.store.last_coverage() if c.system == "a"}
    assert ("p", shop.clock.now()) in covered
