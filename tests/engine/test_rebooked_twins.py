"""Records in other systems of a meeting that was cancelled and booked anew."""

from __future__ import annotations

from syncd.model import ConflictKind, Person
from tests.core.kit import v
from tests.engine.conftest import Shop
from tests.engine.test_rebooked import conflicts, meeting, twins


async def test_a_twin_of_a_doubtful_new_booking_is_the_same_meeting_when_it_is_certain(
    shop: Shop,
) -> None:
    """Simulator, seed 47: it opened a booking of its own, and closed its own time by a block."""
    old = await meeting(shop)
    shop.a.cancel(old)
    shop.a.book("p", v(12), "ann")
    other = shop.a.book("p", v(14), "ann")
    await shop.engine.resync()
    shop.c.persons["c9"] = Person(emails=("ann@example.com",))
    shop.c.book("p", v(12), "c9")
    await shop.engine.resync()
    assert conflicts(shop) == [ConflictKind.AMBIGUOUS]
    shop.a.cancel(other)
    await shop.engine.resync()
    assert conflicts(shop) == []
    assert twins(shop) == [(v(12).interval, True)]
    assert shop.blocks() == {"a": [], "b": [], "c": []}
