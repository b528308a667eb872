"""Report unreadable records until they are gone, without stopping anything else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from syncd.engine.report.run_report import RunExit, SystemStatus
from syncd.model import Kind, Topic, Value
from syncd.store.queries.reported import open_items
from tests.core.kit import NOW, v
from tests.engine.conftest import Rig
from tests.engine.test_lost_state import loses_the_database
from tests.engine.test_promises import settle

FAR = timedelta(days=30)


def reported(rig: Rig) -> list[tuple[str, str, Topic]]:
    """Return the open reported items as (system, event, topic)."""
    return [(i.system, i.event, i.topic) for i in open_items(rig.store)]


def many(rig: Rig, number: int) -> list[str]:
    """Book consecutive meetings of 15 minutes."""
    start, long = v(9).start, timedelta(minutes=15)
    starts = [start + n * long for n in range(number)]
    return [rig.a.book("p", Value(s, s + long, v(9).status)) for s in starts]


def later(value: Value, by: timedelta) -> Value:
    return Value(value.start + by, value.end + by, value.status)


# --- an unreadable record -------------------------------------------------------------------------


async def test_unreadable_records_need_a_person_in_every_run_until_they_are_gone(
    rig: Rig,
) -> None:
    events = [rig.a.book("p", v(hour)) for hour in (9, 11, 13)]
    rig.a.broken.update(events)
    for _ in range(3):
        report = await rig.engine.resync()
        assert (report.exit, report.unreadable, report.converged) == (RunExit.CONFLICTS, 3, True)
        assert report.to_json()["unreadable"] == 3
    for event in events:
        rig.a.delete(event)
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert reported(rig) == []


async def test_an_unreadable_record_survives_a_restart_and_ends_when_it_reads_well(
    rig: Rig,
) -> None:
    event = rig.a.book("p", v(9))
    rig.a.broken.add(event)
    await rig.engine.resync()
    rig.restart()
    assert (await rig.engine.resync()).unreadable == 1
    rig.a.broken.clear()
    report = await rig.engine.resync()
    assert (report.exit, report.items) == (RunExit.DONE, [])
    assert rig.blocks()["b"] == [v(9).interval]


async def test_a_known_event_that_becomes_unreadable_keeps_its_last_interval(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.a.move(event, v(12))
    rig.a.broken.add(event)
    report = await rig.engine.resync()
    assert report.exit is RunExit.CONFLICTS
    assert rig.blocks()["b"] == rig.blocks()["c"] == [v(9).interval]
    rig.a.move(event, v(9))
    rig.a.broken.clear()
    assert (await rig.engine.resync()).exit is RunExit.DONE, "the row is listed as it is known"


async def test_an_unreadable_record_is_logged_once_at_begin_and_end(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    rig.a.broken.add(event)
    with capture_logs() as said:
        for _ in range(3):
            await rig.engine.poll(near=True)
            await rig.engine.poll(near=False)
        rig.a.broken.clear()
        for _ in range(3):
            await rig.engine.poll(near=True)
    told = [(e["event"], e["event_id"]) for e in said if "reported" in e["event"]]
    assert told == [("record reported", event), ("record no longer reported", event)]


async def test_a_cycle_without_changes_stores_no_reported_item(rig: Rig) -> None:
    rig.a.broken.add(rig.a.book("p", v(9)))
    await rig.engine.resync()
    before = open_items(rig.store)
    rig.clock.pass_(minutes=1)
    await rig.engine.poll(near=True)
    await rig.engine.poll(near=False)
    assert open_items(rig.store) == before


async def test_a_near_read_does_not_end_what_only_a_far_read_shows(rig: Rig) -> None:
    event = rig.a.book("p", later(v(9), FAR))
    rig.a.broken.add(event)
    await rig.engine.poll(near=False)
    await rig.engine.poll(near=True)
    assert reported(rig) == [("a", event, Topic.UNREADABLE)]
    rig.a.delete(event)
    await rig.engine.poll(near=True)
    assert reported(rig) == [("a", event, Topic.UNREADABLE)]
    await rig.engine.poll(near=False)
    assert reported(rig) == []


async def test_a_read_of_others_or_an_incomplete_one_ends_nothing(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    rig.a.broken.add(event)
    await rig.engine.resync()
    rig.a.delete(event)
    await rig.engine.poll(near=False, providers=["q"])
    rig.a.incomplete = True
    await rig.engine.poll(near=False)
    assert reported(rig) == [("a", event, Topic.UNREADABLE)]
    rig.a.incomplete = False
    await rig.engine.poll(near=False, providers=["p"])
    assert reported(rig) == []


async def test_an_unconfigured_system_has_no_reported_items(rig: Rig) -> None:
    rig.a.broken.add(rig.a.book("p", v(9)))
    await rig.engine.resync()
    rig.restart()
    rig.engine.systems = {"b": rig.b, "c": rig.c}
    rig.engine.mapping = {"p": ("b", "c"), "q": ("b", "c")}
    rig.engine.__post_init__()
    await rig.engine.resync()
    assert reported(rig) == []


async def test_an_assumed_time_is_carried_and_needs_nobody(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    rig.a.odd[event] = "02:30 does not exist that day"
    for _ in range(2):
        report = await rig.engine.resync()
        assert (report.exit, reported(rig)) == (RunExit.DONE, [("a", event, Topic.ASSUMED)])
    assert rig.blocks()["b"] == [v(9).interval]
    rig.a.odd.clear()
    rig.a.move(event, v(10))
    await rig.engine.resync()
    assert reported(rig) == []


async def test_a_known_event_that_is_listed_without_an_owner_stays_and_is_followed(
    rig: Rig,
) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.a.ownerless.add(event)
    report = await rig.engine.resync()
    assert (report.exit, report.unreadable) == (RunExit.CONFLICTS, 1)
    assert rig.blocks()["b"] == [v(9).interval]
    rig.a.move(event, v(12))
    rig.clock.pass_(minutes=6)
    await rig.engine.resync()
    assert rig.blocks()["b"] == [v(12).interval]
    rig.clock.pass_(minutes=6)
    rig.a.unknown.add(event)
    await rig.engine.resync()
    assert rig.blocks()["b"] == [v(12).interval]


# --- a list with a row that has no id -------------------------------------------------------------


async def test_a_first_sync_writes_to_a_calendar_whose_list_holds_an_unnamed_row(
    rig: Rig,
) -> None:
    rig.a.unnamed["p"] = v(15).start
    rig.a.book("p", v(9))
    rig.b.book("p", v(11))
    report = await rig.engine.resync()
    assert report.systems["a"].state is SystemStatus.OK
    assert rig.blocks() == {
        "a": [v(11).interval],
        "b": [v(9).interval],
        "c": [v(9).interval, v(11).interval],
    }
    assert (report.exit, reported(rig)) == (
        RunExit.CONFLICTS,
        [("a", "list of p", Topic.UNREADABLE)],
    )


async def test_removals_of_other_calendars_proceed(rig: Rig) -> None:
    other, same = rig.b.book("p", v(11)), rig.a.book("p", v(13))
    mine = rig.a.book("q", v(9))
    await settle(rig)
    rig.a.unnamed["p"] = v(15).start
    rig.b.delete(other)
    rig.a.delete(mine)
    rig.a.cancel(same)
    await rig.engine.resync()
    assert rig.blocks() == rig.blocks("q") == {"a": [], "b": [], "c": []}


async def test_absence_from_an_incomplete_list_frees_nothing_and_is_reported(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.a.unnamed["p"] = v(15).start
    rig.a.delete(event)
    report = await rig.engine.resync()
    assert rig.blocks()["b"] == [v(9).interval]
    assert (report.exit, report.gone, report.converged) == (RunExit.UNANSWERED, 1, False)
    assert any("its time stays blocked" in remark for remark in report.remarks)
    rig.a.unnamed.clear()
    report = await rig.engine.resync()
    assert (report.exit, rig.blocks()["b"], reported(rig)) == (RunExit.DONE, [], [])


async def test_events_missing_from_an_incomplete_list_are_looked_up(
    rig: Rig,
) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.a.unnamed["p"] = v(15).start
    rig.a.hidden.add(event)
    rig.a.move(event, v(12))
    await rig.engine.resync()
    assert rig.blocks()["b"] == [v(12).interval]


async def test_a_daemon_frees_cancellations_while_an_unnamed_row_lies_far_ahead(
    rig: Rig,
) -> None:
    rig.a.unnamed["p"] = v(9).start + FAR
    event, gone = rig.a.book("p", v(9)), rig.a.book("p", v(11))
    await rig.engine.resync()
    assert rig.blocks()["b"] == [v(9).interval, v(11).interval]
    rig.a.cancel(event)
    rig.a.delete(gone)
    await rig.engine.poll(near=True)
    assert rig.blocks() == {"a": [], "b": [], "c": []}


async def test_a_remapped_calendar_frees_again_although_its_list_holds_an_unnamed_row(
    rig: Rig,
) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.engine.mapped = {("p", "a"): "another"}
    rig.engine.__post_init__()
    rig.a.unnamed["p"] = v(15).start + FAR
    await rig.engine.resync()
    rig.a.cancel(event)
    assert (await rig.engine.resync()).exit is RunExit.CONFLICTS
    assert rig.blocks()["b"] == []


@pytest.mark.parametrize("kinds", [frozenset(Kind), frozenset({Kind.BLOCK})])
async def test_after_a_lost_state_an_unexplained_block_stays_while_a_list_has_an_unnamed_row(
    rig: Rig, kinds: frozenset[Kind]
) -> None:
    lunch = rig.a.human_block("p", v(9))
    await settle(rig)
    loses_the_database(rig)
    rig.a.hidden.add(lunch)
    rig.a.unnamed, rig.a.unnamed_kinds = {"p": v(9).start}, kinds
    rig.b.book("p", v(11))
    report = await rig.engine.resync()
    assert rig.blocks()["b"] == [v(9).interval]
    assert rig.blocks()["c"] == [v(9).interval, v(11).interval]
    assert report.exit is RunExit.UNANSWERED
    rig.a.hidden.clear()
    rig.a.unnamed.clear()
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert rig.blocks()["b"] == [v(9).interval]


# --- lookups by id, in turn -----------------------------------------------------------------------


@pytest.mark.parametrize("unnamed", [True, False])
async def test_all_missing_events_are_asked_for_in_turn(rig: Rig, unnamed: bool) -> None:
    events = many(rig, 100)
    await settle(rig)
    rig.a.hidden.update(events)
    rig.a.unknown.update(events)
    if unnamed:
        rig.a.unnamed["p"] = v(15).start
    rig.a.asked.clear()
    for _ in range(3):
        before = len(rig.a.asked)
        rig.clock.pass_(minutes=1)
        await rig.engine.poll(near=True)
        assert len(rig.a.asked) - before <= 40
    assert set(rig.a.asked) == set(events)
    assert len(rig.blocks()["b"]) == 100


async def test_restarted_processes_do_not_repeat_the_same_lookups(rig: Rig) -> None:
    events = many(rig, 50)
    await settle(rig)
    rig.a.hidden.update(events)
    rig.a.unknown.update(events)
    rig.a.asked.clear()
    for _ in range(12):
        rig.restart()
        rig.clock.pass_(minutes=15)
        await rig.engine.poll(near=True)
    assert set(rig.a.asked) == set(events)


async def test_what_cannot_be_proven_missing_is_not_asked_for_in_every_cycle(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.a.unnamed["p"] = v(15).start
    rig.a.delete(event)
    rig.a.asked.clear()
    for _ in range(5):
        await rig.engine.poll(near=True)
        rig.clock.pass_(minutes=1)
    assert rig.a.asked == [event]
    report = await rig.engine.poll(near=True)
    assert (rig.a.asked, report.gone) == ([event, event], 1)
    assert rig.clock.now() > NOW
