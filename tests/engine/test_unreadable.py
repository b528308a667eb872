"""Report unreadable records until they are gone, without stopping anything else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from syncd.engine.report import RunExit, SystemStatus
from syncd.model import Kind, Topic, Value
from syncd.store.reported import open_items
from tests.core.kit import NOW, v
from tests.engine.conftest import EngineHarness
from tests.engine.test_lost_state import loses_the_database
from tests.engine.test_promises import settle

FAR = timedelta(days=30)


def reported(harness: EngineHarness) -> list[tuple[str, str, Topic]]:
    """Return the open reported items as (system, event, topic)."""
    return [(i.system, i.event, i.topic) for i in open_items(harness.store)]


def many(harness: EngineHarness, number: int) -> list[str]:
    """Book consecutive meetings of 15 minutes."""
    start, long = v(9).start, timedelta(minutes=15)
    starts = [start + n * long for n in range(number)]
    return [harness.a.book("p", Value(s, s + long, v(9).status)) for s in starts]


def later(value: Value, by: timedelta) -> Value:
    return Value(value.start + by, value.end + by, value.status)


# --- an unreadable record -------------------------------------------------------------------------


async def test_unreadable_records_need_a_person_in_every_run_until_they_are_gone(
    harness: EngineHarness,
) -> None:
    events = [harness.a.book("p", v(hour)) for hour in (9, 11, 13)]
    harness.a.broken.update(events)
    for _ in range(3):
        report = await harness.engine.resync()
        assert (report.exit, report.unreadable, report.converged) == (RunExit.CONFLICTS, 3, True)
        assert report.to_json()["unreadable"] == 3
    for event in events:
        harness.a.delete(event)
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert reported(harness) == []


async def test_an_unreadable_record_survives_a_restart_and_ends_when_it_reads_well(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    harness.a.broken.add(event)
    await harness.engine.resync()
    harness.restart()
    assert (await harness.engine.resync()).unreadable == 1
    harness.a.broken.clear()
    report = await harness.engine.resync()
    assert (report.exit, report.items) == (RunExit.DONE, [])
    assert harness.blocks()["b"] == [v(9).interval]


async def test_a_known_event_that_becomes_unreadable_keeps_its_last_interval(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.a.move(event, v(12))
    harness.a.broken.add(event)
    report = await harness.engine.resync()
    assert report.exit is RunExit.CONFLICTS
    assert harness.blocks()["b"] == harness.blocks()["c"] == [v(9).interval]
    harness.a.move(event, v(9))
    harness.a.broken.clear()
    assert (await harness.engine.resync()).exit is RunExit.DONE, "the row is listed as it is known"


async def test_an_unreadable_record_is_logged_once_at_begin_and_end(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    harness.a.broken.add(event)
    with capture_logs() as said:
        for _ in range(3):
            await harness.engine.poll(near=True)
            await harness.engine.poll(near=False)
        harness.a.broken.clear()
        for _ in range(3):
            await harness.engine.poll(near=True)
    told = [(e["event"], e["event_id"]) for e in said if "reported" in e["event"]]
    assert told == [("record reported", event), ("record no longer reported", event)]


async def test_a_cycle_without_changes_stores_no_reported_item(harness: EngineHarness) -> None:
    harness.a.broken.add(harness.a.book("p", v(9)))
    await harness.engine.resync()
    before = open_items(harness.store)
    harness.clock.pass_(minutes=1)
    await harness.engine.poll(near=True)
    await harness.engine.poll(near=False)
    assert open_items(harness.store) == before


async def test_a_near_read_does_not_end_what_only_a_far_read_shows(harness: EngineHarness) -> None:
    event = harness.a.book("p", later(v(9), FAR))
    harness.a.broken.add(event)
    await harness.engine.poll(near=False)
    await harness.engine.poll(near=True)
    assert reported(harness) == [("a", event, Topic.UNREADABLE)]
    harness.a.delete(event)
    await harness.engine.poll(near=True)
    assert reported(harness) == [("a", event, Topic.UNREADABLE)]
    await harness.engine.poll(near=False)
    assert reported(harness) == []


async def test_a_read_of_others_or_an_incomplete_one_ends_nothing(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    harness.a.broken.add(event)
    await harness.engine.resync()
    harness.a.delete(event)
    await harness.engine.poll(near=False, providers=["q"])
    harness.a.incomplete = True
    await harness.engine.poll(near=False)
    assert reported(harness) == [("a", event, Topic.UNREADABLE)]
    harness.a.incomplete = False
    await harness.engine.poll(near=False, providers=["p"])
    assert reported(harness) == []


async def test_an_unconfigured_system_has_no_reported_items(harness: EngineHarness) -> None:
    harness.a.broken.add(harness.a.book("p", v(9)))
    await harness.engine.resync()
    harness.restart()
    harness.engine.systems = {"b": harness.b, "c": harness.c}
    harness.engine.mapping = {"p": ("b", "c"), "q": ("b", "c")}
    harness.engine.__post_init__()
    await harness.engine.resync()
    assert reported(harness) == []


async def test_an_assumed_time_is_carried_and_needs_nobody(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    harness.a.odd[event] = "02:30 does not exist that day"
    for _ in range(2):
        report = await harness.engine.resync()
        assert (report.exit, reported(harness)) == (RunExit.DONE, [("a", event, Topic.ASSUMED)])
    assert harness.blocks()["b"] == [v(9).interval]
    harness.a.odd.clear()
    harness.a.move(event, v(10))
    await harness.engine.resync()
    assert reported(harness) == []


async def test_a_known_event_that_is_listed_without_an_owner_stays_and_is_followed(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.a.ownerless.add(event)
    report = await harness.engine.resync()
    assert (report.exit, report.unreadable) == (RunExit.CONFLICTS, 1)
    assert harness.blocks()["b"] == [v(9).interval]
    harness.a.move(event, v(12))
    harness.clock.pass_(minutes=6)
    await harness.engine.resync()
    assert harness.blocks()["b"] == [v(12).interval]
    harness.clock.pass_(minutes=6)
    harness.a.unknown.add(event)
    await harness.engine.resync()
    assert harness.blocks()["b"] == [v(12).interval]


# --- a list with a row that has no id -------------------------------------------------------------


async def test_a_first_sync_writes_to_a_calendar_whose_list_holds_an_unnamed_row(
    harness: EngineHarness,
) -> None:
    harness.a.unnamed["p"] = v(15).start
    harness.a.book("p", v(9))
    harness.b.book("p", v(11))
    report = await harness.engine.resync()
    assert report.systems["a"].state is SystemStatus.OK
    assert harness.blocks() == {
        "a": [v(11).interval],
        "b": [v(9).interval],
        "c": [v(9).interval, v(11).interval],
    }
    assert (report.exit, reported(harness)) == (
        RunExit.CONFLICTS,
        [("a", "list of p", Topic.UNREADABLE)],
    )


async def test_removals_of_other_calendars_proceed(harness: EngineHarness) -> None:
    other, same = harness.b.book("p", v(11)), harness.a.book("p", v(13))
    mine = harness.a.book("q", v(9))
    await settle(harness)
    harness.a.unnamed["p"] = v(15).start
    harness.b.delete(other)
    harness.a.delete(mine)
    harness.a.cancel(same)
    await harness.engine.resync()
    assert harness.blocks() == harness.blocks("q") == {"a": [], "b": [], "c": []}


async def test_absence_from_an_incomplete_list_frees_nothing_and_is_reported(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.a.unnamed["p"] = v(15).start
    harness.a.delete(event)
    report = await harness.engine.resync()
    assert harness.blocks()["b"] == [v(9).interval]
    assert (report.exit, report.gone, report.converged) == (RunExit.UNANSWERED, 1, False)
    assert any("its time stays blocked" in remark for remark in report.remarks)
    harness.a.unnamed.clear()
    report = await harness.engine.resync()
    assert (report.exit, harness.blocks()["b"], reported(harness)) == (RunExit.DONE, [], [])


async def test_events_missing_from_an_incomplete_list_are_looked_up(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.a.unnamed["p"] = v(15).start
    harness.a.hidden.add(event)
    harness.a.move(event, v(12))
    await harness.engine.resync()
    assert harness.blocks()["b"] == [v(12).interval]


async def test_a_daemon_frees_cancellations_while_an_unnamed_row_lies_far_ahead(
    harness: EngineHarness,
) -> None:
    harness.a.unnamed["p"] = v(9).start + FAR
    event, gone = harness.a.book("p", v(9)), harness.a.book("p", v(11))
    await harness.engine.resync()
    assert harness.blocks()["b"] == [v(9).interval, v(11).interval]
    harness.a.cancel(event)
    harness.a.delete(gone)
    await harness.engine.poll(near=True)
    assert harness.blocks() == {"a": [], "b": [], "c": []}


async def test_a_remapped_calendar_frees_again_although_its_list_holds_an_unnamed_row(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.engine.mapped = {("p", "a"): "another"}
    harness.engine.__post_init__()
    harness.a.unnamed["p"] = v(15).start + FAR
    await harness.engine.resync()
    harness.a.cancel(event)
    assert (await harness.engine.resync()).exit is RunExit.CONFLICTS
    assert harness.blocks()["b"] == []


@pytest.mark.parametrize("kinds", [frozenset(Kind), frozenset({Kind.BLOCK})])
async def test_after_a_lost_state_an_unexplained_block_stays_while_a_list_has_an_unnamed_row(
    harness: EngineHarness, kinds: frozenset[Kind]
) -> None:
    lunch = harness.a.human_block("p", v(9))
    await settle(harness)
    loses_the_database(harness)
    harness.a.hidden.add(lunch)
    harness.a.unnamed, harness.a.unnamed_kinds = {"p": v(9).start}, kinds
    harness.b.book("p", v(11))
    report = await harness.engine.resync()
    assert harness.blocks()["b"] == [v(9).interval]
    assert harness.blocks()["c"] == [v(9).interval, v(11).interval]
    assert report.exit is RunExit.UNANSWERED
    harness.a.hidden.clear()
    harness.a.unnamed.clear()
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert harness.blocks()["b"] == [v(9).interval]


# --- lookups by id, in turn -----------------------------------------------------------------------


@pytest.mark.parametrize("unnamed", [True, False])
async def test_all_missing_events_are_asked_for_in_turn(
    harness: EngineHarness, unnamed: bool
) -> None:
    events = many(harness, 100)
    await settle(harness)
    harness.a.hidden.update(events)
    harness.a.unknown.update(events)
    if unnamed:
        harness.a.unnamed["p"] = v(15).start
    harness.a.asked.clear()
    for _ in range(3):
        before = len(harness.a.asked)
        harness.clock.pass_(minutes=1)
        await harness.engine.poll(near=True)
        assert len(harness.a.asked) - before <= 40
    assert set(harness.a.asked) == set(events)
    assert len(harness.blocks()["b"]) == 100


async def test_restarted_processes_do_not_repeat_the_same_lookups(harness: EngineHarness) -> None:
    events = many(harness, 50)
    await settle(harness)
    harness.a.hidden.update(events)
    harness.a.unknown.update(events)
    harness.a.asked.clear()
    for _ in range(12):
        harness.restart()
        harness.clock.pass_(minutes=15)
        await harness.engine.poll(near=True)
    assert set(harness.a.asked) == set(events)


async def test_what_cannot_be_proven_missing_is_not_asked_for_in_every_cycle(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.a.unnamed["p"] = v(15).start
    harness.a.delete(event)
    harness.a.asked.clear()
    for _ in range(5):
        await harness.engine.poll(near=True)
        harness.clock.pass_(minutes=1)
    assert harness.a.asked == [event]
    report = await harness.engine.poll(near=True)
    assert (harness.a.asked, report.gone) == ([event, event], 1)
    assert harness.clock.now() > NOW
