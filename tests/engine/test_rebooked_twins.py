"""Match records in other systems of a meeting that was rescheduled by rebooking."""

from __future__ import annotations

from syncd.model import ConflictKind, Kind, Person
from tests.core.kit import v
from tests.engine.conftest import Rig
from tests.engine.test_rebooked import conflicts, meeting, twins


async def test_a_twin_of_a_doubtful_new_booking_is_the_same_meeting_when_it_is_certain(
    rig: Rig,
) -> None:
    """Simulator, seed 47: the twin got its own booking, and a block at its own time."""
    old = await meeting(rig)
    rig.a.cancel(old)
    rig.a.book("p", v(12), "ann")
    other = rig.a.book("p", v(14), "ann")
    await rig.engine.resync()
    rig.c.customers["c9"] = Person(emails=("ann@example.com",))
    rig.c.book("p", v(12), "c9")
    await rig.engine.resync()
    assert conflicts(rig) == [ConflictKind.AMBIGUOUS]
    rig.a.cancel(other)
    await rig.engine.resync()
    assert conflicts(rig) == []
    assert twins(rig) == [(v(12).interval, True)]
    assert rig.blocks() == {"a": [], "b": [], "c": []}


async def test_an_older_record_of_a_meeting_is_its_twin_and_no_reschedule(
    rig: Rig,
) -> None:
    """Simulator, seed 30070: another meeting was moved to the time of the entered one."""
    rig.c.customers["c9"] = Person(emails=("ann@example.com",))
    rig.c.book("p", v(12), "c9")
    old = await meeting(rig)
    assert rig.blocks() == {"a": [v(12).interval], "b": [v(12).interval], "c": [v(9).interval]}
    rig.a.cancel(old)
    rig.a.book("p", v(12), "ann")
    await rig.engine.resync()
    await rig.engine.resync()
    assert twins(rig) == [(v(9).interval, False)]
    assert rig.blocks() == {"a": [], "b": [v(12).interval], "c": []}
    assert conflicts(rig) == []


async def test_a_meeting_moved_in_one_system_and_rebooked_in_the_other_is_one(
    rig: Rig,
) -> None:
    old = await meeting(rig)
    twin = next(e for e, held in rig.b.events.items() if held.kind is Kind.APPOINTMENT)
    rig.clock.pass_(minutes=1)
    rig.b.move(twin, v(12))
    rig.a.cancel(old)
    rig.a.book("p", v(12), "ann")
    await rig.engine.resync()
    await rig.engine.resync()
    assert twins(rig) == [(v(12).interval, True)]
    assert rig.blocks() == {"a": [], "b": [], "c": [v(12).interval]}


async def test_while_nobody_knows_which_it_became_its_time_is_closed_where_it_was_cancelled(
    rig: Rig,
) -> None:
    """Simulator, seed 60082: the twin stood elsewhere, and its time could be booked here."""
    old = await meeting(rig)
    rig.a.cancel(old)
    rig.a.book("p", v(12), "ann")
    rig.a.book("p", v(14), "ann")
    await rig.engine.resync()
    assert conflicts(rig) == [ConflictKind.AMBIGUOUS]
    assert twins(rig) == [(v(9).interval, True)]
    claimed = [v(9).interval, v(12).interval, v(14).interval]
    assert rig.blocks() == {"a": claimed[:1], "b": claimed[1:], "c": claimed}
    await rig.engine.resync()
    assert rig.blocks() == {"a": claimed[:1], "b": claimed[1:], "c": claimed}
