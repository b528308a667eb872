"""Test that a truncated list covers only the time around the cut, and proves nothing inside it."""

from __future__ import annotations

from datetime import timedelta

from syncd.engine.report.run_report import RunExit
from syncd.model import Action, Topic, Window
from tests.core.kit import v
from tests.engine.conftest import Rig
from tests.engine.fakes import lost_reply
from tests.engine.test_promises import settle


def cut(hour: int) -> Window:
    """Return the hours before and after."""
    around = v(hour).interval
    return Window(around[0] - timedelta(hours=1), around[1] + timedelta(hours=1))


async def quiet(rig: Rig) -> None:
    """Sync until nothing changes, while a list is truncated; every run reports it."""
    await rig.engine.resync()
    before = rig.writes()
    report = await rig.engine.resync()
    assert (report.exit, [i.topic for i in report.items]) == (RunExit.UNANSWERED, [Topic.LIST])
    assert rig.writes() == before


async def test_events_in_the_cut_of_a_list_are_neither_looked_up_nor_freed(rig: Rig) -> None:
    hidden, gone = rig.a.book("p", v(9)), rig.a.book("p", v(15))
    late = rig.a.book("p", v(20))
    await settle(rig)
    rig.a.holes = [cut(9)]
    for event in (gone, late):
        rig.a.delete(event)
    await quiet(rig)
    assert rig.blocks()["b"] == [v(9).interval]
    rig.a.holes = ()
    rig.a.delete(hidden)
    await settle(rig)
    assert rig.blocks()["b"] == []


async def test_absences_on_both_sides_of_a_cut_are_seen(rig: Rig) -> None:
    """Each calendar is covered by two windows then."""
    early, late = rig.a.book("p", v(7)), rig.a.book("p", v(20))
    await settle(rig)
    rig.a.holes = [cut(12)]
    rig.a.delete(early)
    await quiet(rig)
    assert rig.blocks()["b"] == [v(20).interval]
    rig.a.delete(late)
    await quiet(rig)
    assert rig.blocks()["b"] == []


async def test_a_create_without_an_answer_is_not_repeated_where_the_list_is_cut(
    rig: Rig,
) -> None:
    await settle(rig)
    rig.a.book("p", v(9))
    rig.b.faults["reply"] = [lost_reply("b")]
    rig.b.holes = [cut(9)]
    await rig.engine.resync()
    rig.clock.pass_(hours=1)
    report = await rig.engine.resync()
    assert report.exit is RunExit.UNANSWERED
    assert [o.action for o in rig.b.writes].count(Action.CREATE_BLOCK) == 1
    rig.b.holes = ()
    await settle(rig)
    assert rig.blocks()["b"] == [v(9).interval]
