"""Absence proofs, with lists that hide events and ids that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from syncd.engine.report.run_report import RunExit, SystemStatus
from syncd.model import Kind, ReportedItem, Topic
from syncd.store.queries.reported import open_items
from syncd.systems.errors import (
    PlatformError,
    RejectedError,
    RetryableError,
    UnauthorizedError,
    UnknownOutcomeError,
)
from syncd.systems.port import Capabilities
from tests.core.kit import v
from tests.engine.conftest import Rig

LAG = timedelta(seconds=30)
OLD_KIND = Capabilities(lag=LAG, refused_when_gone=frozenset(Kind))


def items(rig: Rig, topic: Topic) -> list[ReportedItem]:
    return [item for item in open_items(rig.store, "a") if item.topic is topic]


async def settled(rig: Rig, meetings: int = 3, provider: str = "p") -> list[str]:
    """Book meetings in a, carry them, and wait until they are older than any lag."""
    events = [rig.a.book(provider, v(9 + 2 * n)) for n in range(meetings)]
    assert (await rig.engine.resync()).exit is RunExit.DONE
    rig.clock.pass_(minutes=2)
    return events


# Lists that hide events.


@pytest.mark.parametrize("near", [True, False])
async def test_a_list_that_hides_events_is_reported_and_proves_nothing(
    rig: Rig, near: bool
) -> None:
    events = await settled(rig)
    before = rig.blocks()
    rig.a.empty = True
    rig.a.delete(events[0])  # This event is gone by id, and no list proves it.
    report = await rig.engine.poll(near=near)
    assert report.exit is RunExit.UNANSWERED
    assert report.systems["a"].state is SystemStatus.OK
    assert rig.blocks() == before
    (item,) = items(rig, Topic.LIST)
    assert "a does not show 2 known events" in item.reason
    covered = {(c.provider, c.read_at) for c in rig.store.last_coverage() if c.system == "a"}
    assert ("p", rig.clock.now()) not in covered
    # Once the list is complete again, the deletion is carried, and the item ends.
    rig.a.empty = False
    rig.clock.pass_(minutes=1)
    await rig.engine.poll(near=near)
    assert items(rig, Topic.LIST) == []
    assert len(rig.blocks()["b"]) == 2
    assert (await rig.engine.resync()).exit is RunExit.DONE


async def test_a_resync_reports_a_list_that_hides_events(rig: Rig) -> None:
    await settled(rig)
    rig.a.empty = True
    report = await rig.engine.resync()
    assert (report.exit, report.converged) == (RunExit.UNANSWERED, False)
    assert report.cycles <= 3
    rig.a.empty = False
    assert (await rig.engine.resync()).exit is RunExit.DONE


async def test_a_hidden_row_voids_its_own_calendar_only(rig: Rig) -> None:
    events = await settled(rig)
    others = await settled(rig, provider="q")
    rig.a.hidden.add(events[0])
    rig.a.delete(events[1])
    rig.a.delete(others[0])
    rig.a.book("p", v(20))
    await rig.engine.poll(near=False)
    assert v(20).interval in rig.blocks()["b"]  # Its rows count.
    assert v(11).interval in rig.blocks()["b"]  # Nothing of p is freed.
    assert v(9).interval not in rig.blocks("q")["b"]  # The other calendar, q, is in sync.


async def test_an_empty_list_of_several_calendars_is_void_for_all_of_them(rig: Rig) -> None:
    await settled(rig)
    rig.a.empty = True
    await rig.engine.poll(near=False)
    (item,) = items(rig, Topic.LIST)
    assert item.calendars == ("p", "q")


async def test_the_calendars_of_a_hiding_list_are_written_to(rig: Rig) -> None:
    await settled(rig)
    rig.a.empty = True
    rig.b.book("p", v(20))
    await rig.engine.poll(near=False)
    assert v(20).interval in rig.blocks()["a"]


async def test_at_most_forty_events_are_asked_for_while_a_list_hides_them(rig: Rig) -> None:
    await settled(rig, 60)
    rig.a.empty = True
    rig.a.asked.clear()
    await rig.engine.poll(near=False)
    assert len(rig.a.asked) == 40
    rig.clock.pass_(minutes=1)
    await rig.engine.poll(near=False)
    assert len(rig.a.asked) == 60, "what was found a minute ago is not asked for again"


@pytest.mark.parametrize("restart", [False, True])
async def test_a_mass_of_deletions_beside_hidden_events_frees_nothing(
    rig: Rig, restart: bool
) -> None:
    events = await settled(rig, 90)
    before = rig.blocks()
    hidden = events[::9]
    rig.a.hidden.update(hidden)
    for event in set(events) - set(hidden):
        rig.a.delete(event)
    for _ in range(6):
        await rig.engine.poll(near=False)
        rig.clock.pass_(minutes=1)
        if restart:
            rig.restart()
    assert rig.blocks() == before
    assert items(rig, Topic.LIST)


async def test_an_event_that_changed_within_the_lag_is_not_hidden(rig: Rig) -> None:
    rig.a.capabilities = Capabilities(lag=LAG)
    events = await settled(rig)
    rig.a.move(events[0], v(9))  # changed just now
    rig.a.hidden.add(events[0])
    await rig.engine.poll(near=False)
    assert items(rig, Topic.LIST) == []
    rig.clock.pass_(minutes=1)
    await rig.engine.poll(near=False)
    assert len(items(rig, Topic.LIST)) == 1


async def test_an_event_of_another_owner_does_not_count_as_hidden(rig: Rig) -> None:
    events = await settled(rig)
    rig.a.events[events[0]] = replace(rig.a.events[events[0]], provider="q")
    rig.clock.pass_(minutes=1)
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert items(rig, Topic.LIST) == []


async def test_a_hiding_list_ends_no_removal_that_was_asked_for(rig: Rig) -> None:
    rig.b.capabilities = replace(rig.b.capabilities, lag=timedelta(0))
    await settled(rig)
    rig.b.empty = True
    rig.clock.pass_(minutes=1)
    assert (await rig.engine.poll(near=False)).exit is RunExit.UNANSWERED
    assert len(rig.blocks()["b"]) == 3


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
    rig: Rig, fault: Callable[[], PlatformError]
) -> None:
    events = await settled(rig, 6)
    for event in events[:5]:
        rig.a.delete(event)
    rig.a.refuses[events[0]] = fault()
    for _ in range(3):
        report = await rig.engine.poll(near=False)
        rig.clock.pass_(minutes=1)
    assert report.systems["a"].state is SystemStatus.OK
    assert rig.blocks()["b"] == [v(9).interval, v(19).interval]
    assert [(i.event, i.calendars) for i in items(rig, Topic.UNREADABLE)] == [(events[0], ("p",))]
    assert (await rig.engine.resync()).exit is RunExit.CONFLICTS
    # Once it can be read again, its cancellation is carried, and the item ends.
    rig.a.refuses.clear()
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert items(rig, Topic.UNREADABLE) == []


async def test_what_cannot_be_read_is_reported_once_across_restarts(
    rig: Rig,
) -> None:
    events = await settled(rig)
    rig.a.delete(events[0])
    rig.a.refuses[events[0]] = FAULTS["400"]()
    await rig.engine.poll(near=False)
    (first,) = items(rig, Topic.UNREADABLE)
    for near in (True, False, True, False):
        rig.restart()
        rig.clock.pass_(minutes=1)
        await rig.engine.poll(near=near)
    (again,) = items(rig, Topic.UNREADABLE)
    assert again.since == first.since


async def test_a_system_that_answers_no_question_by_id_is_down(rig: Rig) -> None:
    events = await settled(rig)
    rig.a.delete(events[0])
    rig.a.refuses = {event: FAULTS["500"]() for event in events}
    report = await rig.engine.poll(near=False)
    assert report.systems["a"].state is SystemStatus.DOWN
    assert len(rig.a.asked) <= 5


async def test_many_unanswered_ids_do_not_starve_the_others(rig: Rig) -> None:
    events = await settled(rig, 12)
    for event in events[:11]:
        rig.a.delete(event)
    rig.a.refuses = {event: FAULTS["500"]() for event in events[:8]}
    for _ in range(4):
        await rig.engine.poll(near=False)
        rig.clock.pass_(minutes=1)
    gone = {v(9 + 2 * n).interval for n in (8, 9, 10)}
    assert not gone & set(rig.blocks()["b"])
    assert len(rig.blocks()["b"]) == 9


# Deleted appointments that answer 400 (v1).


async def deleted(rig: Rig) -> str:
    """Delete a meeting of p on a platform that answers 400 for its id."""
    rig.a.capabilities = OLD_KIND
    events = await settled(rig)
    rig.a.refuses_gone = True
    rig.a.delete(events[0])
    return events[0]


async def freed(rig: Rig, cycles: int = 8, **pause: float) -> bool:
    for _ in range(cycles):
        await rig.engine.poll(near=False)
        rig.clock.pass_(**(pause or {"minutes": 1}))
    return v(9).interval not in rig.blocks()["b"]


async def test_a_deleted_event_that_answers_400_is_freed_within_one_resync(rig: Rig) -> None:
    await deleted(rig)
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert v(9).interval not in rig.blocks()["b"]
    assert items(rig, Topic.UNREADABLE) == []


async def test_the_proof_is_two_lists_at_least_the_lag_apart(rig: Rig) -> None:
    await deleted(rig)
    assert not await freed(rig, cycles=3, seconds=9)
    assert not await freed(rig, cycles=1, seconds=9)
    assert await freed(rig, cycles=1)


async def test_the_first_proof_survives_a_restart(rig: Rig) -> None:
    await deleted(rig)
    assert not await freed(rig, cycles=1)
    rig.restart()
    assert await freed(rig, cycles=1)


def _the_list_is_empty(rig: Rig) -> None:
    rig.a.empty = True


def _the_list_is_incomplete(rig: Rig) -> None:
    rig.a.incomplete = True


def the_list_hides_others(rig: Rig) -> None:
    mine = [e for e, h in rig.a.events.items() if h.provider == "p" and h.kind is Kind.APPOINTMENT]
    rig.a.hidden.add(mine[0])


def the_list_shows_no_other(rig: Rig) -> None:
    for event in list(rig.a.events):
        if rig.a.events[event].provider == "p":
            rig.a.delete(event)


def no_id_is_read(rig: Rig) -> None:
    rig.a.refuses = {event: FAULTS["400"]() for event in rig.a.events}


def _the_right_is_lost(rig: Rig) -> None:
    rig.a.refuses = {event: FAULTS["403"]() for event in rig.a.events}


def the_user_is_missing(rig: Rig) -> None:
    rig.a.missing.add("p")


def the_time_is_not_offered(rig: Rig) -> None:
    free = rig.a.free_slots

    async def taken(provider: str, window: Any) -> Any:
        return await free(provider, replace(window, start=v(24 * 6).start))

    rig.a.free_slots = taken  # type: ignore[method-assign]


DOUBTS = (
    _the_list_is_empty,
    _the_list_is_incomplete,
    the_list_hides_others,
    the_list_shows_no_other,
    no_id_is_read,
    _the_right_is_lost,
    the_user_is_missing,
    the_time_is_not_offered,
)


@pytest.mark.parametrize("doubt", DOUBTS)
async def test_no_deletion_is_believed_while_one_part_of_the_proof_is_missing(
    rig: Rig, doubt: Callable[[Rig], None]
) -> None:
    rig.a.book("q", v(9))
    await deleted(rig)
    doubt(rig)
    assert not await freed(rig)
    rig.restart()
    assert not await freed(rig)


# Writes whose target cannot be read.


async def test_a_write_waits_whose_target_is_refused_and_the_others_go_on(rig: Rig) -> None:
    events = await settled(rig)
    block = next(e for e, h in rig.b.events.items() if h.value == v(9))
    rig.b.refuses[block] = FAULTS["400"]()
    rig.clock.pass_(minutes=1)
    for event in events:
        rig.a.delete(event)
    rig.b.capabilities = Capabilities(lag=timedelta(0))
    fresh = "syncd.engine.writing.reread.REREAD_AFTER"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fresh, timedelta(0))
        report = await rig.engine.poll(near=False)
        assert rig.blocks()["b"] == [v(9).interval]
        assert report.systems["b"].state is SystemStatus.OK
        assert report.exit is RunExit.UNANSWERED
        rig.b.refuses.clear()
        assert (await rig.engine.resync()).exit is RunExit.DONE
    assert rig.blocks()["b"] == []


async def test_a_removal_without_an_answer_ends_once_lists_prove_it(rig: Rig) -> None:
    rig.b.capabilities = Capabilities(lag=LAG, refused_when_gone=frozenset(Kind))
    events = await settled(rig)
    rig.b.refuses_gone = True
    rig.a.delete(events[0])
    rig.b.faults["reply"] = [UnknownOutcomeError("b", "DELETE event")]
    await rig.engine.poll(near=False)
    assert rig.store.pending_intents()
    for _ in range(4):
        rig.clock.pass_(minutes=1)
        await rig.engine.poll(near=False)
    assert rig.store.pending_intents() == []
    assert (await rig.engine.resync()).exit is RunExit.DONE


# Creates whose reply was lost, and lost states, beside lists that hide events.


async def test_a_list_that_hides_events_repeats_no_create(rig: Rig) -> None:
    rig.b.book("p", v(20))
    await settled(rig)
    rig.a.book("p", v(16))
    rig.b.faults["reply"] = [UnknownOutcomeError("b", "POST block")]
    await rig.engine.poll(near=False)
    rig.b.empty = True
    for _ in range(3):
        rig.clock.pass_(minutes=1)
        await rig.engine.poll(near=False)
    assert rig.blocks()["b"].count(v(16).interval) == 1
    assert rig.store.pending_intents()
    rig.b.empty = False
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert rig.blocks()["b"].count(v(16).interval) == 1


async def test_after_a_lost_state_created_ids_of_an_empty_list_are_looked_up(rig: Rig) -> None:
    await settled(rig)
    before = rig.blocks()
    rig.store.close()
    rig.path.unlink()
    rig.restart()
    rig.b.empty = True
    assert (await rig.engine.resync()).exit is RunExit.UNANSWERED
    assert rig.blocks() == before
    rig.b.empty = False
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert rig.blocks() == before


@pytest.mark.parametrize("number", [0, 2])
async def test_after_a_lost_state_a_list_that_hides_one_block_gets_no_second_one(
    rig: Rig, number: int
) -> None:
    """The list shows other blocks and looks complete; only the file of created ids helps."""
    await settled(rig)
    before = rig.blocks()
    hidden = [id_ for id_, held in rig.b.events.items() if held.kind is Kind.BLOCK][number]
    rig.store.close()
    rig.path.unlink()
    rig.restart()
    rig.b.hidden.add(hidden)
    assert (await rig.engine.resync()).exit is RunExit.UNANSWERED
    assert rig.blocks() == before
    (item,) = open_items(rig.store, "b")
    assert item.topic is Topic.LIST
    assert "b does not show 1 known event" in item.reason
    rig.b.hidden.clear()
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert rig.blocks() == before
