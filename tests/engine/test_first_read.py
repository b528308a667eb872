"""Test that nothing frees time before a calendar was read in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.engine.first_read import ReadProgress
from syncd.engine.left_behind import report_left_behind
from syncd.engine.report import Report
from syncd.model import Action, Coverage, Kind, Window
from syncd.store.backup import create_backup, restore_backup
from syncd.store.store import Store
from tests.core.kit import SYSTEMS, at, v
from tests.engine.conftest import EngineHarness, make_engine
from tests.engine.fakes import Held, lost_reply

REMOVALS = {Action.REMOVE_BLOCK, Action.SET_STATUS}


def give_away(harness: EngineHarness, event: str) -> None:
    """Move the event of system a to a calendar that is not mapped."""
    harness.a.events[event] = replace(harness.a.events[event], provider="elsewhere")


def remap(harness: EngineHarness, mapped: dict[tuple[str, str], str]) -> None:
    """Restart with a configuration that maps these calendars to other ones."""
    harness.restart()
    harness.engine.mapped = mapped
    harness.engine.__post_init__()


def unmap(harness: EngineHarness, provider: str, systems: Sequence[str]) -> None:
    """Restart with a configuration that keeps a provider in these systems only."""
    harness.restart()
    harness.engine.mapping = {**harness.engine.mapping, provider: systems}
    harness.engine.__post_init__()


async def cycle(harness: EngineHarness, window: Window | None = None) -> Report:
    """Run one cycle over the far window."""
    report = Report(run="r")
    await harness.engine.cycle(window or harness.engine.window(near=False), report)
    return report


def lose_state(harness: EngineHarness) -> None:
    """Lose the state and its file of created ids."""
    harness.store.close()
    for each in harness.path.parent.glob("state.db*"):
        each.unlink()
    harness.store = Store.open(harness.path)
    harness.engine = make_engine(harness.store, harness.clock, harness.systems, harness.rows)


def removals(harness: EngineHarness) -> list[str]:
    """Return the events that ended so far, by system."""
    return [o.system for s in harness.systems for o in s.writes if o.action in REMOVALS]


# --- the mapping ----------------------------------------------------------------------------------


async def test_a_new_mapping_frees_nothing_in_its_first_full_cycle_and_then_all(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    give_away(harness, event)
    remap(harness, {("p", "a"): "another"})
    first = await cycle(harness)
    assert (removals(harness), len(first.waiting), first.converged) == ([], 2, False)
    second = await cycle(harness)
    assert (sorted(removals(harness)), len(second.waiting)) == (["b", "c"], 0)
    assert harness.blocks() == {"a": [], "b": [], "c": []}
    assert event in harness.a.events


async def test_one_resync_does_both_cycles(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    give_away(harness, event)
    remap(harness, {("p", "a"): "another"})
    report = await harness.engine.resync()
    assert report.converged
    assert harness.blocks() == {"a": [], "b": [], "c": []}


async def test_events_that_the_new_mapping_also_shows_stay(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    before = harness.writes()
    remap(harness, {("p", "a"): "another"})
    await cycle(harness)
    assert [r.provider for r in harness.store.records("a", [event])] == ["p"]
    report = await harness.engine.resync()
    assert (harness.writes(), report.converged) == (before, True)


async def test_a_near_cycle_does_not_end_the_wait(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    harness.a.delete(event)
    remap(harness, {("p", "a"): "another"})
    for _ in range(3):
        await harness.engine.poll(near=True)
    assert removals(harness) == []
    await harness.engine.poll(near=False)
    assert removals(harness) == []
    await harness.engine.poll(near=True)
    assert sorted(removals(harness)) == ["b", "c"]


async def test_an_incomplete_read_does_not_end_the_wait(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    harness.a.delete(event)
    remap(harness, {("p", "a"): "another"})
    harness.a.incomplete = True
    await cycle(harness)
    await cycle(harness)
    assert removals(harness) == []
    harness.a.incomplete = False
    await cycle(harness)
    assert removals(harness) == []
    await cycle(harness)
    assert sorted(removals(harness)) == ["b", "c"]


async def test_other_providers_do_not_wait(harness: EngineHarness) -> None:
    event = harness.a.book("q", v(9))
    await harness.engine.resync()
    harness.a.delete(event)
    remap(harness, {("p", "a"): "another"})
    report = await cycle(harness)
    assert (sorted(removals(harness)), len(report.waiting)) == (["b", "c"], 0)


async def test_a_twin_stays_when_the_other_calendar_is_another_one_now(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    booking = harness.store.bookings("p")[0]
    give_away(harness, event)
    other = harness.b.human_block("p", v(12))
    remap(harness, {("p", "a"): "another"})
    await harness.engine.resync()
    assert [b.agreed.interval for b in harness.store.bookings("p") if b.agreed.busy] == [
        v(12).interval
    ]
    assert other in harness.b.events
    assert any(n.rule == "no longer in this calendar" for n in harness.store.history())
    assert booking.id in {b.id for b in harness.store.find_bookings("")}


async def test_a_calendar_that_is_no_longer_mapped_blocks_nothing_elsewhere(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    unmap(harness, "p", ("b", "c"))
    first = await cycle(harness)
    assert (removals(harness), len(first.waiting)) == ([], 2)
    await cycle(harness)
    assert sorted(removals(harness)) == ["b", "c"]
    assert event in harness.a.events
    unmap(harness, "p", SYSTEMS)
    report = await harness.engine.resync()
    assert report.converged
    assert harness.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}


@pytest.mark.parametrize("remapped", [False, True], ids=["merged", "remapped"])
async def test_a_block_left_behind_is_not_removed_from_the_new_owner(
    harness: EngineHarness, *, remapped: bool
) -> None:
    """The provider's own calendar is not configured; its events were given to another user.

    The platform may revert that. If the configuration maps the calendar to the other provider, the
    blocks belong to that provider.
    """
    harness.b.book("p", v(9))
    await harness.engine.resync()
    (block,) = (id_ for id_, held in harness.a.events.items() if held.kind is Kind.BLOCK)
    unmap(harness, "p", ("b", "c"))
    await harness.engine.resync()
    harness.a.events[block] = replace(harness.a.events[block], provider="q")
    if remapped:
        remap(harness, {("q", "a"): "the calendar that was p's"})
    await harness.engine.resync()
    assert (block in harness.a.events) is not remapped
    assert bool(report_left_behind(harness.engine)) is not remapped


# --- the state is lost ----------------------------------------------------------------------------


async def test_after_a_lost_state_blocks_are_adopted_and_not_doubled(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    before = harness.writes()
    lose_state(harness)
    report = await harness.engine.resync()
    assert (report.converged, harness.writes()) == (True, before)
    harness.a.move(event, v(14))
    await harness.engine.resync()
    assert harness.blocks() == {"a": [], "b": [v(14).interval], "c": [v(14).interval]}
    harness.a.cancel(event)
    await harness.engine.resync()
    assert harness.blocks() == {"a": [], "b": [], "c": []}


async def test_orphaned_blocks_stay_and_are_reported_once(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    lose_state(harness)
    harness.a.move(event, v(14))
    report = await harness.engine.resync()
    assert harness.blocks()["b"] == [v(9).interval, v(14).interval]
    assert [r for r in report.remarks if "syncd tag" in r] == [
        f"{system}: 1 of p's blocks have a syncd tag but no known meeting "
        f"(the first on {at(9):%Y-%m-%d %H:%M} UTC). syncd keeps them; delete what you do not need."
        for system in ("b", "c")
    ]
    assert (await harness.engine.resync()).remarks == []


async def test_a_tagged_block_is_adopted_once_if_there_are_two(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    copy = next(iter(harness.b.events.values()))
    harness.b.events["copy"] = Held("p", copy.kind, copy.value, None, "Busy [s:zzzzzzzzzz]")
    lose_state(harness)
    await harness.engine.resync()
    harness.a.cancel(event)
    await harness.engine.resync()
    assert len(harness.b.blocks("p")) == 1


# --- a plan ---------------------------------------------------------------------------------------


async def test_a_dry_run_settles_nothing(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    harness.a.delete(event)
    remap(harness, {("p", "a"): "another"})
    looking = make_engine(
        harness.store.in_memory_copy(), harness.clock, harness.systems, harness.rows
    )
    looking.mapped = {("p", "a"): "another"}
    looking.__post_init__()
    planned = await looking.resync(dry_run=True)
    assert len(planned.waiting) == 2
    assert not harness.engine.read_progress.is_complete("p", "a")


@pytest.mark.parametrize("ahead", [1, 30])
async def test_a_resync_of_some_days_is_not_a_full_read(harness: EngineHarness, ahead: int) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    harness.a.delete(event)
    remap(harness, {("p", "a"): "another"})
    now = harness.clock.now()
    few = Window(now - timedelta(days=1), now + timedelta(days=ahead))
    report = await harness.engine.resync(window=few)
    assert (removals(harness), report.converged) == ([], False)
    assert (await harness.engine.resync()).converged


# --- a backup is restored -------------------------------------------------------------------------


def restore_of(harness: EngineHarness, source: Path) -> None:
    """Stop, replace the state with the backup, and start again."""
    harness.store.close()
    restore_backup(source, harness.path, harness.clock.now())
    harness.restart()


async def test_after_a_restore_the_first_cycle_reads_anew_and_removes_nothing(
    harness: EngineHarness,
) -> None:
    gone, moved = harness.a.book("p", v(9)), harness.a.book("p", v(11))
    await harness.engine.resync()
    source = harness.path.with_name("copy.db")
    create_backup(harness.path, source)
    harness.a.delete(gone)
    harness.a.move(moved, v(12))
    new = harness.a.book("p", v(15))
    await harness.engine.resync()
    before = harness.writes()
    assert before == len(removals(harness)) + 4 + 2 + 2
    restore_of(harness, source)
    first = await cycle(harness)
    assert (harness.writes(), len(first.waiting)) == (before, 2)
    report = await harness.engine.resync()
    assert (harness.writes(), report.converged) == (before, True)
    harness.a.delete(new)
    await harness.engine.resync()
    assert harness.blocks() == {"a": [], "b": [v(12).interval], "c": [v(12).interval]}


async def test_what_ended_while_the_backup_was_old_is_freed_by_the_second_cycle(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    source = harness.path.with_name("copy.db")
    create_backup(harness.path, source)
    harness.a.delete(event)
    restore_of(harness, source)
    first = await cycle(harness)
    assert (removals(harness), len(first.waiting)) == ([], 2)
    await cycle(harness)
    assert sorted(removals(harness)) == ["b", "c"]


async def test_a_removal_that_is_open_in_a_backup_is_not_sent(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    harness.a.cancel(event)
    harness.b.faults["write"] = [lost_reply("b")]
    await cycle(harness)
    source = harness.path.with_name("copy.db")
    create_backup(harness.path, source)
    assert [i.operation.action for i in harness.store.pending_intents()] == [Action.REMOVE_BLOCK]
    harness.a.move(event, v(9))
    restore_of(harness, source)
    await harness.engine.resync()
    assert [h.value.interval for h in harness.b.events.values()] == [v(9).interval]


# --- what is read in full -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "full"),
    [
        pytest.param([(0, 24)], True, id="in one piece"),
        pytest.param([(12, 24), (0, 12)], True, id="in two that touch"),
        pytest.param([(0, 14), (12, 26)], True, id="in two that overlap"),
        pytest.param([(0, 11), (12, 24)], False, id="with a gap"),
        pytest.param([(1, 24)], False, id="begun too late"),
        pytest.param([(0, 23)], False, id="ended too early"),
        pytest.param([], False, id="not at all"),
    ],
)
def test_a_calendar_is_known_when_the_whole_window_was_read(
    harness: EngineHarness, read: list[tuple[float, float]], *, full: bool
) -> None:
    known = ReadProgress(harness.store, {("p", "a"): "digest"})
    coverage = [
        Coverage("a", "p", frozenset(Kind), Window(at(start), at(end)), at(0))
        for start, end in read
    ]
    assert bool(known.complete(coverage, Window(at(0), at(24)), at(0))) is full
    assert known.is_complete("p", "a") is full
    assert ReadProgress(harness.store, {("p", "a"): "digest"}).is_complete("p", "a") is full


def test_blocks_alone_do_not_make_a_calendar_known(harness: EngineHarness) -> None:
    known = ReadProgress(harness.store, {("p", "a"): "digest"})
    whole = Window(at(0), at(24))
    blocks = Coverage("a", "p", frozenset({Kind.BLOCK}), whole, at(0))
    assert known.complete([blocks], whole, at(0)) == []
