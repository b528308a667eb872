"""Undo a run for each booking that was not changed since, and keep it undone."""

from __future__ import annotations

from asyncio import CancelledError
from dataclasses import replace

import pytest

from syncd.engine.report import RunExit
from syncd.engine.undo import NothingToUndoError
from syncd.model import Action, ExposureCause, Person, Status
from syncd.store import availability
from syncd.systems.port import RetryableError
from tests.core.kit import at, v
from tests.engine.conftest import Shop


async def run_of(shop: Shop, *, doubles: int = 0) -> str:
    """Sync, and return the run; ``doubles`` is the number of double bookings."""
    report = await shop.engine.resync()
    assert report.exit is (RunExit.CONFLICTS if doubles else RunExit.DONE), report
    assert report.double_bookings == doubles
    shop.clock.pass_(seconds=1)
    return report.run


async def quiet(shop: Shop) -> None:
    """Check that nothing more is written, also after a restart."""
    before = shop.writes()
    assert (await shop.engine.resync()).converged
    shop.restart()
    assert (await shop.engine.resync()).converged
    assert shop.writes() == before


async def test_blocks_that_a_run_made_are_removed_and_not_made_again(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    run = await run_of(shop)
    undone = await shop.engine.undo(run)
    assert (undone.exit, undone.skipped) == (RunExit.DONE, [])
    assert shop.blocks() == {"a": [], "b": [], "c": []}
    assert event in shop.a.events
    await quiet(shop)
    assert shop.blocks() == {"a": [], "b": [], "c": []}
    found = availability.exposures(shop.store, shop.clock.now())
    assert [(e.system, e.cause) for e in found] == [
        ("b", ExposureCause.UNDONE),
        ("c", ExposureCause.UNDONE),
    ]


async def test_once_the_booking_changes_it_is_carried_again(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.undo(await run_of(shop))
    shop.a.move(event, v(12))
    await run_of(shop)
    assert shop.blocks() == {"a": [], "b": [v(12).interval], "c": [v(12).interval]}
    assert availability.exposures(shop.store, shop.clock.now()) == []
    await quiet(shop)


async def test_a_block_that_a_run_moved_goes_back(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await run_of(shop)
    shop.a.move(event, v(12))
    undone = await shop.engine.undo(await run_of(shop))
    assert [o.action for o in undone.operations] == [Action.MOVE_BLOCK] * 2
    assert shop.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    assert shop.a.events[event].value == v(12), "what a person moved stays"
    await quiet(shop)


async def test_a_block_that_a_run_removed_is_made_again(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await run_of(shop)
    shop.a.cancel(event)
    undone = await shop.engine.undo(await run_of(shop))
    assert undone.exit is RunExit.DONE
    assert shop.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    await quiet(shop)
    shop.a.move(event, v(9))
    await run_of(shop)
    assert shop.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}


async def twins(shop: Shop) -> tuple[str, str]:
    """Book the same meeting in a and b."""
    shop.a.persons["ann"] = Person(emails=("ann@example.com",))
    shop.b.persons["7"] = Person(emails=("ann@example.com",))
    both = shop.a.book("p", v(9), "ann"), shop.b.book("p", v(9), "7")
    await run_of(shop)
    return both


async def test_an_appointment_that_a_run_moved_goes_back(shop: Shop) -> None:
    first, second = await twins(shop)
    shop.a.move(first, v(12))
    run = await run_of(shop)
    assert shop.b.events[second].value == v(12)
    await shop.engine.undo(run)
    assert shop.b.events[second].value == v(9)
    assert shop.a.events[first].value == v(12)
    await quiet(shop)
    shop.b.move(second, v(14))
    await run_of(shop)
    assert shop.a.events[first].value == v(14)
    assert shop.blocks()["c"] == [v(14).interval]


async def test_a_status_that_a_run_set_is_restored_or_reported(shop: Shop) -> None:
    first, second = await twins(shop)
    shop.a.cancel(first)
    run = await run_of(shop)
    assert not shop.b.events[second].value.busy
    able = shop.b.capabilities
    shop.b.capabilities = replace(able, statuses={Status.CANCELLED: Status.CANCELLED})
    left = (await shop.engine.undo(run)).skipped
    assert [each.why for each in left] == ["b cannot set the status back to confirmed"]
    shop.b.capabilities = able
    assert (await shop.engine.undo(run)).exit is RunExit.DONE
    assert shop.b.events[second].value == v(9)
    assert shop.blocks()["c"] == [v(9).interval]
    await quiet(shop)


async def test_bookings_changed_since_are_skipped_and_others_undone(shop: Shop) -> None:
    moved = shop.a.book("p", v(9))
    shop.a.book("p", v(11))
    cancelled = shop.a.book("p", v(13))
    shop.a.book("p", v(15))
    run = await run_of(shop)
    shop.a.move(moved, v(10))
    await run_of(shop)
    shop.a.cancel(cancelled)  # Not read yet.
    block = next(e for e, h in shop.b.events.items() if h.value == v(15))
    shop.b.move(block, v(16))
    undone = await shop.engine.undo(run)
    assert undone.exit is RunExit.CONFLICTS
    assert sorted(each.why.split(" (")[0] for each in undone.skipped) == [
        "it was changed in a after the run",
        "it was changed in a after the run",
        "it was changed in b after the run",
    ]
    assert v(11).interval not in shop.blocks()["b"] + shop.blocks()["c"]
    assert v(10).interval in shop.blocks()["b"]
    assert v(15).interval in shop.blocks()["c"]
    assert v(16).interval in shop.blocks()["b"], "that is for the next cycle to decide"


@pytest.mark.parametrize("dry_run", [False, True])
async def test_changes_that_an_undo_reads_are_decided_on_next(shop: Shop, dry_run: bool) -> None:
    shop.a.book("p", v(9))
    run = await run_of(shop)
    (block,) = shop.b.events
    shop.b.move(block, v(12))
    undone = await shop.engine.undo(run, dry_run=dry_run)
    assert [left.why for left in undone.skipped] == ["it was changed in b after the run"]
    shop.clock.pass_(minutes=15)
    await shop.engine.poll(near=False)
    assert shop.blocks()["b"] == [v(9).interval]


async def test_one_booking_can_be_chosen_and_a_shared_block_stays(shop: Shop) -> None:
    for hour in (9, 9, 12):
        shop.a.book("p", v(hour))
    run = await run_of(shop, doubles=1)
    shared, other, alone = (b.id for b in shop.store.bookings("p"))
    left = (await shop.engine.undo(run, booking=shared)).skipped
    assert [(each.booking, each.why) for each in left] == [
        (shared, f"its block in b also serves booking {other}")
    ]
    undone = await shop.engine.undo(run, booking=alone)
    assert undone.skipped == []
    assert shop.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    await quiet(shop)


async def test_an_undo_can_be_undone(shop: Shop) -> None:
    shop.a.book("p", v(9))
    undone = await shop.engine.undo(await run_of(shop))
    again = await shop.engine.undo(undone.report.run)
    assert again.exit is RunExit.DONE
    assert shop.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    await quiet(shop)


async def test_undoing_twice_writes_nothing_more(shop: Shop) -> None:
    shop.a.book("p", v(9))
    run = await run_of(shop)
    undone = await shop.engine.undo(run)
    shop.clock.pass_(seconds=1)
    before = shop.writes()
    again = await shop.engine.undo(run)
    assert [each.why for each in again.skipped] == [f"run {undone.report.run} changed it later"]
    assert shop.writes() == before


async def test_a_dry_run_writes_and_stores_nothing(shop: Shop) -> None:
    shop.a.book("p", v(9))
    run = await run_of(shop)
    before = shop.writes()
    undone = await shop.engine.undo(run, dry_run=True)
    assert [o.action for o in undone.operations] == [Action.REMOVE_BLOCK] * 2
    assert shop.writes() == before
    assert shop.store.state("p").undo_suppressions == ()
    await quiet(shop)


async def test_a_system_that_is_down_leaves_the_booking_whole(shop: Shop) -> None:
    shop.a.book("p", v(9))
    run = await run_of(shop)
    shop.b.faults["read"] = [RetryableError("b")]
    undone = await shop.engine.undo(run)
    assert undone.exit is RunExit.UNANSWERED
    assert [each.why for each in undone.skipped] == ["b did not answer, or is read-only"]
    assert shop.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}


async def test_a_crash_before_the_undo_writes_changes_nothing(shop: Shop) -> None:
    shop.a.book("p", v(9))
    run = await run_of(shop)
    shop.b.faults["write"] = [CancelledError()]
    shop.c.faults["write"] = [CancelledError()]
    with pytest.raises(CancelledError):
        await shop.engine.undo(run)
    shop.restart()
    assert (await shop.engine.resync()).converged
    assert shop.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    await shop.engine.undo(run)
    assert shop.blocks() == {"a": [], "b": [], "c": []}


async def test_an_undo_skips_events_that_are_over(shop: Shop) -> None:
    shop.a.book("p", v(9))
    run = await run_of(shop)
    shop.clock.time = at(11)
    undone = await shop.engine.undo(run)
    assert [each.why for each in undone.skipped] == ["it is over"]
    assert shop.blocks()["b"] == [v(9).interval]


async def test_a_new_booking_at_an_undone_time_gets_one_block(
    shop: Shop,
) -> None:
    shop.a.book("p", v(9))
    await shop.engine.undo(await run_of(shop))
    shop.a.book("p", v(9))
    await run_of(shop, doubles=1)
    assert shop.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    await quiet(shop)


async def test_a_block_made_again_for_a_cancelled_booking_serves_a_new_one_at_that_time(
    shop: Shop,
) -> None:
    event = shop.a.book("p", v(9))
    await run_of(shop)
    shop.a.cancel(event)
    await shop.engine.undo(await run_of(shop))
    shop.a.book("p", v(9))
    await run_of(shop)
    assert shop.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    await quiet(shop)


async def test_an_undo_is_in_the_history(shop: Shop) -> None:
    shop.a.book("p", v(9))
    run = await run_of(shop)
    undone = await shop.engine.undo(run)
    notes = shop.store.history(run=undone.report.run)
    assert {(n.what, n.system) for n in notes} == {
        ("undone", "b"),
        ("undone", "c"),
        ("remove-block", "b"),
        ("remove-block", "c"),
    }
    assert {n.rule for n in notes} == {f"undo of run {run}"}


async def test_undoing_an_unknown_or_empty_run_is_an_error(shop: Shop) -> None:
    with pytest.raises(NothingToUndoError, match="there is no run"):
        await shop.engine.undo("nonsense")
    idle = await run_of(shop)
    with pytest.raises(NothingToUndoError, match="wrote nothing"):
        await shop.engine.undo(idle)
    shop.a.book("p", v(12))
    run = await run_of(shop)
    with pytest.raises(NothingToUndoError, match="for booking"):
        await shop.engine.undo(run, booking="another")
    assert shop.blocks()["b"] == [v(12).interval]
