"""Events without an end: their blocks get a fixed end, which is extended in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.engine.report.run_report import RunExit
from syncd.model import Action, Status, Value
from tests.core.kit import DAY, v
from tests.engine.conftest import Rig
from tests.engine.test_promises import settle

EVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
A_YEAR = DAY + timedelta(days=365)
FOR_EVER = Value(v(9).start, EVER)
CLOSED = [(v(9).start, A_YEAR)]


async def test_an_endless_block_is_carried_until_a_fixed_end(rig: Rig) -> None:
    rig.a.human_block("p", FOR_EVER)
    await settle(rig)
    assert rig.blocks() == {"a": [FOR_EVER.interval], "b": CLOSED, "c": CLOSED}


async def test_the_fixed_end_stays_the_same_from_day_to_day(rig: Rig) -> None:
    rig.a.human_block("p", FOR_EVER)
    await settle(rig)
    for _ in range(3):
        rig.clock.pass_(hours=7)
        rig.restart()
        report = await rig.engine.resync()
        assert (report.exit, report.operations.total(), report.news) == (RunExit.DONE, 0, 0)
    assert rig.blocks()["b"] == CLOSED


async def test_the_fixed_end_is_extended_in_time_without_counting_as_a_move(
    rig: Rig,
) -> None:
    events = [rig.a.human_block("p", Value(v(h).start, EVER)) for h in range(8, 14)]
    await settle(rig)
    for _ in range(200):
        rig.clock.pass_(days=1)
        await rig.engine.poll(near=False)
    later = {end for _, end in rig.blocks()["b"]}
    assert later == {datetime(2027, 12, 1, tzinfo=UTC)}
    moves = [o for o in rig.b.writes if o.action is Action.MOVE_BLOCK]
    assert (len(rig.blocks()["b"]), len(moves)) == (len(events), len(events))
    assert rig.store.open_conflicts() == []
    assert {n.rule for n in rig.store.history() if n.what == "agreed"} == {"open end"}


async def test_a_meeting_that_gets_a_real_end_moves_its_blocks(rig: Rig) -> None:
    event = rig.a.book("p", FOR_EVER)
    await settle(rig)
    rig.a.move(event, v(9, 12))
    await settle(rig)
    assert rig.blocks()["b"] == [v(9, 12).interval]
    rig.a.move(event, FOR_EVER)
    await settle(rig)
    assert rig.blocks()["b"] == CLOSED


@pytest.mark.parametrize("days", [0, 20])
async def test_deleting_an_endless_block_frees_the_other_calendars(rig: Rig, days: int) -> None:
    event = rig.a.human_block("p", FOR_EVER)
    await settle(rig)
    rig.clock.pass_(days=days)
    rig.a.delete(event)
    await rig.engine.resync()
    await settle(rig)
    assert rig.blocks() == {"a": [], "b": [], "c": []}


async def test_our_own_block_made_endless_by_hand_is_put_back(rig: Rig) -> None:
    rig.a.book("p", v(9))
    await settle(rig)
    (block,) = (e for e, held in rig.b.events.items() if held.value == v(9))
    rig.b.move(block, Value(v(9).start, EVER))
    await settle(rig)
    assert rig.blocks()["b"] == [v(9).interval]


async def test_a_cancelled_endless_meeting_takes_no_time(rig: Rig) -> None:
    event = rig.a.book("p", FOR_EVER)
    await settle(rig)
    rig.a.move(event, Value(FOR_EVER.start, EVER, Status.CANCELLED))
    await settle(rig)
    assert rig.blocks() == {"a": [], "b": [], "c": []}
