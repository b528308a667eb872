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
from tests.engine.conftest import EngineHarness


async def run_of(harness: EngineHarness, *, doubles: int = 0) -> str:
    """Sync, and return the run; ``doubles`` is the number of double bookings."""
    report = await harness.engine.resync()
    assert report.exit is (RunExit.CONFLICTS if doubles else RunExit.DONE), report
    assert report.double_bookings == doubles
    harness.clock.pass_(seconds=1)
    return report.run


async def quiet(harness: EngineHarness) -> None:
    """Check that nothing more is written, also after a restart."""
    before = harness.writes()
    assert (await harness.engine.resync()).converged
    harness.restart()
    assert (await harness.engine.resync()).converged
    assert harness.writes() == before


async def test_blocks_that_a_run_made_are_removed_and_not_made_again(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    run = await run_of(harness)
    undone = await harness.engine.undo(run)
    assert (undone.exit, undone.skipped) == (RunExit.DONE, [])
    assert harness.blocks() == {"a": [], "b": [], "c": []}
    assert event in harness.a.events
    await quiet(harness)
    assert harness.blocks() == {"a": [], "b": [], "c": []}
    found = availability.exposures(harness.store, harness.clock.now())
    assert [(e.system, e.cause) for e in found] == [
        ("b", ExposureCause.UNDONE),
        ("c", ExposureCause.UNDONE),
    ]


async def test_once_the_booking_changes_it_is_carried_again(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.undo(await run_of(harness))
    harness.a.move(event, v(12))
    await run_of(harness)
    assert harness.blocks() == {"a": [], "b": [v(12).interval], "c": [v(12).interval]}
    assert availability.exposures(harness.store, harness.clock.now()) == []
    await quiet(harness)


async def test_a_block_that_a_run_moved_goes_back(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await run_of(harness)
    harness.a.move(event, v(12))
    undone = await harness.engine.undo(await run_of(harness))
    assert [o.action for o in undone.operations] == [Action.MOVE_BLOCK] * 2
    assert harness.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    assert harness.a.events[event].value == v(12), "what a person moved stays"
    await quiet(harness)


async def test_a_block_that_a_run_removed_is_made_again(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await run_of(harness)
    harness.a.cancel(event)
    undone = await harness.engine.undo(await run_of(harness))
    assert undone.exit is RunExit.DONE
    assert harness.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    await quiet(harness)
    harness.a.move(event, v(9))
    await run_of(harness)
    assert harness.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}


async def twins(harness: EngineHarness) -> tuple[str, str]:
    """Book the same meeting in a and b."""
    harness.a.persons["ann"] = Person(emails=("ann@example.com",))
    harness.b.persons["7"] = Person(emails=("ann@example.com",))
    both = harness.a.book("p", v(9), "ann"), harness.b.book("p", v(9), "7")
    await run_of(harness)
    return both


async def test_an_appointment_that_a_run_moved_goes_back(harness: EngineHarness) -> None:
    first, second = await twins(harness)
    harness.a.move(first, v(12))
    run = await run_of(harness)
    assert harness.b.events[second].value == v(12)
    await harness.engine.undo(run)
    assert harness.b.events[second].value == v(9)
    assert harness.a.events[first].value == v(12)
    await quiet(harness)
    harness.b.move(second, v(14))
    await run_of(harness)
    assert harness.a.events[first].value == v(14)
    assert harness.blocks()["c"] == [v(14).interval]


async def test_a_status_that_a_run_set_is_restored_or_reported(harness: EngineHarness) -> None:
    first, second = await twins(harness)
    harness.a.cancel(first)
    run = await run_of(harness)
    assert not harness.b.events[second].value.busy
    able = harness.b.capabilities
    harness.b.capabilities = replace(able, statuses={Status.CANCELLED: Status.CANCELLED})
    left = (await harness.engine.undo(run)).skipped
    assert [each.why for each in left] == ["b cannot set the status back to confirmed"]
    harness.b.capabilities = able
    assert (await harness.engine.undo(run)).exit is RunExit.DONE
    assert harness.b.events[second].value == v(9)
    assert harness.blocks()["c"] == [v(9).interval]
    await quiet(harness)


async def test_bookings_changed_since_are_skipped_and_others_undone(harness: EngineHarness) -> None:
    moved = harness.a.book("p", v(9))
    harness.a.book("p", v(11))
    cancelled = harness.a.book("p", v(13))
    harness.a.book("p", v(15))
    run = await run_of(harness)
    harness.a.move(moved, v(10))
    await run_of(harness)
    harness.a.cancel(cancelled)  # Not read yet.
    block = next(e for e, h in harness.b.events.items() if h.value == v(15))
    harness.b.move(block, v(16))
    undone = await harness.engine.undo(run)
    assert undone.exit is RunExit.CONFLICTS
    assert sorted(each.why.split(" (")[0] for each in undone.skipped) == [
        "it was changed in a after the run",
        "it was changed in a after the run",
        "it was changed in b after the run",
    ]
    assert v(11).interval not in harness.blocks()["b"] + harness.blocks()["c"]
    assert v(10).interval in harness.blocks()["b"]
    assert v(15).interval in harness.blocks()["c"]
    assert v(16).interval in harness.blocks()["b"], "that is for the next cycle to decide"


@pytest.mark.parametrize("dry_run", [False, True])
async def test_changes_that_an_undo_reads_are_decided_on_next(
    harness: EngineHarness, dry_run: bool
) -> None:
    harness.a.book("p", v(9))
    run = await run_of(harness)
    (block,) = harness.b.events
    harness.b.move(block, v(12))
    undone = await harness.engine.undo(run, dry_run=dry_run)
    assert [left.why for left in undone.skipped] == ["it was changed in b after the run"]
    harness.clock.pass_(minutes=15)
    await harness.engine.poll(near=False)
    assert harness.blocks()["b"] == [v(9).interval]


async def test_one_booking_can_be_chosen_and_a_shared_block_stays(harness: EngineHarness) -> None:
    for hour in (9, 9, 12):
        harness.a.book("p", v(hour))
    run = await run_of(harness, doubles=1)
    shared, other, alone = (b.id for b in harness.store.bookings("p"))
    left = (await harness.engine.undo(run, booking=shared)).skipped
    assert [(each.booking, each.why) for each in left] == [
        (shared, f"its block in b also serves booking {other}")
    ]
    undone = await harness.engine.undo(run, booking=alone)
    assert undone.skipped == []
    assert harness.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    await quiet(harness)


async def test_an_undo_can_be_undone(harness: EngineHarness) -> None:
    harness.a.book("p", v(9))
    undone = await harness.engine.undo(await run_of(harness))
    again = await harness.engine.undo(undone.report.run)
    assert again.exit is RunExit.DONE
    assert harness.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    await quiet(harness)


async def test_undoing_twice_writes_nothing_more(harness: EngineHarness) -> None:
    harness.a.book("p", v(9))
    run = await run_of(harness)
    undone = await harness.engine.undo(run)
    harness.clock.pass_(seconds=1)
    before = harness.writes()
    again = await harness.engine.undo(run)
    assert [each.why for each in again.skipped] == [f"run {undone.report.run} changed it later"]
    assert harness.writes() == before


async def test_a_dry_run_writes_and_stores_nothing(harness: EngineHarness) -> None:
    harness.a.book("p", v(9))
    run = await run_of(harness)
    before = harness.writes()
    undone = await harness.engine.undo(run, dry_run=True)
    assert [o.action for o in undone.operations] == [Action.REMOVE_BLOCK] * 2
    assert harness.writes() == before
    assert harness.store.state("p").undo_suppressions == ()
    await quiet(harness)


async def test_a_system_that_is_down_leaves_the_booking_whole(harness: EngineHarness) -> None:
    harness.a.book("p", v(9))
    run = await run_of(harness)
    harness.b.faults["read"] = [RetryableError("b")]
    undone = await harness.engine.undo(run)
    assert undone.exit is RunExit.UNANSWERED
    assert [each.why for each in undone.skipped] == ["b did not answer, or is read-only"]
    assert harness.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}


async def test_a_crash_before_the_undo_writes_changes_nothing(harness: EngineHarness) -> None:
    harness.a.book("p", v(9))
    run = await run_of(harness)
    harness.b.faults["write"] = [CancelledError()]
    harness.c.faults["write"] = [CancelledError()]
    with pytest.raises(CancelledError):
        await harness.engine.undo(run)
    harness.restart()
    assert (await harness.engine.resync()).converged
    assert harness.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    await harness.engine.undo(run)
    assert harness.blocks() == {"a": [], "b": [], "c": []}


async def test_an_undo_skips_events_that_are_over(harness: EngineHarness) -> None:
    harness.a.book("p", v(9))
    run = await run_of(harness)
    harness.clock.time = at(11)
    undone = await harness.engine.undo(run)
    assert [each.why for each in undone.skipped] == ["it is over"]
    assert harness.blocks()["b"] == [v(9).interval]


async def test_a_new_booking_at_an_undone_time_gets_one_block(
    harness: EngineHarness,
) -> None:
    harness.a.book("p", v(9))
    await harness.engine.undo(await run_of(harness))
    harness.a.book("p", v(9))
    await run_of(harness, doubles=1)
    assert harness.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    await quiet(harness)


async def test_a_block_made_again_for_a_cancelled_booking_serves_a_new_one_at_that_time(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await run_of(harness)
    harness.a.cancel(event)
    await harness.engine.undo(await run_of(harness))
    harness.a.book("p", v(9))
    await run_of(harness)
    assert harness.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    await quiet(harness)


async def test_an_undo_is_in_the_history(harness: EngineHarness) -> None:
    harness.a.book("p", v(9))
    run = await run_of(harness)
    undone = await harness.engine.undo(run)
    notes = harness.store.history(run=undone.report.run)
    assert {(n.what, n.system) for n in notes} == {
        ("undone", "b"),
        ("undone", "c"),
        ("remove-block", "b"),
        ("remove-block", "c"),
    }
    assert {n.rule for n in notes} == {f"undo of run {run}"}


async def test_undoing_an_unknown_or_empty_run_is_an_error(harness: EngineHarness) -> None:
    with pytest.raises(NothingToUndoError, match="there is no run"):
        await harness.engine.undo("nonsense")
    idle = await run_of(harness)
    with pytest.raises(NothingToUndoError, match="wrote nothing"):
        await harness.engine.undo(idle)
    harness.a.book("p", v(12))
    run = await run_of(harness)
    with pytest.raises(NothingToUndoError, match="for booking"):
        await harness.engine.undo(run, booking="another")
    assert harness.blocks()["b"] == [v(12).interval]
