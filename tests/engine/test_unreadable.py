"""Report unreadable records until they are gone, without stopping anything else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from syncd.engine.report import RunExit, SystemStatus
from syncd.model import Kind, Topic, Value
from syncd.store.reported import open_items
from tests.core.kit import NOW, v
from tests.engine.conftest import Shop
from tests.engine.test_lost_state import loses_the_database
from tests.engine.test_promises import settle

FAR = timedelta(days=30)


def reported(shop: Shop) -> list[tuple[str, str, Topic]]:
    """Return the open reported items as (system, event, topic)."""
    return [(i.system, i.event, i.topic) for i in open_items(shop.store)]


def many(shop: Shop, number: int) -> list[str]:
    """Book consecutive meetings of 15 minutes."""
    start, long = v(9).start, timedelta(minutes=15)
    starts = [start + n * long for n in range(number)]
    return [shop.a.book("p", Value(s, s + long, v(9).status)) for s in starts]


def later(value: Value, by: timedelta) -> Value:
    return Value(value.start + by, value.end + by, value.status)


# --- an unreadable record -------------------------------------------------------------------------


async def test_unreadable_records_need_a_person_in_every_run_until_they_are_gone(
    shop: Shop,
) -> None:
    events = [shop.a.book("p", v(hour)) for hour in (9, 11, 13)]
    shop.a.broken.update(events)
    for _ in range(3):
        report = await shop.engine.resync()
        assert (report.exit, report.unreadable, report.converged) == (RunExit.CONFLICTS, 3, True)
        assert report.to_json()["unreadable"] == 3
    for event in events:
        shop.a.delete(event)
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert reported(shop) == []


async def test_an_unreadable_record_survives_a_restart_and_ends_when_it_reads_well(
    shop: Shop,
) -> None:
    event = shop.a.book("p", v(9))
    shop.a.broken.add(event)
    await shop.engine.resync()
    shop.restart()
    assert (await shop.engine.resync()).unreadable == 1
    shop.a.broken.clear()
    report = await shop.engine.resync()
    assert (report.exit, report.items) == (RunExit.DONE, [])
    assert shop.blocks()["b"] == [v(9).interval]


async def test_a_known_event_that_becomes_unreadable_keeps_its_last_interval(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    shop.a.move(event, v(12))
    shop.a.broken.add(event)
    report = await shop.engine.resync()
    assert report.exit is RunExit.CONFLICTS
    assert shop.blocks()["b"] == shop.blocks()["c"] == [v(9).interval]
    shop.a.move(event, v(9))
    shop.a.broken.clear()
    assert (await shop.engine.resync()).exit is RunExit.DONE, "the row is listed as it is known"


async def test_an_unreadable_record_is_logged_once_at_begin_and_end(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    shop.a.broken.add(event)
    with capture_logs() as said:
        for _ in range(3):
            await shop.engine.poll(near=True)
            await shop.engine.poll(near=False)
        shop.a.broken.clear()
        for _ in range(3):
            await shop.engine.poll(near=True)
    told = [(e["event"], e["event_id"]) for e in said if "reported" in e["event"]]
    assert told == [("record reported", event), ("record no longer reported", event)]


async def test_a_cycle_without_changes_stores_no_reported_item(shop: Shop) -> None:
    shop.a.broken.add(shop.a.book("p", v(9)))
    await shop.engine.resync()
    before = open_items(shop.store)
    shop.clock.pass_(minutes=1)
    await shop.engine.poll(near=True)
    await shop.engine.poll(near=False)
    assert open_items(shop.store) == before


async def test_a_near_read_does_not_end_what_only_a_far_read_shows(shop: Shop) -> None:
    event = shop.a.book("p", later(v(9), FAR))
    shop.a.broken.add(event)
    await shop.engine.poll(near=False)
    await shop.engine.poll(near=True)
    assert reported(shop) == [("a", event, Topic.UNREADABLE)]
    shop.a.delete(event)
    await shop.engine.poll(near=True)
    assert reported(shop) == [("a", event, Topic.UNREADABLE)]
    await shop.engine.poll(near=False)
    assert reported(shop) == []


async def test_a_read_of_others_or_an_incomplete_one_ends_nothing(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    shop.a.broken.add(event)
    await shop.engine.resync()
    shop.a.delete(event)
    await shop.engine.poll(near=False, providers=["q"])
    shop.a.incomplete = True
    await shop.engine.poll(near=False)
    assert reported(shop) == [("a", event, Topic.UNREADABLE)]
    shop.a.incomplete = False
    await shop.engine.poll(near=False, providers=["p"])
    assert reported(shop) == []


async def test_an_unconfigured_system_has_no_reported_items(shop: Shop) -> None:
    shop.a.broken.add(shop.a.book("p", v(9)))
    await shop.engine.resync()
    shop.restart()
    shop.engine.systems = {"b": shop.b, "c": shop.c}
    shop.engine.mapping = {"p": ("b", "c"), "q": ("b", "c")}
    shop.engine.__post_init__()
    await shop.engine.resync()
    assert reported(shop) == []


async def test_an_assumed_time_is_carried_and_needs_nobody(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    shop.a.odd[event] = "02:30 does not exist that day"
    for _ in range(2):
        report = await shop.engine.resync()
        assert (report.exit, reported(shop)) == (RunExit.DONE, [("a", event, Topic.ASSUMED)])
    assert shop.blocks()["b"] == [v(9).interval]
    shop.a.odd.clear()
    shop.a.move(event, v(10))
    await shop.engine.resync()
    assert reported(shop) == []


async def test_a_known_event_that_is_listed_without_an_owner_stays_and_is_followed(
    shop: Shop,
) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    shop.a.ownerless.add(event)
    report = await shop.engine.resync()
    assert (report.exit, report.unreadable) == (RunExit.CONFLICTS, 1)
    assert shop.blocks()["b"] == [v(9).interval]
    shop.a.move(event, v(12))
    shop.clock.pass_(minutes=6)
    await shop.engine.resync()
    assert shop.blocks()["b"] == [v(12).interval]
    shop.clock.pass_(minutes=6)
    shop.a.unknown.add(event)
    await shop.engine.resync()
    assert shop.blocks()["b"] == [v(12).interval]


# --- a list with a row that has no id -------------------------------------------------------------


async def test_a_first_sync_writes_to_a_calendar_whose_list_holds_an_unnamed_row(
    shop: Shop,
) -> None:
    shop.a.unnamed["p"] = v(15).start
    shop.a.book("p", v(9))
    shop.b.book("p", v(11))
    report = await shop.engine.resync()
    assert report.systems["a"].state is SystemStatus.OK
    assert shop.blocks() == {
        "a": [v(11).interval],
        "b": [v(9).interval],
        "c": [v(9).interval, v(11).interval],
    }
    assert (report.exit, reported(shop)) == (
        RunExit.CONFLICTS,
        [("a", "list of p", Topic.UNREADABLE)],
    )


async def test_removals_of_other_calendars_proceed(shop: Shop) -> None:
    other, same = shop.b.book("p", v(11)), shop.a.book("p", v(13))
    mine = shop.a.book("q", v(9))
    await settle(shop)
    shop.a.unnamed["p"] = v(15).start
    shop.b.delete(other)
    shop.a.delete(mine)
    shop.a.cancel(same)
    await shop.engine.resync()
    assert shop.blocks() == shop.blocks("q") == {"a": [], "b": [], "c": []}


async def test_absence_from_an_incomplete_list_frees_nothing_and_is_reported(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    shop.a.unnamed["p"] = v(15).start
    shop.a.delete(event)
    report = await shop.engine.resync()
    assert shop.blocks()["b"] == [v(9).interval]
    assert (report.exit, report.gone, report.converged) == (RunExit.UNANSWERED, 1, False)
    assert any("its time stays blocked" in remark for remark in report.remarks)
    shop.a.unnamed.clear()
    report = await shop.engine.resync()
    assert (report.exit, shop.blocks()["b"], reported(shop)) == (RunExit.DONE, [], [])


async def test_events_missing_from_an_incomplete_list_are_looked_up(
    shop: Shop,
) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    shop.a.unnamed["p"] = v(15).start
    shop.a.hidden.add(event)
    shop.a.move(event, v(12))
    await shop.engine.resync()
    assert shop.blocks()["b"] == [v(12).interval]


async def test_a_daemon_frees_cancellations_while_an_unnamed_row_lies_far_ahead(
    shop: Shop,
) -> None:
    shop.a.unnamed["p"] = v(9).start + FAR
    event, gone = shop.a.book("p", v(9)), shop.a.book("p", v(11))
    await shop.engine.resync()
    assert shop.blocks()["b"] == [v(9).interval, v(11).interval]
    shop.a.cancel(event)
    shop.a.delete(gone)
    await shop.engine.poll(near=True)
    assert shop.blocks() == {"a": [], "b": [], "c": []}


async def test_a_remapped_calendar_frees_again_although_its_list_holds_an_unnamed_row(
    shop: Shop,
) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    shop.engine.mapped = {("p", "a"): "another"}
    shop.engine.__post_init__()
    shop.a.unnamed["p"] = v(15).start + FAR
    await shop.engine.resync()
    shop.a.cancel(event)
    assert (await shop.engine.resync()).exit is RunExit.CONFLICTS
    assert shop.blocks()["b"] == []


@pytest.mark.parametrize("kinds", [frozenset(Kind), frozenset({Kind.BLOCK})])
async def test_after_a_lost_state_an_unexplained_block_stays_while_a_list_has_an_unnamed_row(
    shop: Shop, kinds: frozenset[Kind]
) -> None:
    lunch = shop.a.human_block("p", v(9))
    await settle(shop)
    loses_the_database(shop)
    shop.a.hidden.add(lunch)
    shop.a.unnamed, shop.a.unnamed_kinds = {"p": v(9).start}, kinds
    shop.b.book("p", v(11))
    report = await shop.engine.resync()
    assert shop.blocks()["b"] == [v(9).interval]
    assert shop.blocks()["c"] == [v(9).interval, v(11).interval]
    assert report.exit is RunExit.UNANSWERED
    shop.a.hidden.clear()
    shop.a.unnamed.clear()
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert shop.blocks()["b"] == [v(9).interval]


# --- lookups by id, in turn -----------------------------------------------------------------------


@pytest.mark.parametrize("unnamed", [True, False])
async def test_all_missing_events_are_asked_for_in_turn(shop: Shop, unnamed: bool) -> None:
    events = many(shop, 100)
    await settle(shop)
    shop.a.hidden.update(events)
    shop.a.unknown.update(events)
    if unnamed:
        shop.a.unnamed["p"] = v(15).start
    shop.a.asked.clear()
    for _ in range(3):
        before = len(shop.a.asked)
        shop.clock.pass_(minutes=1)
        await shop.engine.poll(near=True)
        assert len(shop.a.asked) - before <= 40
    assert set(shop.a.asked) == set(events)
    assert len(shop.blocks()["b"]) == 100


async def test_restarted_processes_do_not_repeat_the_same_lookups(shop: Shop) -> None:
    events = many(shop, 50)
    await settle(shop)
    shop.a.hidden.update(events)
    shop.a.unknown.update(events)
    shop.a.asked.clear()
    for _ in range(12):
        shop.restart()
        shop.clock.pass_(minutes=15)
        await shop.engine.poll(near=True)
    assert set(shop.a.asked) == set(events)


async def test_what_cannot_be_proven_missing_is_not_asked_for_in_every_cycle(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    shop.a.unnamed["p"] = v(15).start
    shop.a.delete(event)
    shop.a.asked.clear()
    for _ in range(5):
        await shop.engine.poll(near=True)
        shop.clock.pass_(minutes=1)
    assert shop.a.asked == [event]
    report = await shop.engine.poll(near=True)
    assert (shop.a.asked, report.gone) == ([event, event], 1)
    assert shop.clock.now() > NOW
