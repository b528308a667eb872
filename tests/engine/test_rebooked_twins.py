"""Match records in other systems of a meeting that was rescheduled by rebooking."""

from __future__ import annotations

from syncd.model import ConflictKind, Kind, Person
from tests.core.kit import v
from tests.engine.conftest import Shop
from tests.engine.test_rebooked import conflicts, meeting, twins


async def test_a_twin_of_a_doubtful_new_booking_is_the_same_meeting_when_it_is_certain(
    shop: Shop,
) -> None:
    """Simulator, seed 47: the twin got its own booking, and a block at its own time."""
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


async def test_an_older_record_of_a_meeting_is_its_twin_and_no_reschedule(
    shop: Shop,
) -> None:
    """Simulator, seed 30070: another meeting was moved to the time of the entered one."""
    shop.c.persons["c9"] = Person(emails=("ann@example.com",))
    shop.c.book("p", v(12), "c9")
    old = await meeting(shop)
    assert shop.blocks() == {"a": [v(12).interval], "b": [v(12).interval], "c": [v(9).interval]}
    shop.a.cancel(old)
    shop.a.book("p", v(12), "ann")
    await shop.engine.resync()
    await shop.engine.resync()
    assert twins(shop) == [(v(9).interval, False)]
    assert shop.blocks() == {"a": [], "b": [v(12).interval], "c": []}
    assert conflicts(shop) == []


async def test_a_meeting_moved_in_one_system_and_rebooked_in_the_other_is_one(
    shop: Shop,
) -> None:
    old = await meeting(shop)
    twin = next(e for e, held in shop.b.events.items() if held.kind is Kind.APPOINTMENT)
    shop.clock.pass_(minutes=1)
    shop.b.move(twin, v(12))
    shop.a.cancel(old)
    shop.a.book("p", v(12), "ann")
    await shop.engine.resync()
    await shop.engine.resync()
    assert twins(shop) == [(v(12).interval, True)]
    assert shop.blocks() == {"a": [], "b": [], "c": [v(12).interval]}


async def test_while_nobody_knows_which_it_became_its_time_is_closed_where_it_was_cancelled(
    shop: Shop,
) -> None:
    """Simulator, seed 60082: the twin stood elsewhere, and its time could be booked here."""
    old = await meeting(shop)
    shop.a.cancel(old)
    shop.a.book("p", v(12), "ann")
    shop.a.book("p", v(14), "ann")
    await shop.engine.resync()
    assert conflicts(shop) == [ConflictKind.AMBIGUOUS]
    assert twins(shop) == [(v(9).interval, True)]
    claimed = [v(9).interval, v(12).interval, v(14).interval]
    assert shop.blocks() == {"a": claimed[:1], "b": claimed[1:], "c": claimed}
    await shop.engine.resync()
    assert shop.blocks() == {"a": claimed[:1], "b": claimed[1:], "c": claimed}
