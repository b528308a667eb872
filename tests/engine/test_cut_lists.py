"""Test that a truncated list covers only the time around the cut, and proves nothing inside it."""

from __future__ import annotations

from datetime import timedelta

from syncd.engine.report import RunExit
from syncd.model import Action, Topic, Window
from tests.core.kit import v
from tests.engine.conftest import EngineHarness
from tests.engine.fakes import lost_reply
from tests.engine.test_promises import settle


def cut(hour: int) -> Window:
    """Return the hours before and after."""
    around = v(hour).interval
    return Window(around[0] - timedelta(hours=1), around[1] + timedelta(hours=1))


async def quiet(harness: EngineHarness) -> None:
    """Sync until nothing changes, while a list is truncated; every run reports it."""
    await harness.engine.resync()
    before = harness.writes()
    report = await harness.engine.resync()
    assert (report.exit, [i.topic for i in report.items]) == (RunExit.UNANSWERED, [Topic.LIST])
    assert harness.writes() == before


async def test_events_in_the_cut_of_a_list_are_neither_looked_up_nor_freed(
    harness: EngineHarness,
) -> None:
    hidden, gone = harness.a.book("p", v(9)), harness.a.book("p", v(15))
    late = harness.a.book("p", v(20))
    await settle(harness)
    harness.a.holes = [cut(9)]
    for event in (gone, late):
        harness.a.delete(event)
    await quiet(harness)
    assert harness.blocks()["b"] == [v(9).interval]
    harness.a.holes = ()
    harness.a.delete(hidden)
    await settle(harness)
    assert harness.blocks()["b"] == []


async def test_absences_on_both_sides_of_a_cut_are_seen(harness: EngineHarness) -> None:
    """Each calendar is covered by two windows then."""
    early, late = harness.a.book("p", v(7)), harness.a.book("p", v(20))
    await settle(harness)
    harness.a.holes = [cut(12)]
    harness.a.delete(early)
    await quiet(harness)
    assert harness.blocks()["b"] == [v(20).interval]
    harness.a.delete(late)
    await quiet(harness)
    assert harness.blocks()["b"] == []


async def test_a_create_without_an_answer_is_not_repeated_where_the_list_is_cut(
    harness: EngineHarness,
) -> None:
    await settle(harness)
    harness.a.book("p", v(9))
    harness.b.faults["reply"] = [lost_reply("b")]
    harness.b.holes = [cut(9)]
    await harness.engine.resync()
    harness.clock.pass_(hours=1)
    report = await harness.engine.resync()
    assert report.exit is RunExit.UNANSWERED
    assert [o.action for o in harness.b.writes].count(Action.CREATE_BLOCK) == 1
    harness.b.holes = ()
    await settle(harness)
    assert harness.blocks()["b"] == [v(9).interval]
