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
from tests.engine.conftest import Shop, make_engine
from tests.engine.fakes import Held, lost_reply

REMOVALS = {Action.REMOVE_BLOCK, Action.SET_STATUS}


def give_away(shop: Shop, event: str) -> None:
    """Move the event of system a to a calendar that is not mapped."""
    shop.a.events[event] = replace(shop.a.events[event], provider="elsewhere")


def remap(shop: Shop, mapped: dict[tuple[str, str], str]) -> None:
    """Restart with a configuration that maps these calendars to other ones."""
    shop.restart()
    shop.engine.mapped = mapped
    shop.engine.__post_init__()


def unmap(shop: Shop, provider: str, systems: Sequence[str]) -> None:
    """Restart with a configuration that keeps a provider in these systems only."""
    shop.restart()
    shop.engine.mapping = {**shop.engine.mapping, provider: systems}
    shop.engine.__post_init__()


async def cycle(shop: Shop, window: Window | None = None) -> Report:
    """Run one cycle over the far window."""
    report = Report(run="r")
    await shop.engine.cycle(window or shop.engine.window(near=False), report)
    return report


def lose_state(shop: Shop) -> None:
    """Lose the state and its file of created ids."""
    shop.store.close()
    for each in shop.path.parent.glob("state.db*"):
        each.unlink()
    shop.store = Store.open(shop.path)
    shop.engine = make_engine(shop.store, shop.clock, shop.systems, shop.rows)


def removals(shop: Shop) -> list[str]:
    """Return the events that ended so far, by system."""
    return [o.system for s in shop.systems for o in s.writes if o.action in REMOVALS]


# --- the mapping ----------------------------------------------------------------------------------


async def test_a_new_mapping_frees_nothing_in_its_first_full_cycle_and_then_all(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    give_away(shop, event)
    remap(shop, {("p", "a"): "another"})
    first = await cycle(shop)
    assert (removals(shop), len(first.waiting), first.converged) == ([], 2, False)
    second = await cycle(shop)
    assert (sorted(removals(shop)), len(second.waiting)) == (["b", "c"], 0)
    assert shop.blocks() == {"a": [], "b": [], "c": []}
    assert event in shop.a.events


async def test_one_resync_does_both_cycles(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    give_away(shop, event)
    remap(shop, {("p", "a"): "another"})
    report = await shop.engine.resync()
    assert report.converged
    assert shop.blocks() == {"a": [], "b": [], "c": []}


async def test_events_that_the_new_mapping_also_shows_stay(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    before = shop.writes()
    remap(shop, {("p", "a"): "another"})
    await cycle(shop)
    assert [r.provider for r in shop.store.records("a", [event])] == ["p"]
    report = await shop.engine.resync()
    assert (shop.writes(), report.converged) == (before, True)


async def test_a_near_cycle_does_not_end_the_wait(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    shop.a.delete(event)
    remap(shop, {("p", "a"): "another"})
    for _ in range(3):
        await shop.engine.poll(near=True)
    assert removals(shop) == []
    await shop.engine.poll(near=False)
    assert removals(shop) == []
    await shop.engine.poll(near=True)
    assert sorted(removals(shop)) == ["b", "c"]


async def test_an_incomplete_read_does_not_end_the_wait(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    shop.a.delete(event)
    remap(shop, {("p", "a"): "another"})
    shop.a.incomplete = True
    await cycle(shop)
    await cycle(shop)
    assert removals(shop) == []
    shop.a.incomplete = False
    await cycle(shop)
    assert removals(shop) == []
    await cycle(shop)
    assert sorted(removals(shop)) == ["b", "c"]


async def test_other_providers_do_not_wait(shop: Shop) -> None:
    event = shop.a.book("q", v(9))
    await shop.engine.resync()
    shop.a.delete(event)
    remap(shop, {("p", "a"): "another"})
    report = await cycle(shop)
    assert (sorted(removals(shop)), len(report.waiting)) == (["b", "c"], 0)


async def test_a_twin_stays_when_the_other_calendar_is_another_one_now(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    booking = shop.store.bookings("p")[0]
    give_away(shop, event)
    other = shop.b.human_block("p", v(12))
    remap(shop, {("p", "a"): "another"})
    await shop.engine.resync()
    assert [b.agreed.interval for b in shop.store.bookings("p") if b.agreed.busy] == [
        v(12).interval
    ]
    assert other in shop.b.events
    assert any(n.rule == "no longer in this calendar" for n in shop.store.history())
    assert booking.id in {b.id for b in shop.store.find_bookings("")}


async def test_a_calendar_that_is_no_longer_mapped_blocks_nothing_elsewhere(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    unmap(shop, "p", ("b", "c"))
    first = await cycle(shop)
    assert (removals(shop), len(first.waiting)) == ([], 2)
    await cycle(shop)
    assert sorted(removals(shop)) == ["b", "c"]
    assert event in shop.a.events
    unmap(shop, "p", SYSTEMS)
    report = await shop.engine.resync()
    assert report.converged
    assert shop.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}


@pytest.mark.parametrize("remapped", [False, True], ids=["merged", "remapped"])
async def test_a_block_left_behind_is_not_removed_from_the_new_owner(
    shop: Shop, *, remapped: bool
) -> None:
    """The provider's own calendar is not configured; its events were given to another user.

    The platform may revert that. If the configuration maps the calendar to the other provider, the
    blocks belong to that provider.
    """
    shop.b.book("p", v(9))
    await shop.engine.resync()
    (block,) = (id_ for id_, held in shop.a.events.items() if held.kind is Kind.BLOCK)
    unmap(shop, "p", ("b", "c"))
    await shop.engine.resync()
    shop.a.events[block] = replace(shop.a.events[block], provider="q")
    if remapped:
        remap(shop, {("q", "a"): "the calendar that was p's"})
    await shop.engine.resync()
    assert (block in shop.a.events) is not remapped
    assert bool(report_left_behind(shop.engine)) is not remapped


# --- the state is lost ----------------------------------------------------------------------------


async def test_after_a_lost_state_blocks_are_adopted_and_not_doubled(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    before = shop.writes()
    lose_state(shop)
    report = await shop.engine.resync()
    assert (report.converged, shop.writes()) == (True, before)
    shop.a.move(event, v(14))
    await shop.engine.resync()
    assert shop.blocks() == {"a": [], "b": [v(14).interval], "c": [v(14).interval]}
    shop.a.cancel(event)
    await shop.engine.resync()
    assert shop.blocks() == {"a": [], "b": [], "c": []}


async def test_orphaned_blocks_stay_and_are_reported_once(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    lose_state(shop)
    shop.a.move(event, v(14))
    report = await shop.engine.resync()
    assert shop.blocks()["b"] == [v(9).interval, v(14).interval]
    assert [r for r in report.remarks if "syncd tag" in r] == [
        f"{system}: 1 of p's blocks have a syncd tag but no known meeting "
        f"(the first on {at(9):%Y-%m-%d %H:%M} UTC). syncd keeps them; delete what you do not need."
        for system in ("b", "c")
    ]
    assert (await shop.engine.resync()).remarks == []


async def test_a_tagged_block_is_adopted_once_if_there_are_two(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    copy = next(iter(shop.b.events.values()))
    shop.b.events["copy"] = Held("p", copy.kind, copy.value, None, "Busy [s:zzzzzzzzzz]")
    lose_state(shop)
    await shop.engine.resync()
    shop.a.cancel(event)
    await shop.engine.resync()
    assert len(shop.b.blocks("p")) == 1


# --- a plan ---------------------------------------------------------------------------------------


async def test_a_dry_run_settles_nothing(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    shop.a.delete(event)
    remap(shop, {("p", "a"): "another"})
    looking = make_engine(shop.store.in_memory_copy(), shop.clock, shop.systems, shop.rows)
    looking.mapped = {("p", "a"): "another"}
    looking.__post_init__()
    planned = await looking.resync(dry_run=True)
    assert len(planned.waiting) == 2
    assert not shop.engine.read_progress.is_complete("p", "a")


@pytest.mark.parametrize("ahead", [1, 30])
async def test_a_resync_of_some_days_is_not_a_full_read(shop: Shop, ahead: int) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    shop.a.delete(event)
    remap(shop, {("p", "a"): "another"})
    now = shop.clock.now()
    few = Window(now - timedelta(days=1), now + timedelta(days=ahead))
    report = await shop.engine.resync(window=few)
    assert (removals(shop), report.converged) == ([], False)
    assert (await shop.engine.resync()).converged


# --- a backup is restored -------------------------------------------------------------------------


def restore_of(shop: Shop, source: Path) -> None:
    """Stop, replace the state with the backup, and start again."""
    shop.store.close()
    restore_backup(source, shop.path, shop.clock.now())
    shop.restart()


async def test_after_a_restore_the_first_cycle_reads_anew_and_removes_nothing(shop: Shop) -> None:
    gone, moved = shop.a.book("p", v(9)), shop.a.book("p", v(11))
    await shop.engine.resync()
    source = shop.path.with_name("copy.db")
    create_backup(shop.path, source)
    shop.a.delete(gone)
    shop.a.move(moved, v(12))
    new = shop.a.book("p", v(15))
    await shop.engine.resync()
    before = shop.writes()
    assert before == len(removals(shop)) + 4 + 2 + 2
    restore_of(shop, source)
    first = await cycle(shop)
    assert (shop.writes(), len(first.waiting)) == (before, 2)
    report = await shop.engine.resync()
    assert (shop.writes(), report.converged) == (before, True)
    shop.a.delete(new)
    await shop.engine.resync()
    assert shop.blocks() == {"a": [], "b": [v(12).interval], "c": [v(12).interval]}


async def test_what_ended_while_the_backup_was_old_is_freed_by_the_second_cycle(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    source = shop.path.with_name("copy.db")
    create_backup(shop.path, source)
    shop.a.delete(event)
    restore_of(shop, source)
    first = await cycle(shop)
    assert (removals(shop), len(first.waiting)) == ([], 2)
    await cycle(shop)
    assert sorted(removals(shop)) == ["b", "c"]


async def test_a_removal_that_is_open_in_a_backup_is_not_sent(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    shop.a.cancel(event)
    shop.b.faults["write"] = [lost_reply("b")]
    await cycle(shop)
    source = shop.path.with_name("copy.db")
    create_backup(shop.path, source)
    assert [i.operation.action for i in shop.store.pending_intents()] == [Action.REMOVE_BLOCK]
    shop.a.move(event, v(9))
    restore_of(shop, source)
    await shop.engine.resync()
    assert [h.value.interval for h in shop.b.events.values()] == [v(9).interval]


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
    shop: Shop, read: list[tuple[float, float]], *, full: bool
) -> None:
    known = ReadProgress(shop.store, {("p", "a"): "digest"})
    coverage = [
        Coverage("a", "p", frozenset(Kind), Window(at(start), at(end)), at(0))
        for start, end in read
    ]
    assert bool(known.complete(coverage, Window(at(0), at(24)), at(0))) is full
    assert known.is_complete("p", "a") is full
    assert ReadProgress(shop.store, {("p", "a"): "digest"}).is_complete("p", "a") is full


def test_blocks_alone_do_not_make_a_calendar_known(shop: Shop) -> None:
    known = ReadProgress(shop.store, {("p", "a"): "digest"})
    whole = Window(at(0), at(24))
    blocks = Coverage("a", "p", frozenset({Kind.BLOCK}), whole, at(0))
    assert known.complete([blocks], whole, at(0)) == []
