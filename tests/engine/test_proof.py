"""Absence proofs, with lists that hide events and ids that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from syncd.engine.report import RunExit, SystemStatus
from syncd.model import Kind, ReportedItem, Topic
from syncd.store.reported import open_items
from syncd.systems.port import (
    Capabilities,
    PlatformError,
    RejectedError,
    RetryableError,
    UnauthorizedError,
    UnknownOutcomeError,
)
from tests.core.kit import v
from tests.engine.conftest import EngineHarness

LAG = timedelta(seconds=30)
OLD_KIND = Capabilities(lag=LAG, refused_when_gone=frozenset(Kind))


def items(harness: EngineHarness, topic: Topic) -> list[ReportedItem]:
    return [item for item in open_items(harness.store, "a") if item.topic is topic]


async def settled(harness: EngineHarness, meetings: int = 3, provider: str = "p") -> list[str]:
    """Book meetings in a, carry them, and wait until they are older than any lag."""
    events = [harness.a.book(provider, v(9 + 2 * n)) for n in range(meetings)]
    assert (await harness.engine.resync()).exit is RunExit.DONE
    harness.clock.pass_(minutes=2)
    return events


# Lists that hide events.


@pytest.mark.parametrize("near", [True, False])
async def test_a_list_that_hides_events_is_reported_and_proves_nothing(
    harness: EngineHarness, near: bool
) -> None:
    events = await settled(harness)
    before = harness.blocks()
    harness.a.empty = True
    harness.a.delete(events[0])  # This event is gone by id, and no list proves it.
    report = await harness.engine.poll(near=near)
    assert report.exit is RunExit.UNANSWERED
    assert report.systems["a"].state is SystemStatus.OK
    assert harness.blocks() == before
    (item,) = items(harness, Topic.LIST)
    assert "a does not show 2 known events" in item.reason
    covered = {(c.provider, c.read_at) for c in harness.store.last_coverage() if c.system == "a"}
    assert ("p", harness.clock.now()) not in covered
    # Once the list is complete again, the deletion is carried, and the item ends.
    harness.a.empty = False
    harness.clock.pass_(minutes=1)
    await harness.engine.poll(near=near)
    assert items(harness, Topic.LIST) == []
    assert len(harness.blocks()["b"]) == 2
    assert (await harness.engine.resync()).exit is RunExit.DONE


async def test_a_resync_reports_a_list_that_hides_events(harness: EngineHarness) -> None:
    await settled(harness)
    harness.a.empty = True
    report = await harness.engine.resync()
    assert (report.exit, report.converged) == (RunExit.UNANSWERED, False)
    assert report.cycles <= 3
    harness.a.empty = False
    assert (await harness.engine.resync()).exit is RunExit.DONE


async def test_a_hidden_row_voids_its_own_calendar_only(harness: EngineHarness) -> None:
    events = await settled(harness)
    others = await settled(harness, provider="q")
    harness.a.hidden.add(events[0])
    harness.a.delete(events[1])
    harness.a.delete(others[0])
    harness.a.book("p", v(20))
    await harness.engine.poll(near=False)
    assert v(20).interval in harness.blocks()["b"]  # Its rows count.
    assert v(11).interval in harness.blocks()["b"]  # Nothing of p is freed.
    assert v(9).interval not in harness.blocks("q")["b"]  # The other calendar, q, is in sync.


async def test_an_empty_list_of_several_calendars_is_void_for_all_of_them(
    harness: EngineHarness,
) -> None:
    await settled(harness)
    harness.a.empty = True
    await harness.engine.poll(near=False)
    (item,) = items(harness, Topic.LIST)
    assert item.calendars == ("p", "q")


async def test_the_calendars_of_a_hiding_list_are_written_to(harness: EngineHarness) -> None:
    await settled(harness)
    harness.a.empty = True
    harness.b.book("p", v(20))
    await harness.engine.poll(near=False)
    assert v(20).interval in harness.blocks()["a"]


async def test_at_most_forty_events_are_asked_for_while_a_list_hides_them(
    harness: EngineHarness,
) -> None:
    await settled(harness, 60)
    harness.a.empty = True
    harness.a.asked.clear()
    await harness.engine.poll(near=False)
    assert len(harness.a.asked) == 40
    harness.clock.pass_(minutes=1)
    await harness.engine.poll(near=False)
    assert len(harness.a.asked) == 60, "what was found a minute ago is not asked for again"


@pytest.mark.parametrize("restart", [False, True])
async def test_a_mass_of_deletions_beside_hidden_events_frees_nothing(
    harness: EngineHarness, restart: bool
) -> None:
    events = await settled(harness, 90)
    before = harness.blocks()
    hidden = events[::9]
    harness.a.hidden.update(hidden)
    for event in set(events) - set(hidden):
        harness.a.delete(event)
    for _ in range(6):
        await harness.engine.poll(near=False)
        harness.clock.pass_(minutes=1)
        if restart:
            harness.restart()
    assert harness.blocks() == before
    assert items(harness, Topic.LIST)


async def test_an_event_that_changed_within_the_lag_is_not_hidden(harness: EngineHarness) -> None:
    harness.a.capabilities = Capabilities(lag=LAG)
    events = await settled(harness)
    harness.a.move(events[0], v(9))  # changed just now
    harness.a.hidden.add(events[0])
    await harness.engine.poll(near=False)
    assert items(harness, Topic.LIST) == []
    harness.clock.pass_(minutes=1)
    await harness.engine.poll(near=False)
    assert len(items(harness, Topic.LIST)) == 1


async def test_an_event_of_another_owner_does_not_count_as_hidden(harness: EngineHarness) -> None:
    events = await settled(harness)
    harness.a.events[events[0]] = replace(harness.a.events[events[0]], provider="q")
    harness.clock.pass_(minutes=1)
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert items(harness, Topic.LIST) == []


async def test_a_hiding_list_ends_no_removal_that_was_asked_for(harness: EngineHarness) -> None:
    harness.b.capabilities = replace(harness.b.capabilities, lag=timedelta(0))
    await settled(harness)
    harness.b.empty = True
    harness.clock.pass_(minutes=1)
    assert (await harness.engine.poll(near=False)).exit is RunExit.UNANSWERED
    assert len(harness.blocks()["b"]) == 3


# Ids that cannot be read.

FAULTS: dict[str, Callable[[], PlatformError]] = {
    "400": lambda: RejectedError("a", "GET event", status=400, detail="invalid id"),
    "401": lambda: UnauthorizedError("a", "GET event", status=401),
    "403": lambda: UnauthorizedError("a", "GET event", status=403),
    "422": lambda: RejectedError("a", "GET event", status=422),
    "500": lambda: RetryableError("a", "GET event", status=500),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_refused_id_affects_only_its_event(
    harness: EngineHarness, fault: Callable[[], PlatformError]
) -> None:
    events = await settled(harness, 6)
    for event in events[:5]:
        harness.a.delete(event)
    harness.a.refuses[events[0]] = fault()
    for _ in range(3):
        report = await harness.engine.poll(near=False)
        harness.clock.pass_(minutes=1)
    assert report.systems["a"].state is SystemStatus.OK
    assert harness.blocks()["b"] == [v(9).interval, v(19).interval]
    assert [(i.event, i.calendars) for i in items(harness, Topic.UNREADABLE)] == [
        (events[0], ("p",))
    ]
    assert (await harness.engine.resync()).exit is RunExit.CONFLICTS
    # Once it can be read again, its cancellation is carried, and the item ends.
    harness.a.refuses.clear()
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert items(harness, Topic.UNREADABLE) == []


async def test_what_cannot_be_read_is_reported_once_across_restarts(
    harness: EngineHarness,
) -> None:
    events = await settled(harness)
    harness.a.delete(events[0])
    harness.a.refuses[events[0]] = FAULTS["400"]()
    await harness.engine.poll(near=False)
    (first,) = items(harness, Topic.UNREADABLE)
    for near in (True, False, True, False):
        harness.restart()
        harness.clock.pass_(minutes=1)
        await harness.engine.poll(near=near)
    (again,) = items(harness, Topic.UNREADABLE)
    assert again.since == first.since


async def test_a_system_that_answers_no_question_by_id_is_down(harness: EngineHarness) -> None:
    events = await settled(harness)
    harness.a.delete(events[0])
    harness.a.refuses = {event: FAULTS["500"]() for event in events}
    report = await harness.engine.poll(near=False)
    assert report.systems["a"].state is SystemStatus.DOWN
    assert len(harness.a.asked) <= 5


async def test_many_unanswered_ids_do_not_starve_the_others(harness: EngineHarness) -> None:
    events = await settled(harness, 12)
    for event in events[:11]:
        harness.a.delete(event)
    harness.a.refuses = {event: FAULTS["500"]() for event in events[:8]}
    for _ in range(4):
        await harness.engine.poll(near=False)
        harness.clock.pass_(minutes=1)
    gone = {v(9 + 2 * n).interval for n in (8, 9, 10)}
    assert not gone & set(harness.blocks()["b"])
    assert len(harness.blocks()["b"]) == 9


# Deleted appointments that answer 400 (v1).


async def deleted(harness: EngineHarness) -> str:
    """Delete a meeting of p on a platform that answers 400 for its id."""
    harness.a.capabilities = OLD_KIND
    events = await settled(harness)
    harness.a.refuses_gone = True
    harness.a.delete(events[0])
    return events[0]


async def freed(harness: EngineHarness, cycles: int = 8, **pause: float) -> bool:
    for _ in range(cycles):
        await harness.engine.poll(near=False)
        harness.clock.pass_(**(pause or {"minutes": 1}))
    return v(9).interval not in harness.blocks()["b"]


async def test_a_deleted_event_that_answers_400_is_freed_within_one_resync(
    harness: EngineHarness,
) -> None:
    await deleted(harness)
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert v(9).interval not in harness.blocks()["b"]
    assert items(harness, Topic.UNREADABLE) == []


async def test_the_proof_is_two_lists_at_least_the_lag_apart(harness: EngineHarness) -> None:
    await deleted(harness)
    assert not await freed(harness, cycles=3, seconds=9)
    assert not await freed(harness, cycles=1, seconds=9)
    assert await freed(harness, cycles=1)


async def test_a_calendar_with_an_open_proof_is_not_read_less_often(
    harness: EngineHarness,
) -> None:
    """The daemon reads the whole window of a calm provider only in every second round."""
    harness.a.capabilities = Capabilities(lag=timedelta(0), gone_proofs=dict.fromkeys(Kind, 2))
    event = harness.a.book("p", v(24 * 10))
    await harness.engine.resync()
    harness.a.delete(event)
    first = await harness.engine.poll(near=False)
    assert (first.operations.total(), first.external_changes["p"]) == (0, 1)
    harness.clock.pass_(minutes=15)
    assert (await harness.engine.poll(near=False)).operations.total() == 2


async def test_the_first_proof_survives_a_restart(harness: EngineHarness) -> None:
    await deleted(harness)
    assert not await freed(harness, cycles=1)
    harness.restart()
    assert await freed(harness, cycles=1)


def _the_list_is_empty(harness: EngineHarness) -> None:
    harness.a.empty = True


def _the_list_is_incomplete(harness: EngineHarness) -> None:
    harness.a.incomplete = True


def _the_list_hides_others(harness: EngineHarness) -> None:
    mine = [
        e for e, h in harness.a.events.items() if h.provider == "p" and h.kind is Kind.APPOINTMENT
    ]
    harness.a.hidden.add(mine[0])


def _the_list_shows_no_other(harness: EngineHarness) -> None:
    for event in list(harness.a.events):
        if harness.a.events[event].provider == "p":
            harness.a.delete(event)


def _no_id_is_read(harness: EngineHarness) -> None:
    harness.a.refuses = {event: FAULTS["400"]() for event in harness.a.events}


def _the_right_is_lost(harness: EngineHarness) -> None:
    harness.a.refuses = {event: FAULTS["403"]() for event in harness.a.events}


def _the_user_is_missing(harness: EngineHarness) -> None:
    harness.a.missing.add("p")


def _the_time_is_not_offered(harness: EngineHarness) -> None:
    free = harness.a.free_slots

    async def taken(provider: str, window: Any) -> Any:
        return await free(provider, replace(window, start=v(24 * 6).start))

    harness.a.free_slots = taken  # type: ignore[method-assign]


DOUBTS = (
    _the_list_is_empty,
    _the_list_is_incomplete,
    _the_list_hides_others,
    _the_list_shows_no_other,
    _no_id_is_read,
    _the_right_is_lost,
    _the_user_is_missing,
    _the_time_is_not_offered,
)


@pytest.mark.parametrize("doubt", DOUBTS)
async def test_no_deletion_is_believed_while_one_part_of_the_proof_is_missing(
    harness: EngineHarness, doubt: Callable[[EngineHarness], None]
) -> None:
    harness.a.book("q", v(9))
    await deleted(harness)
    doubt(harness)
    assert not await freed(harness)
    harness.restart()
    assert not await freed(harness)


# Writes whose target cannot be read.


async def test_a_write_waits_whose_target_is_refused_and_the_others_go_on(
    harness: EngineHarness,
) -> None:
    events = await settled(harness)
    block = next(e for e, h in harness.b.events.items() if h.value == v(9))
    harness.b.refuses[block] = FAULTS["400"]()
    harness.clock.pass_(minutes=1)
    for event in events:
        harness.a.delete(event)
    harness.b.capabilities = Capabilities(lag=timedelta(0))
    fresh = "syncd.engine.reread.REREAD_AFTER"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fresh, timedelta(0))
        report = await harness.engine.poll(near=False)
        assert harness.blocks()["b"] == [v(9).interval]
        assert report.systems["b"].state is SystemStatus.OK
        assert report.exit is RunExit.UNANSWERED
        harness.b.refuses.clear()
        assert (await harness.engine.resync()).exit is RunExit.DONE
    assert harness.blocks()["b"] == []


async def test_a_removal_without_an_answer_ends_once_lists_prove_it(harness: EngineHarness) -> None:
    harness.b.capabilities = Capabilities(lag=LAG, refused_when_gone=frozenset(Kind))
    events = await settled(harness)
    harness.b.refuses_gone = True
    harness.a.delete(events[0])
    harness.b.faults["reply"] = [UnknownOutcomeError("b", "DELETE event")]
    await harness.engine.poll(near=False)
    assert harness.store.pending_intents()
    for _ in range(4):
        harness.clock.pass_(minutes=1)
        await harness.engine.poll(near=False)
    assert harness.store.pending_intents() == []
    assert (await harness.engine.resync()).exit is RunExit.DONE


# Creates whose reply was lost, and lost states, beside lists that hide events.


async def test_a_list_that_hides_events_repeats_no_create(harness: EngineHarness) -> None:
    harness.b.book("p", v(20))
    await settled(harness)
    harness.a.book("p", v(16))
    harness.b.faults["reply"] = [UnknownOutcomeError("b", "POST block")]
    await harness.engine.poll(near=False)
    harness.b.empty = True
    for _ in range(3):
        harness.clock.pass_(minutes=1)
        await harness.engine.poll(near=False)
    assert harness.blocks()["b"].count(v(16).interval) == 1
    assert harness.store.pending_intents()
    harness.b.empty = False
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert harness.blocks()["b"].count(v(16).interval) == 1


async def test_after_a_lost_state_created_ids_of_an_empty_list_are_looked_up(
    harness: EngineHarness,
) -> None:
    await settled(harness)
    before = harness.blocks()
    harness.store.close()
    harness.path.unlink()
    harness.restart()
    harness.b.empty = True
    assert (await harness.engine.resync()).exit is RunExit.UNANSWERED
    assert harness.blocks() == before
    harness.b.empty = False
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert harness.blocks() == before


@pytest.mark.parametrize("number", [0, 2])
async def test_after_a_lost_state_a_list_that_hides_one_block_gets_no_second_one(
    harness: EngineHarness, number: int
) -> None:
    """The list shows other blocks and looks complete; only the file of created ids helps."""
    await settled(harness)
    before = harness.blocks()
    hidden = [id_ for id_, held in harness.b.events.items() if held.kind is Kind.BLOCK][number]
    harness.store.close()
    harness.path.unlink()
    harness.restart()
    harness.b.hidden.add(hidden)
    assert (await harness.engine.resync()).exit is RunExit.UNANSWERED
    assert harness.blocks() == before
    (item,) = open_items(harness.store, "b")
    assert item.topic is Topic.LIST
    assert "b does not show 1 known event" in item.reason
    harness.b.hidden.clear()
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert harness.blocks() == before
