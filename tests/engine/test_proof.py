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
from tests.engine.conftest import Shop

LAG = timedelta(seconds=30)
OLD_KIND = Capabilities(lag=LAG, refused_when_gone=frozenset(Kind))


def items(shop: Shop, topic: Topic) -> list[ReportedItem]:
    return [item for item in open_items(shop.store, "a") if item.topic is topic]


async def settled(shop: Shop, meetings: int = 3, provider: str = "p") -> list[str]:
    """Book meetings in a, carry them, and wait until they are older than any lag."""
    events = [shop.a.book(provider, v(9 + 2 * n)) for n in range(meetings)]
    assert (await shop.engine.resync()).exit is RunExit.DONE
    shop.clock.pass_(minutes=2)
    return events


# Lists that hide events.


@pytest.mark.parametrize("near", [True, False])
async def test_a_list_that_hides_events_is_reported_and_proves_nothing(
    shop: Shop, near: bool
) -> None:
    events = await settled(shop)
    before = shop.blocks()
    shop.a.empty = True
    shop.a.delete(events[0])  # This event is gone by id, and no list proves it.
    report = await shop.engine.poll(near=near)
    assert report.exit is RunExit.UNANSWERED
    assert report.systems["a"].state is SystemStatus.OK
    assert shop.blocks() == before
    (item,) = items(shop, Topic.LIST)
    assert "a does not show 2 known events" in item.reason
    covered = {(c.provider, c.read_at) for c in shop.store.last_coverage() if c.system == "a"}
    assert ("p", shop.clock.now()) not in covered
    # Once the list is complete again, the deletion is carried, and the item ends.
    shop.a.empty = False
    shop.clock.pass_(minutes=1)
    await shop.engine.poll(near=near)
    assert items(shop, Topic.LIST) == []
    assert len(shop.blocks()["b"]) == 2
    assert (await shop.engine.resync()).exit is RunExit.DONE


async def test_a_resync_reports_a_list_that_hides_events(shop: Shop) -> None:
    await settled(shop)
    shop.a.empty = True
    report = await shop.engine.resync()
    assert (report.exit, report.converged) == (RunExit.UNANSWERED, False)
    assert report.cycles <= 3
    shop.a.empty = False
    assert (await shop.engine.resync()).exit is RunExit.DONE


async def test_a_hidden_row_voids_its_own_calendar_only(shop: Shop) -> None:
    events = await settled(shop)
    others = await settled(shop, provider="q")
    shop.a.hidden.add(events[0])
    shop.a.delete(events[1])
    shop.a.delete(others[0])
    shop.a.book("p", v(20))
    await shop.engine.poll(near=False)
    assert v(20).interval in shop.blocks()["b"]  # Its rows count.
    assert v(11).interval in shop.blocks()["b"]  # Nothing of p is freed.
    assert v(9).interval not in shop.blocks("q")["b"]  # The other calendar, q, is in sync.


async def test_an_empty_list_of_several_calendars_is_void_for_all_of_them(shop: Shop) -> None:
    await settled(shop)
    shop.a.empty = True
    await shop.engine.poll(near=False)
    (item,) = items(shop, Topic.LIST)
    assert item.calendars == ("p", "q")


async def test_the_calendars_of_a_hiding_list_are_written_to(shop: Shop) -> None:
    await settled(shop)
    shop.a.empty = True
    shop.b.book("p", v(20))
    await shop.engine.poll(near=False)
    assert v(20).interval in shop.blocks()["a"]


async def test_at_most_forty_events_are_asked_for_while_a_list_hides_them(shop: Shop) -> None:
    await settled(shop, 60)
    shop.a.empty = True
    shop.a.asked.clear()
    await shop.engine.poll(near=False)
    assert len(shop.a.asked) == 40
    shop.clock.pass_(minutes=1)
    await shop.engine.poll(near=False)
    assert len(shop.a.asked) == 60, "what was found a minute ago is not asked for again"


@pytest.mark.parametrize("restart", [False, True])
async def test_a_mass_of_deletions_beside_hidden_events_frees_nothing(
    shop: Shop, restart: bool
) -> None:
    events = await settled(shop, 90)
    before = shop.blocks()
    hidden = events[::9]
    shop.a.hidden.update(hidden)
    for event in set(events) - set(hidden):
        shop.a.delete(event)
    for _ in range(6):
        await shop.engine.poll(near=False)
        shop.clock.pass_(minutes=1)
        if restart:
            shop.restart()
    assert shop.blocks() == before
    assert items(shop, Topic.LIST)


async def test_an_event_that_changed_within_the_lag_is_not_hidden(shop: Shop) -> None:
    shop.a.capabilities = Capabilities(lag=LAG)
    events = await settled(shop)
    shop.a.move(events[0], v(9))  # changed just now
    shop.a.hidden.add(events[0])
    await shop.engine.poll(near=False)
    assert items(shop, Topic.LIST) == []
    shop.clock.pass_(minutes=1)
    await shop.engine.poll(near=False)
    assert len(items(shop, Topic.LIST)) == 1


async def test_an_event_of_another_owner_does_not_count_as_hidden(shop: Shop) -> None:
    events = await settled(shop)
    shop.a.events[events[0]] = replace(shop.a.events[events[0]], provider="q")
    shop.clock.pass_(minutes=1)
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert items(shop, Topic.LIST) == []


async def test_a_hiding_list_ends_no_removal_that_was_asked_for(shop: Shop) -> None:
    shop.b.capabilities = replace(shop.b.capabilities, lag=timedelta(0))
    await settled(shop)
    shop.b.empty = True
    shop.clock.pass_(minutes=1)
    assert (await shop.engine.poll(near=False)).exit is RunExit.UNANSWERED
    assert len(shop.blocks()["b"]) == 3


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
    shop: Shop, fault: Callable[[], PlatformError]
) -> None:
    events = await settled(shop, 6)
    for event in events[:5]:
        shop.a.delete(event)
    shop.a.refuses[events[0]] = fault()
    for _ in range(3):
        report = await shop.engine.poll(near=False)
        shop.clock.pass_(minutes=1)
    assert report.systems["a"].state is SystemStatus.OK
    assert shop.blocks()["b"] == [v(9).interval, v(19).interval]
    assert [(i.event, i.calendars) for i in items(shop, Topic.UNREADABLE)] == [(events[0], ("p",))]
    assert (await shop.engine.resync()).exit is RunExit.CONFLICTS
    # Once it can be read again, its cancellation is carried, and the item ends.
    shop.a.refuses.clear()
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert items(shop, Topic.UNREADABLE) == []


async def test_what_cannot_be_read_is_reported_once_across_restarts(
    shop: Shop,
) -> None:
    events = await settled(shop)
    shop.a.delete(events[0])
    shop.a.refuses[events[0]] = FAULTS["400"]()
    await shop.engine.poll(near=False)
    (first,) = items(shop, Topic.UNREADABLE)
    for near in (True, False, True, False):
        shop.restart()
        shop.clock.pass_(minutes=1)
        await shop.engine.poll(near=near)
    (again,) = items(shop, Topic.UNREADABLE)
    assert again.since == first.since


async def test_a_system_that_answers_no_question_by_id_is_down(shop: Shop) -> None:
    events = await settled(shop)
    shop.a.delete(events[0])
    shop.a.refuses = {event: FAULTS["500"]() for event in events}
    report = await shop.engine.poll(near=False)
    assert report.systems["a"].state is SystemStatus.DOWN
    assert len(shop.a.asked) <= 5


async def test_many_unanswered_ids_do_not_starve_the_others(shop: Shop) -> None:
    events = await settled(shop, 12)
    for event in events[:11]:
        shop.a.delete(event)
    shop.a.refuses = {event: FAULTS["500"]() for event in events[:8]}
    for _ in range(4):
        await shop.engine.poll(near=False)
        shop.clock.pass_(minutes=1)
    gone = {v(9 + 2 * n).interval for n in (8, 9, 10)}
    assert not gone & set(shop.blocks()["b"])
    assert len(shop.blocks()["b"]) == 9


# Deleted appointments that answer 400 (v1).


async def deleted(shop: Shop) -> str:
    """Delete a meeting of p on a platform that answers 400 for its id."""
    shop.a.capabilities = OLD_KIND
    events = await settled(shop)
    shop.a.refuses_gone = True
    shop.a.delete(events[0])
    return events[0]


async def freed(shop: Shop, cycles: int = 8, **pause: float) -> bool:
    for _ in range(cycles):
        await shop.engine.poll(near=False)
        shop.clock.pass_(**(pause or {"minutes": 1}))
    return v(9).interval not in shop.blocks()["b"]


async def test_a_deleted_event_that_answers_400_is_freed_within_one_resync(shop: Shop) -> None:
    await deleted(shop)
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert v(9).interval not in shop.blocks()["b"]
    assert items(shop, Topic.UNREADABLE) == []


async def test_the_proof_is_two_lists_at_least_the_lag_apart(shop: Shop) -> None:
    await deleted(shop)
    assert not await freed(shop, cycles=3, seconds=9)
    assert not await freed(shop, cycles=1, seconds=9)
    assert await freed(shop, cycles=1)


async def test_a_calendar_with_an_open_proof_is_not_read_less_often(
    shop: Shop,
) -> None:
    """The daemon reads the whole window of a calm provider only in every second round."""
    shop.a.capabilities = Capabilities(lag=timedelta(0), gone_proofs=dict.fromkeys(Kind, 2))
    event = shop.a.book("p", v(24 * 10))
    await shop.engine.resync()
    shop.a.delete(event)
    first = await shop.engine.poll(near=False)
    assert (first.operations.total(), first.external_changes["p"]) == (0, 1)
    shop.clock.pass_(minutes=15)
    assert (await shop.engine.poll(near=False)).operations.total() == 2


async def test_the_first_proof_survives_a_restart(shop: Shop) -> None:
    await deleted(shop)
    assert not await freed(shop, cycles=1)
    shop.restart()
    assert await freed(shop, cycles=1)


def _the_list_is_empty(shop: Shop) -> None:
    shop.a.empty = True


def _the_list_is_incomplete(shop: Shop) -> None:
    shop.a.incomplete = True


def the_list_hides_others(shop: Shop) -> None:
    mine = [e for e, h in shop.a.events.items() if h.provider == "p" and h.kind is Kind.APPOINTMENT]
    shop.a.hidden.add(mine[0])


def the_list_shows_no_other(shop: Shop) -> None:
    for event in list(shop.a.events):
        if shop.a.events[event].provider == "p":
            shop.a.delete(event)


def no_id_is_read(shop: Shop) -> None:
    shop.a.refuses = {event: FAULTS["400"]() for event in shop.a.events}


def _the_right_is_lost(shop: Shop) -> None:
    shop.a.refuses = {event: FAULTS["403"]() for event in shop.a.events}


def the_user_is_missing(shop: Shop) -> None:
    shop.a.missing.add("p")


def the_time_is_not_offered(shop: Shop) -> None:
    free = shop.a.free_slots

    async def taken(provider: str, window: Any) -> Any:
        return await free(provider, replace(window, start=v(24 * 6).start))

    shop.a.free_slots = taken  # type: ignore[method-assign]


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
    shop: Shop, doubt: Callable[[Shop], None]
) -> None:
    shop.a.book("q", v(9))
    await deleted(shop)
    doubt(shop)
    assert not await freed(shop)
    shop.restart()
    assert not await freed(shop)


# Writes whose target cannot be read.


async def test_a_write_waits_whose_target_is_refused_and_the_others_go_on(shop: Shop) -> None:
    events = await settled(shop)
    block = next(e for e, h in shop.b.events.items() if h.value == v(9))
    shop.b.refuses[block] = FAULTS["400"]()
    shop.clock.pass_(minutes=1)
    for event in events:
        shop.a.delete(event)
    shop.b.capabilities = Capabilities(lag=timedelta(0))
    fresh = "syncd.engine.reread.REREAD_AFTER"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fresh, timedelta(0))
        report = await shop.engine.poll(near=False)
        assert shop.blocks()["b"] == [v(9).interval]
        assert report.systems["b"].state is SystemStatus.OK
        assert report.exit is RunExit.UNANSWERED
        shop.b.refuses.clear()
        assert (await shop.engine.resync()).exit is RunExit.DONE
    assert shop.blocks()["b"] == []


async def test_a_removal_without_an_answer_ends_once_lists_prove_it(shop: Shop) -> None:
    shop.b.capabilities = Capabilities(lag=LAG, refused_when_gone=frozenset(Kind))
    events = await settled(shop)
    shop.b.refuses_gone = True
    shop.a.delete(events[0])
    shop.b.faults["reply"] = [UnknownOutcomeError("b", "DELETE event")]
    await shop.engine.poll(near=False)
    assert shop.store.pending_intents()
    for _ in range(4):
        shop.clock.pass_(minutes=1)
        await shop.engine.poll(near=False)
    assert shop.store.pending_intents() == []
    assert (await shop.engine.resync()).exit is RunExit.DONE


# Creates whose reply was lost, and lost states, beside lists that hide events.


async def test_a_list_that_hides_events_repeats_no_create(shop: Shop) -> None:
    shop.b.book("p", v(20))
    await settled(shop)
    shop.a.book("p", v(16))
    shop.b.faults["reply"] = [UnknownOutcomeError("b", "POST block")]
    await shop.engine.poll(near=False)
    shop.b.empty = True
    for _ in range(3):
        shop.clock.pass_(minutes=1)
        await shop.engine.poll(near=False)
    assert shop.blocks()["b"].count(v(16).interval) == 1
    assert shop.store.pending_intents()
    shop.b.empty = False
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert shop.blocks()["b"].count(v(16).interval) == 1


async def test_after_a_lost_state_created_ids_of_an_empty_list_are_looked_up(shop: Shop) -> None:
    await settled(shop)
    before = shop.blocks()
    shop.store.close()
    shop.path.unlink()
    shop.restart()
    shop.b.empty = True
    assert (await shop.engine.resync()).exit is RunExit.UNANSWERED
    assert shop.blocks() == before
    shop.b.empty = False
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert shop.blocks() == before


@pytest.mark.parametrize("number", [0, 2])
async def test_after_a_lost_state_a_list_that_hides_one_block_gets_no_second_one(
    shop: Shop, number: int
) -> None:
    """The list shows other blocks and looks complete; only the file of created ids helps."""
    await settled(shop)
    before = shop.blocks()
    hidden = [id_ for id_, held in shop.b.events.items() if held.kind is Kind.BLOCK][number]
    shop.store.close()
    shop.path.unlink()
    shop.restart()
    shop.b.hidden.add(hidden)
    assert (await shop.engine.resync()).exit is RunExit.UNANSWERED
    assert shop.blocks() == before
    (item,) = open_items(shop.store, "b")
    assert item.topic is Topic.LIST
    assert "b does not show 1 known event" in item.reason
    shop.b.hidden.clear()
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert shop.blocks() == before
