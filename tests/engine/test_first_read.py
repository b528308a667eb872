"""Test that nothing frees time before a calendar was read in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.engine.cleanup.left_behind import report_left_behind
from syncd.engine.cycle import cycle as run_cycle
from syncd.engine.reading.first_read import ReadProgress
from syncd.engine.report.run_report import Report
from syncd.model import Action, Coverage, Kind, Window
from syncd.store.backup.backup import create_backup, restore_backup
from syncd.store.store import Store
from tests.core.kit import SYSTEMS, at, v
from tests.engine.conftest import Rig, make_engine
from tests.engine.fakes import Held, lost_reply

REMOVALS = {Action.REMOVE_BLOCK, Action.SET_STATUS}


def give_away(rig: Rig, event: str) -> None:
    """Move the event of system a to a calendar that is not mapped."""
    rig.a.events[event] = replace(rig.a.events[event], provider="elsewhere")


def remap(rig: Rig, mapped: dict[tuple[str, str], str]) -> None:
    """Restart with a configuration that maps these calendars to other ones."""
    rig.restart()
    rig.engine.mapped = mapped
    rig.engine.__post_init__()


def unmap(rig: Rig, provider: str, systems: Sequence[str]) -> None:
    """Restart with a configuration that keeps a provider in these systems only."""
    rig.restart()
    rig.engine.mapping = {**rig.engine.mapping, provider: systems}
    rig.engine.__post_init__()


async def cycle(rig: Rig, window: Window | None = None) -> Report:
    """Run one cycle over the far window."""
    report = Report(run="r")
    await run_cycle(rig.engine, window or rig.engine.window(near=False), report)
    return report


def lose_state(rig: Rig) -> None:
    """Lose the state and its file of created ids."""
    rig.store.close()
    for each in rig.path.parent.glob("state.db*"):
        each.unlink()
    rig.store = Store.open(rig.path)
    rig.engine = make_engine(rig.store, rig.clock, rig.systems, rig.rows)


def removals(rig: Rig) -> list[str]:
    """Return the events that ended so far, by system."""
    return [o.system for s in rig.systems for o in s.writes if o.action in REMOVALS]


# --- the mapping ----------------------------------------------------------------------------------


async def test_a_new_mapping_frees_nothing_in_its_first_full_cycle_and_then_all(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    give_away(rig, event)
    remap(rig, {("p", "a"): "another"})
    first = await cycle(rig)
    assert (removals(rig), len(first.waiting), first.converged) == ([], 2, False)
    second = await cycle(rig)
    assert (sorted(removals(rig)), len(second.waiting)) == (["b", "c"], 0)
    assert rig.blocks() == {"a": [], "b": [], "c": []}
    assert event in rig.a.events


async def test_one_resync_does_both_cycles(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    give_away(rig, event)
    remap(rig, {("p", "a"): "another"})
    report = await rig.engine.resync()
    assert report.converged
    assert rig.blocks() == {"a": [], "b": [], "c": []}


async def test_events_that_the_new_mapping_also_shows_stay(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    before = rig.writes()
    remap(rig, {("p", "a"): "another"})
    await cycle(rig)
    assert [r.provider for r in rig.store.records("a", [event])] == ["p"]
    report = await rig.engine.resync()
    assert (rig.writes(), report.converged) == (before, True)


async def test_a_near_cycle_does_not_end_the_wait(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    rig.a.delete(event)
    remap(rig, {("p", "a"): "another"})
    for _ in range(3):
        await rig.engine.poll(near=True)
    assert removals(rig) == []
    await rig.engine.poll(near=False)
    assert removals(rig) == []
    await rig.engine.poll(near=True)
    assert sorted(removals(rig)) == ["b", "c"]


async def test_an_incomplete_read_does_not_end_the_wait(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    rig.a.delete(event)
    remap(rig, {("p", "a"): "another"})
    rig.a.incomplete = True
    await cycle(rig)
    await cycle(rig)
    assert removals(rig) == []
    rig.a.incomplete = False
    await cycle(rig)
    assert removals(rig) == []
    await cycle(rig)
    assert sorted(removals(rig)) == ["b", "c"]


async def test_other_providers_do_not_wait(rig: Rig) -> None:
    event = rig.a.book("q", v(9))
    await rig.engine.resync()
    rig.a.delete(event)
    remap(rig, {("p", "a"): "another"})
    report = await cycle(rig)
    assert (sorted(removals(rig)), len(report.waiting)) == (["b", "c"], 0)


async def test_a_twin_stays_when_the_other_calendar_is_another_one_now(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    booking = rig.store.bookings("p")[0]
    give_away(rig, event)
    other = rig.b.human_block("p", v(12))
    remap(rig, {("p", "a"): "another"})
    await rig.engine.resync()
    assert [b.agreed.interval for b in rig.store.bookings("p") if b.agreed.busy] == [v(12).interval]
    assert other in rig.b.events
    assert any(n.rule == "the event is no longer in this calendar" for n in rig.store.history())
    assert booking.id in {b.id for b in rig.store.find_bookings("")}


async def test_a_calendar_that_is_no_longer_mapped_blocks_nothing_elsewhere(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    unmap(rig, "p", ("b", "c"))
    first = await cycle(rig)
    assert (removals(rig), len(first.waiting)) == ([], 2)
    await cycle(rig)
    assert sorted(removals(rig)) == ["b", "c"]
    assert event in rig.a.events
    unmap(rig, "p", SYSTEMS)
    report = await rig.engine.resync()
    assert report.converged
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}


@pytest.mark.parametrize("remapped", [False, True], ids=["merged", "remapped"])
async def test_a_block_left_behind_is_not_removed_from_the_new_owner(
    rig: Rig, *, remapped: bool
) -> None:
    """The provider's own calendar is not configured; its events were given to another user.

    The platform may revert that. If the configuration maps the calendar to the other provider, the
    blocks belong to that provider.
    """
    rig.b.book("p", v(9))
    await rig.engine.resync()
    (block,) = (id_ for id_, held in rig.a.events.items() if held.kind is Kind.BLOCK)
    unmap(rig, "p", ("b", "c"))
    await rig.engine.resync()
    rig.a.events[block] = replace(rig.a.events[block], provider="q")
    if remapped:
        remap(rig, {("q", "a"): "the calendar that was p's"})
    await rig.engine.resync()
    assert (block in rig.a.events) is not remapped
    assert bool(report_left_behind(rig.engine)) is not remapped


# --- the state is lost ----------------------------------------------------------------------------


async def test_after_a_lost_state_blocks_are_adopted_and_not_doubled(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    before = rig.writes()
    lose_state(rig)
    report = await rig.engine.resync()
    assert (report.converged, rig.writes()) == (True, before)
    rig.a.move(event, v(14))
    await rig.engine.resync()
    assert rig.blocks() == {"a": [], "b": [v(14).interval], "c": [v(14).interval]}
    rig.a.cancel(event)
    await rig.engine.resync()
    assert rig.blocks() == {"a": [], "b": [], "c": []}


async def test_orphaned_blocks_stay_and_are_reported_once(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    lose_state(rig)
    rig.a.move(event, v(14))
    report = await rig.engine.resync()
    assert rig.blocks()["b"] == [v(9).interval, v(14).interval]
    assert [r for r in report.remarks if "syncd tag" in r] == [
        f"{system}: 1 of p's blocks have a syncd tag but no known meeting "
        f"(the first on {at(9):%Y-%m-%d %H:%M} UTC). syncd does not remove them; delete those that "
        "you do not need on the platform."
        for system in ("b", "c")
    ]
    assert (await rig.engine.resync()).remarks == []


async def test_a_tagged_block_is_adopted_once_if_there_are_two(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    copy = next(iter(rig.b.events.values()))
    rig.b.events["copy"] = Held("p", copy.kind, copy.value, None, "Busy [s:zzzzzzzzzz]")
    lose_state(rig)
    await rig.engine.resync()
    rig.a.cancel(event)
    await rig.engine.resync()
    assert len(rig.b.blocks("p")) == 1


# --- a plan ---------------------------------------------------------------------------------------


async def test_a_dry_run_settles_nothing(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    rig.a.delete(event)
    remap(rig, {("p", "a"): "another"})
    looking = make_engine(rig.store.in_memory_copy(), rig.clock, rig.systems, rig.rows)
    looking.mapped = {("p", "a"): "another"}
    looking.__post_init__()
    planned = await looking.resync(dry_run=True)
    assert len(planned.waiting) == 2
    assert not rig.engine.read_progress.is_complete("p", "a")


@pytest.mark.parametrize("ahead", [1, 30])
async def test_a_resync_of_some_days_is_not_a_full_read(rig: Rig, ahead: int) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    rig.a.delete(event)
    remap(rig, {("p", "a"): "another"})
    now = rig.clock.now()
    few = Window(now - timedelta(days=1), now + timedelta(days=ahead))
    report = await rig.engine.resync(window=few)
    assert (removals(rig), report.converged) == ([], False)
    assert (await rig.engine.resync()).converged


# --- a backup is restored -------------------------------------------------------------------------


def restore_of(rig: Rig, source: Path) -> None:
    """Stop, replace the state with the backup, and start again."""
    rig.store.close()
    restore_backup(source, rig.path, rig.clock.now())
    rig.restart()


async def test_after_a_restore_the_first_cycle_reads_anew_and_removes_nothing(rig: Rig) -> None:
    gone, moved = rig.a.book("p", v(9)), rig.a.book("p", v(11))
    await rig.engine.resync()
    source = rig.path.with_name("copy.db")
    create_backup(rig.path, source)
    rig.a.delete(gone)
    rig.a.move(moved, v(12))
    new = rig.a.book("p", v(15))
    await rig.engine.resync()
    before = rig.writes()
    assert before == len(removals(rig)) + 4 + 2 + 2
    restore_of(rig, source)
    first = await cycle(rig)
    assert (rig.writes(), len(first.waiting)) == (before, 2)
    report = await rig.engine.resync()
    assert (rig.writes(), report.converged) == (before, True)
    rig.a.delete(new)
    await rig.engine.resync()
    assert rig.blocks() == {"a": [], "b": [v(12).interval], "c": [v(12).interval]}


async def test_what_ended_while_the_backup_was_old_is_freed_by_the_second_cycle(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    source = rig.path.with_name("copy.db")
    create_backup(rig.path, source)
    rig.a.delete(event)
    restore_of(rig, source)
    first = await cycle(rig)
    assert (removals(rig), len(first.waiting)) == ([], 2)
    await cycle(rig)
    assert sorted(removals(rig)) == ["b", "c"]


async def test_a_removal_that_is_open_in_a_backup_is_not_sent(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    rig.a.cancel(event)
    rig.b.faults["write"] = [lost_reply("b")]
    await cycle(rig)
    source = rig.path.with_name("copy.db")
    create_backup(rig.path, source)
    assert [i.operation.action for i in rig.store.pending_intents()] == [Action.REMOVE_BLOCK]
    rig.a.move(event, v(9))
    restore_of(rig, source)
    await rig.engine.resync()
    assert [h.value.interval for h in rig.b.events.values()] == [v(9).interval]


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
    rig: Rig, read: list[tuple[float, float]], *, full: bool
) -> None:
    known = ReadProgress(rig.store, {("p", "a"): "digest"})
    coverage = [
        Coverage("a", "p", frozenset(Kind), Window(at(start), at(end)), at(0))
        for start, end in read
    ]
    assert bool(known.complete(coverage, Window(at(0), at(24)), at(0))) is full
    assert known.is_complete("p", "a") is full
    assert ReadProgress(rig.store, {("p", "a"): "digest"}).is_complete("p", "a") is full


def test_blocks_alone_do_not_make_a_calendar_known(rig: Rig) -> None:
    known = ReadProgress(rig.store, {("p", "a"): "digest"})
    whole = Window(at(0), at(24))
    blocks = Coverage("a", "p", frozenset({Kind.BLOCK}), whole, at(0))
    assert known.complete([blocks], whole, at(0)) == []
