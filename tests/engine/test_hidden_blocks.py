"""Test that syncd follows its blocks by id if lists do not show them, also after a loss."""

from __future__ import annotations

from datetime import timedelta

from syncd.engine.reading.running_events import MAX_FOLLOWED
from syncd.model import EventRef, Kind, Value
from syncd.store.backup.created_ids import created_ids_path
from syncd.systems.lookup_results import LookupResult
from syncd.systems.port import Capabilities
from tests.core.kit import at, v
from tests.engine.conftest import Rig
from tests.engine.test_promises import settle
from tests.engine.test_running_events import count_asks

HOUR = timedelta(hours=1)


async def test_an_own_block_that_no_list_shows_is_restored_by_a_resync(rig: Rig) -> None:
    """Regression, seed 269: after a restart the removal of the block went unnoticed."""
    rig.c.lists_blocks = False
    # As on v1, an event that is not found by its id is gone.
    rig.c.capabilities = Capabilities(lag=timedelta(0), gone_proofs=dict.fromkeys(Kind, 1))
    rig.a.book("p", v(9))
    await settle(rig)
    block = next(e for e, held in rig.c.events.items() if held.kind is Kind.BLOCK)
    rig.restart()
    rig.c.delete(block)
    await settle(rig)
    assert rig.blocks()["c"] == [v(9).interval]
    assert len(rig.c.writes) == 2


async def test_an_unlisted_block_of_ours_stays_while_it_exists(rig: Rig) -> None:
    rig.c.lists_blocks = False
    rig.a.book("p", v(9))
    await settle(rig)
    writes = rig.writes()
    await settle(rig)
    assert rig.writes() == writes
    assert rig.blocks()["c"] == [v(9).interval]


def unlisted(rig: Rig) -> None:
    """Let c list no blocks and show them by id, as v1 may."""
    rig.c.lists_blocks = False
    rig.c.capabilities = Capabilities(
        lag=timedelta(0), gone_proofs=dict.fromkeys(Kind, 1), lists_blocks=False
    )


async def test_a_far_read_puts_back_an_own_block_that_was_moved_and_no_list_shows(
    rig: Rig,
) -> None:
    unlisted(rig)
    rig.a.book("p", v(9))
    await settle(rig)
    block = next(e for e, held in rig.c.events.items() if held.kind is Kind.BLOCK)
    rig.c.move(block, v(11))
    asked = count_asks(rig)
    await rig.engine.poll(near=True)
    assert asked == [], "a near read asks for none"
    rig.clock.pass_(minutes=15)
    await rig.engine.poll(near=False)
    assert rig.blocks()["c"] == [v(9).interval]


async def test_far_reads_look_up_some_unlisted_blocks_and_a_resync_all(
    rig: Rig,
) -> None:
    unlisted(rig)
    times = [
        Value(at(24) + n * HOUR, at(24) + n * HOUR + HOUR / 2) for n in range(MAX_FOLLOWED + 10)
    ]
    for value in times:
        rig.a.book("p", value)
    await settle(rig)
    blocks = {e for e, held in rig.c.events.items() if held.kind is Kind.BLOCK}
    assert len(blocks) == len(times)
    asked = count_asks(rig)
    for _ in range(2):
        before = len(asked)
        rig.clock.pass_(minutes=15)
        await rig.engine.poll(near=False)
        await rig.engine.poll(near=False)
        assert len(asked) - before == MAX_FOLLOWED
    assert {event for _, event in asked} == blocks
    asked.clear()
    report = await rig.engine.resync()
    assert sorted(event for _, event in asked) == sorted(blocks), "each once"
    assert report.converged


async def test_a_resync_that_ran_out_of_time_asks_for_the_rest_in_its_next_cycle(
    rig: Rig,
) -> None:
    unlisted(rig)
    for n in range(4):
        rig.a.book("p", Value(at(24 + n), at(25 + n)))
    await settle(rig)
    asked = count_asks(rig)
    read = rig.c.read_one

    async def slow(ref: EventRef, value: Value | None = None) -> LookupResult:
        rig.clock.pass_(minutes=0.7)
        return await read(ref, value)

    rig.c.read_one = slow  # type: ignore[method-assign]
    report = await rig.engine.resync()
    assert len({event for _, event in asked}) == len(asked) == 4
    assert report.cycles > 1


async def test_after_a_lost_state_blocks_that_no_list_shows_are_not_made_twice(
    rig: Rig,
) -> None:
    unlisted(rig)
    event = rig.a.book("p", v(9))
    await settle(rig)
    made = len(rig.c.writes)
    rig.store.close()
    for each in {*rig.path.parent.glob("state.db*")} - {created_ids_path(rig.path)}:
        each.unlink()
    rig.restart()
    await settle(rig)
    assert rig.blocks()["c"] == [v(9).interval]
    assert len(rig.c.writes) == made
    rig.a.delete(event)
    await settle(rig)
    assert rig.blocks()["c"] == []
