"""Events without an end: their blocks get a fixed end, which is extended in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.engine.report import RunExit
from syncd.model import Action, Status, Value
from tests.core.kit import DAY, v
from tests.engine.conftest import EngineHarness
from tests.engine.test_promises import settle

EVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
A_YEAR = DAY + timedelta(days=365)
FOR_EVER = Value(v(9).start, EVER)
CLOSED = [(v(9).start, A_YEAR)]


async def test_an_endless_block_is_carried_until_a_fixed_end(harness: EngineHarness) -> None:
    harness.a.human_block("p", FOR_EVER)
    await settle(harness)
    assert harness.blocks() == {"a": [FOR_EVER.interval], "b": CLOSED, "c": CLOSED}


async def test_the_fixed_end_stays_the_same_from_day_to_day(harness: EngineHarness) -> None:
    harness.a.human_block("p", FOR_EVER)
    await settle(harness)
    for _ in range(3):
        harness.clock.pass_(hours=7)
        harness.restart()
        report = await harness.engine.resync()
        assert (report.exit, report.operations.total(), report.news) == (RunExit.DONE, 0, 0)
    assert harness.blocks()["b"] == CLOSED


async def test_the_fixed_end_is_extended_in_time_without_counting_as_a_move(
    harness: EngineHarness,
) -> None:
    events = [harness.a.human_block("p", Value(v(h).start, EVER)) for h in range(8, 14)]
    await settle(harness)
    for _ in range(200):
        harness.clock.pass_(days=1)
        await harness.engine.poll(near=False)
    later = {end for _, end in harness.blocks()["b"]}
    assert later == {datetime(2027, 12, 1, tzinfo=UTC)}
    moves = [o for o in harness.b.writes if o.action is Action.MOVE_BLOCK]
    assert (len(harness.blocks()["b"]), len(moves)) == (len(events), len(events))
    assert harness.store.open_conflicts() == []
    assert {n.rule for n in harness.store.history() if n.what == "agreed"} == {"open end"}


async def test_a_meeting_that_gets_a_real_end_moves_its_blocks(harness: EngineHarness) -> None:
    event = harness.a.book("p", FOR_EVER)
    await settle(harness)
    harness.a.move(event, v(9, 12))
    await settle(harness)
    assert harness.blocks()["b"] == [v(9, 12).interval]
    harness.a.move(event, FOR_EVER)
    await settle(harness)
    assert harness.blocks()["b"] == CLOSED


@pytest.mark.parametrize("days", [0, 20])
async def test_deleting_an_endless_block_frees_the_other_calendars(
    harness: EngineHarness, days: int
) -> None:
    event = harness.a.human_block("p", FOR_EVER)
    await settle(harness)
    harness.clock.pass_(days=days)
    harness.a.delete(event)
    await harness.engine.resync()
    await settle(harness)
    assert harness.blocks() == {"a": [], "b": [], "c": []}


async def test_our_own_block_made_endless_by_hand_is_put_back(harness: EngineHarness) -> None:
    harness.a.book("p", v(9))
    await settle(harness)
    (block,) = (e for e, held in harness.b.events.items() if held.value == v(9))
    harness.b.move(block, Value(v(9).start, EVER))
    await settle(harness)
    assert harness.blocks()["b"] == [v(9).interval]


async def test_a_cancelled_endless_meeting_takes_no_time(harness: EngineHarness) -> None:
    event = harness.a.book("p", FOR_EVER)
    await settle(harness)
    harness.a.move(event, Value(FOR_EVER.start, EVER, Status.CANCELLED))
    await settle(harness)
    assert harness.blocks() == {"a": [], "b": [], "c": []}
