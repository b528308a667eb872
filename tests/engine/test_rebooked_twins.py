"""Match records in other systems of a meeting that was rescheduled by rebooking."""

from __future__ import annotations

from syncd.model import ConflictKind, Kind, Person
from tests.core.kit import v
from tests.engine.conftest import EngineHarness
from tests.engine.test_rebooked import conflicts, meeting, twins


async def test_a_twin_of_a_doubtful_new_booking_is_the_same_meeting_when_it_is_certain(
    harness: EngineHarness,
) -> None:
    """Simulator, seed 47: the twin got its own booking, and a block at its own time."""
    old = await meeting(harness)
    harness.a.cancel(old)
    harness.a.book("p", v(12), "ann")
    other = harness.a.book("p", v(14), "ann")
    await harness.engine.resync()
    harness.c.persons["c9"] = Person(emails=("ann@example.com",))
    harness.c.book("p", v(12), "c9")
    await harness.engine.resync()
    assert conflicts(harness) == [ConflictKind.AMBIGUOUS]
    harness.a.cancel(other)
    await harness.engine.resync()
    assert conflicts(harness) == []
    assert twins(harness) == [(v(12).interval, True)]
    assert harness.blocks() == {"a": [], "b": [], "c": []}


async def test_an_older_record_of_a_meeting_is_its_twin_and_no_reschedule(
    harness: EngineHarness,
) -> None:
    """Simulator, seed 30070: another meeting was moved to the time of the entered one."""
    harness.c.persons["c9"] = Person(emails=("ann@example.com",))
    harness.c.book("p", v(12), "c9")
    old = await meeting(harness)
    assert harness.blocks() == {"a": [v(12).interval], "b": [v(12).interval], "c": [v(9).interval]}
    harness.a.cancel(old)
    harness.a.book("p", v(12), "ann")
    await harness.engine.resync()
    await harness.engine.resync()
    assert twins(harness) == [(v(9).interval, False)]
    assert harness.blocks() == {"a": [], "b": [v(12).interval], "c": []}
    assert conflicts(harness) == []


async def test_a_meeting_moved_in_one_system_and_rebooked_in_the_other_is_one(
    harness: EngineHarness,
) -> None:
    old = await meeting(harness)
    twin = next(e for e, held in harness.b.events.items() if held.kind is Kind.APPOINTMENT)
    harness.clock.pass_(minutes=1)
    harness.b.move(twin, v(12))
    harness.a.cancel(old)
    harness.a.book("p", v(12), "ann")
    await harness.engine.resync()
    await harness.engine.resync()
    assert twins(harness) == [(v(12).interval, True)]
    assert harness.blocks() == {"a": [], "b": [], "c": [v(12).interval]}
