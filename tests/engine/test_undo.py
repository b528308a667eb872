"""Undo a run for each booking that was not changed since, and keep it undone."""

from __future__ import annotations

from asyncio import CancelledError
from dataclasses import replace

import pytest

from syncd.engine.operator.undo import NothingToUndoError
from syncd.engine.report.run_report import RunExit
from syncd.model import Action, ExposureCause, Person, Status
from syncd.store.queries import availability
from syncd.systems.errors import RetryableError
from tests.core.kit import at, v
from tests.engine.conftest import Rig


async def run_of(rig: Rig, *, doubles: int = 0) -> str:
    """Sync, and return the run; ``doubles`` is the number of double bookings."""
    report = await rig.engine.resync()
    assert report.exit is (RunExit.CONFLICTS if doubles else RunExit.DONE), report
    assert report.double_bookings == doubles
    rig.clock.pass_(seconds=1)
    return report.run


async def quiet(rig: Rig) -> None:
    """Check that nothing more is written, also after a restart."""
    before = rig.writes()
    assert (await rig.engine.resync()).converged
    rig.restart()
    assert (await rig.engine.resync()).converged
    assert rig.writes() == before


async def test_blocks_that_a_run_made_are_removed_and_not_made_again(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    run = await run_of(rig)
    undone = await rig.engine.undo(run)
    assert (undone.exit, undone.skipped) == (RunExit.DONE, [])
    assert rig.blocks() == {"a": [], "b": [], "c": []}
    assert event in rig.a.events
    await quiet(rig)
    assert rig.blocks() == {"a": [], "b": [], "c": []}
    found = availability.exposures(rig.store, rig.clock.now())
    assert [(e.system, e.cause) for e in found] == [
        ("b", ExposureCause.UNDONE),
        ("c", ExposureCause.UNDONE),
    ]


async def test_once_the_booking_changes_it_is_carried_again(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.undo(await run_of(rig))
    rig.a.move(event, v(12))
    await run_of(rig)
    assert rig.blocks() == {"a": [], "b": [v(12).interval], "c": [v(12).interval]}
    assert availability.exposures(rig.store, rig.clock.now()) == []
    await quiet(rig)


async def test_a_block_that_a_run_moved_goes_back(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await run_of(rig)
    rig.a.move(event, v(12))
    undone = await rig.engine.undo(await run_of(rig))
    assert [o.action for o in undone.operations] == [Action.MOVE_BLOCK] * 2
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    assert rig.a.events[event].value == v(12), "what a person moved stays"
    await quiet(rig)


async def test_a_block_that_a_run_removed_is_made_again(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await run_of(rig)
    rig.a.cancel(event)
    undone = await rig.engine.undo(await run_of(rig))
    assert undone.exit is RunExit.DONE
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    await quiet(rig)
    rig.a.move(event, v(9))
    await run_of(rig)
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}


async def twins(rig: Rig) -> tuple[str, str]:
    """Book the same meeting in a and b."""
    rig.a.customers["ann"] = Person(emails=("ann@example.com",))
    rig.b.customers["7"] = Person(emails=("ann@example.com",))
    both = rig.a.book("p", v(9), "ann"), rig.b.book("p", v(9), "7")
    await run_of(rig)
    return both


async def test_an_appointment_that_a_run_moved_goes_back(rig: Rig) -> None:
    first, second = await twins(rig)
    rig.a.move(first, v(12))
    run = await run_of(rig)
    assert rig.b.events[second].value == v(12)
    await rig.engine.undo(run)
    assert rig.b.events[second].value == v(9)
    assert rig.a.events[first].value == v(12)
    await quiet(rig)
    rig.b.move(second, v(14))
    await run_of(rig)
    assert rig.a.events[first].value == v(14)
    assert rig.blocks()["c"] == [v(14).interval]


async def test_a_status_that_a_run_set_is_restored_or_reported(rig: Rig) -> None:
    first, second = await twins(rig)
    rig.a.cancel(first)
    run = await run_of(rig)
    assert not rig.b.events[second].value.busy
    able = rig.b.capabilities
    rig.b.capabilities = replace(able, statuses={Status.CANCELLED: Status.CANCELLED})
    left = (await rig.engine.undo(run)).skipped
    assert [each.why for each in left] == ["b cannot set the status back to confirmed"]
    rig.b.capabilities = able
    assert (await rig.engine.undo(run)).exit is RunExit.DONE
    assert rig.b.events[second].value == v(9)
    assert rig.blocks()["c"] == [v(9).interval]
    await quiet(rig)


async def test_bookings_changed_since_are_skipped_and_others_undone(rig: Rig) -> None:
    moved = rig.a.book("p", v(9))
    rig.a.book("p", v(11))
    cancelled = rig.a.book("p", v(13))
    rig.a.book("p", v(15))
    run = await run_of(rig)
    rig.a.move(moved, v(10))
    await run_of(rig)
    rig.a.cancel(cancelled)  # Not read yet.
    block = next(e for e, h in rig.b.events.items() if h.value == v(15))
    rig.b.move(block, v(16))
    undone = await rig.engine.undo(run)
    assert undone.exit is RunExit.CONFLICTS
    assert sorted(each.why.split(" (")[0] for each in undone.skipped) == [
        "it was changed in a after the run",
        "it was changed in a after the run",
        "it was changed in b after the run",
    ]
    assert v(11).interval not in rig.blocks()["b"] + rig.blocks()["c"]
    assert v(10).interval in rig.blocks()["b"]
    assert v(15).interval in rig.blocks()["c"]
    assert v(16).interval in rig.blocks()["b"], "that is for the next cycle to decide"


@pytest.mark.parametrize("dry_run", [False, True])
async def test_changes_that_an_undo_reads_are_decided_on_next(rig: Rig, dry_run: bool) -> None:
    rig.a.book("p", v(9))
    run = await run_of(rig)
    (block,) = rig.b.events
    rig.b.move(block, v(12))
    undone = await rig.engine.undo(run, dry_run=dry_run)
    assert [left.why for left in undone.skipped] == ["it was changed in b after the run"]
    rig.clock.pass_(minutes=15)
    await rig.engine.poll(near=False)
    assert rig.blocks()["b"] == [v(9).interval]


async def test_one_booking_can_be_chosen_and_a_shared_block_stays(rig: Rig) -> None:
    for hour in (9, 9, 12):
        rig.a.book("p", v(hour))
    run = await run_of(rig, doubles=1)
    shared, other, alone = (b.id for b in rig.store.bookings("p"))
    left = (await rig.engine.undo(run, booking=shared)).skipped
    assert [(each.booking, each.why) for each in left] == [
        (shared, f"its block in b also serves booking {other}")
    ]
    undone = await rig.engine.undo(run, booking=alone)
    assert undone.skipped == []
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    await quiet(rig)


async def test_an_undo_can_be_undone(rig: Rig) -> None:
    rig.a.book("p", v(9))
    undone = await rig.engine.undo(await run_of(rig))
    again = await rig.engine.undo(undone.report.run)
    assert again.exit is RunExit.DONE
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    await quiet(rig)


async def test_undoing_twice_writes_nothing_more(rig: Rig) -> None:
    rig.a.book("p", v(9))
    run = await run_of(rig)
    undone = await rig.engine.undo(run)
    rig.clock.pass_(seconds=1)
    before = rig.writes()
    again = await rig.engine.undo(run)
    assert [each.why for each in again.skipped] == [f"run {undone.report.run} changed it later"]
    assert rig.writes() == before


async def test_a_dry_run_writes_and_stores_nothing(rig: Rig) -> None:
    rig.a.book("p", v(9))
    run = await run_of(rig)
    before = rig.writes()
    undone = await rig.engine.undo(run, dry_run=True)
    assert [o.action for o in undone.operations] == [Action.REMOVE_BLOCK] * 2
    assert rig.writes() == before
    assert rig.store.state("p").undo_suppressions == ()
    await quiet(rig)


async def test_a_system_that_is_down_leaves_the_booking_whole(rig: Rig) -> None:
    rig.a.book("p", v(9))
    run = await run_of(rig)
    rig.b.faults["read"] = [RetryableError("b")]
    undone = await rig.engine.undo(run)
    assert undone.exit is RunExit.UNANSWERED
    assert [each.why for each in undone.skipped] == ["b did not answer or is read-only"]
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}


async def test_a_crash_before_the_undo_writes_changes_nothing(rig: Rig) -> None:
    rig.a.book("p", v(9))
    run = await run_of(rig)
    rig.b.faults["write"] = [CancelledError()]
    rig.c.faults["write"] = [CancelledError()]
    with pytest.raises(CancelledError):
        await rig.engine.undo(run)
    rig.restart()
    assert (await rig.engine.resync()).converged
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    await rig.engine.undo(run)
    assert rig.blocks() == {"a": [], "b": [], "c": []}


async def test_an_undo_skips_events_that_are_over(rig: Rig) -> None:
    rig.a.book("p", v(9))
    run = await run_of(rig)
    rig.clock.time = at(11)
    undone = await rig.engine.undo(run)
    assert [each.why for each in undone.skipped] == ["it is over"]
    assert rig.blocks()["b"] == [v(9).interval]


async def test_a_new_booking_at_an_undone_time_gets_one_block(
    rig: Rig,
) -> None:
    rig.a.book("p", v(9))
    await rig.engine.undo(await run_of(rig))
    rig.a.book("p", v(9))
    await run_of(rig, doubles=1)
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    await quiet(rig)


async def test_a_block_made_again_for_a_cancelled_booking_serves_a_new_one_at_that_time(
    rig: Rig,
) -> None:
    event = rig.a.book("p", v(9))
    await run_of(rig)
    rig.a.cancel(event)
    await rig.engine.undo(await run_of(rig))
    rig.a.book("p", v(9))
    await run_of(rig)
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    await quiet(rig)


async def test_an_undo_is_in_the_history(rig: Rig) -> None:
    rig.a.book("p", v(9))
    run = await run_of(rig)
    undone = await rig.engine.undo(run)
    notes = rig.store.history(run=undone.report.run)
    assert {(n.what, n.system) for n in notes} == {
        ("undone", "b"),
        ("undone", "c"),
        ("remove-block", "b"),
        ("remove-block", "c"),
    }
    assert {n.rule for n in notes} == {f"undo of run {run}"}


async def test_undoing_an_unknown_or_empty_run_is_an_error(rig: Rig) -> None:
    with pytest.raises(NothingToUndoError, match="there is no run"):
        await rig.engine.undo("nonsense")
    idle = await run_of(rig)
    with pytest.raises(NothingToUndoError, match="wrote nothing"):
        await rig.engine.undo(idle)
    rig.a.book("p", v(12))
    run = await run_of(rig)
    with pytest.raises(NothingToUndoError, match="for booking"):
        await rig.engine.undo(run, booking="another")
    assert rig.blocks()["b"] == [v(12).interval]
