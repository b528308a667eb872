"""Test that syncd follows its blocks by id if lists do not show them, also after a loss."""

from __future__ import annotations

from datetime import timedelta

from syncd.engine.running_events import MAX_FOLLOWED
from syncd.model import EventRef, Kind, Value
from syncd.store.created_ids import created_ids_path
from syncd.systems.port import Capabilities, LookupResult
from tests.core.kit import at, v
from tests.engine.conftest import EngineHarness
from tests.engine.test_promises import settle
from tests.engine.test_running_events import count_asks

HOUR = timedelta(hours=1)


async def test_an_own_block_that_no_list_shows_is_restored_by_a_resync(
    harness: EngineHarness,
) -> None:
    """Regression, seed 269: after a restart the removal of the block went unnoticed."""
    harness.c.lists_blocks = False
    # As on v1, an event that is not found by its id is gone.
    harness.c.capabilities = Capabilities(lag=timedelta(0), gone_proofs=dict.fromkeys(Kind, 1))
    harness.a.book("p", v(9))
    await settle(harness)
    block = next(e for e, held in harness.c.events.items() if held.kind is Kind.BLOCK)
    harness.restart()
    harness.c.delete(block)
    await settle(harness)
    assert harness.blocks()["c"] == [v(9).interval]
    assert len(harness.c.writes) == 2


async def test_an_unlisted_block_of_ours_stays_while_it_exists(harness: EngineHarness) -> None:
    harness.c.lists_blocks = False
    harness.a.book("p", v(9))
    await settle(harness)
    writes = harness.writes()
    await settle(harness)
    assert harness.writes() == writes
    assert harness.blocks()["c"] == [v(9).interval]


def unlisted(harness: EngineHarness) -> None:
    """Let c list no blocks and show them by id, as v1 may."""
    harness.c.lists_blocks = False
    harness.c.capabilities = Capabilities(
        lag=timedelta(0), gone_proofs=dict.fromkeys(Kind, 1), lists_blocks=False
    )


async def test_a_far_read_puts_back_an_own_block_that_was_moved_and_no_list_shows(
    harness: EngineHarness,
) -> None:
    unlisted(harness)
    harness.a.book("p", v(9))
    await settle(harness)
    block = next(e for e, held in harness.c.events.items() if held.kind is Kind.BLOCK)
    harness.c.move(block, v(11))
    asked = count_asks(harness)
    await harness.engine.poll(near=True)
    assert asked == [], "a near read asks for none"
    harness.clock.pass_(minutes=15)
    await harness.engine.poll(near=False)
    assert harness.blocks()["c"] == [v(9).interval]


async def test_far_reads_look_up_some_unlisted_blocks_and_a_resync_all(
    harness: EngineHarness,
) -> None:
    unlisted(harness)
    times = [
        Value(at(24) + n * HOUR, at(24) + n * HOUR + HOUR / 2) for n in range(MAX_FOLLOWED + 10)
    ]
    for value in times:
        harness.a.book("p", value)
    await settle(harness)
    blocks = {e for e, held in harness.c.events.items() if held.kind is Kind.BLOCK}
    assert len(blocks) == len(times)
    asked = count_asks(harness)
    for _ in range(2):
        before = len(asked)
        harness.clock.pass_(minutes=15)
        await harness.engine.poll(near=False)
        await harness.engine.poll(near=False)
        assert len(asked) - before == MAX_FOLLOWED
    assert {event for _, event in asked} == blocks
    asked.clear()
    report = await harness.engine.resync()
    assert sorted(event for _, event in asked) == sorted(blocks), "each once"
    assert report.converged


async def test_a_resync_that_ran_out_of_time_asks_for_the_rest_in_its_next_cycle(
    harness: EngineHarness,
) -> None:
    unlisted(harness)
    for n in range(4):
        harness.a.book("p", Value(at(24 + n), at(25 + n)))
    await settle(harness)
    asked = count_asks(harness)
    read = harness.c.read_one

    async def slow(ref: EventRef, value: Value | None = None) -> LookupResult:
        harness.clock.pass_(minutes=0.7)
        return await read(ref, value)

    harness.c.read_one = slow  # type: ignore[method-assign]
    report = await harness.engine.resync()
    assert len({event for _, event in asked}) == len(asked) == 4
    assert report.cycles > 1


async def test_after_a_lost_state_blocks_that_no_list_shows_are_not_made_twice(
    harness: EngineHarness,
) -> None:
    unlisted(harness)
    event = harness.a.book("p", v(9))
    await settle(harness)
    made = len(harness.c.writes)
    harness.store.close()
    for each in {*harness.path.parent.glob("state.db*")} - {created_ids_path(harness.path)}:
        each.unlink()
    harness.restart()
    await settle(harness)
    assert harness.blocks()["c"] == [v(9).interval]
    assert len(harness.c.writes) == made
    harness.a.delete(event)
    await settle(harness)
    assert harness.blocks()["c"] == []
