"""Test the promises on systems in memory.

See docs/design.md#promises.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.engine.report import RunExit
from syncd.model import (
    Action,
    BulkCall,
    Changes,
    ConflictKind,
    Kind,
    Person,
    Status,
)
from syncd.store import StateError, Store
from syncd.systems.port import Capabilities, RejectedError, RetryableError, UnauthorizedError
from tests.core.kit import off, v
from tests.engine.conftest import Shop
from tests.engine.fakes import FakeSystem, lost_reply


async def settle(shop: Shop, *, unreadable: bool = False, doubles: int = 0) -> None:
    """Sync until nothing is left, and check that another cycle writes nothing.

    ``unreadable`` is the expected number of unreadable records.
    """
    report = await shop.engine.resync()
    needs = doubles or (report.items if unreadable else [])
    assert report.exit is (RunExit.CONFLICTS if needs else RunExit.DONE), report
    assert report.double_bookings == doubles
    before = shop.writes()
    assert (await shop.engine.resync()).converged
    assert shop.writes() == before


# 1 converges, 2 no echo


async def test_a_booking_closes_the_other_systems_and_then_nothing_is_written(shop: Shop) -> None:
    shop.a.book("p", v(9))
    await settle(shop)
    assert shop.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    assert shop.blocks("q") == {"a": [], "b": [], "c": []}
    assert shop.writes() == 2


async def test_a_move_moves_each_block_once(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    shop.a.move(event, v(12))
    await settle(shop)
    assert shop.blocks() == {"a": [], "b": [v(12).interval], "c": [v(12).interval]}
    assert [o.action for o in shop.b.writes] == [Action.CREATE_BLOCK, Action.MOVE_BLOCK]


@pytest.mark.parametrize("end", ["cancel", "delete"])
async def test_a_cancellation_frees_the_other_calendars(shop: Shop, end: str) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    getattr(shop.a, end)(event)
    await settle(shop)
    assert shop.blocks() == {"a": [], "b": [], "c": []}


async def test_a_twin_is_moved_and_no_block_lies_on_top_of_it(shop: Shop) -> None:
    shop.a.persons["ann"] = Person(emails=("ann@example.com",))
    shop.b.persons["7"] = Person(emails=("ann@example.com",))
    first = shop.a.book("p", v(9), "ann")
    second = shop.b.book("p", v(9), "7")
    await settle(shop)
    assert shop.blocks() == {"a": [], "b": [], "c": [v(9).interval]}
    shop.b.move(second, v(12))
    await settle(shop)
    assert shop.a.events[first].value == v(12)
    assert shop.blocks()["c"] == [v(12).interval]


async def test_stripped_keys_make_no_echo(shop: Shop) -> None:
    for system in shop.systems:
        system.strip_keys = True
    shop.a.book("p", v(9))
    await settle(shop)
    assert shop.writes() == 2


async def test_a_removed_block_is_restored_once(shop: Shop) -> None:
    shop.a.book("p", v(9))
    await settle(shop)
    block = next(e for e, h in shop.b.events.items() if h.kind is Kind.BLOCK)
    shop.b.delete(block)
    await settle(shop)
    assert shop.blocks()["b"] == [v(9).interval]
    assert shop.writes() == 3


async def test_a_moved_block_is_put_back(shop: Shop) -> None:
    shop.a.book("p", v(9))
    await settle(shop)
    block = next(e for e, h in shop.b.events.items() if h.kind is Kind.BLOCK)
    shop.b.move(block, v(15))
    await settle(shop)
    assert shop.blocks()["b"] == [v(9).interval]


# 3 no false deletion


@pytest.mark.parametrize("fault", ["hidden", "empty", "incomplete"])
async def test_absence_from_a_list_removes_nothing(shop: Shop, fault: str) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    if fault == "hidden":
        shop.a.hidden.add(event)
    else:
        setattr(shop.a, fault, True)
    for _ in range(3):
        await shop.engine.poll(near=False)
    assert shop.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    assert shop.writes() == 2


async def test_an_end_needs_as_many_proofs_as_the_platform_demands(shop: Shop) -> None:
    weak = Capabilities(lag=timedelta(0), gone_proofs={Kind.APPOINTMENT: 2, Kind.BLOCK: 2})
    shop.a.capabilities = weak
    event = shop.a.book("p", v(9))
    await settle(shop)
    shop.a.delete(event)
    await shop.engine.poll(near=False)
    assert shop.blocks()["b"] == [v(9).interval]
    await shop.engine.poll(near=False)
    assert shop.blocks()["b"] == []


async def test_two_doubts_with_a_sighting_between_them_are_no_proof(shop: Shop) -> None:
    shop.a.capabilities = Capabilities(lag=timedelta(0), gone_proofs={Kind.APPOINTMENT: 2})
    event = shop.a.book("p", v(9))
    await settle(shop)
    for _ in range(2):
        lost = shop.a.events.pop(event)
        await shop.engine.poll(near=False)
        assert shop.blocks()["b"] == [v(9).interval]
        shop.a.events[event] = lost
        await shop.engine.poll(near=False)


async def test_an_appointment_outside_of_the_window_that_was_read_is_not_gone(shop: Shop) -> None:
    shop.a.book("p", v(24 * 10))
    await settle(shop)
    report = await shop.engine.poll(near=True)
    assert report.news == 0
    assert shop.blocks()["b"] == [v(24 * 10).interval]


# 4 no duplicate


async def test_a_lost_reply_to_a_create_makes_no_second_block(shop: Shop) -> None:
    shop.a.book("p", v(9))
    shop.b.faults["reply"] = [lost_reply("b")]
    await settle(shop)
    assert shop.blocks()["b"] == [v(9).interval]
    assert len(shop.b.writes) == 1


async def test_a_lost_create_is_found_by_its_interval_where_keys_are_stripped(shop: Shop) -> None:
    shop.b.strip_keys = True
    shop.b.capabilities = replace(shop.b.capabilities, key_survives=False)
    event = shop.a.book("p", v(9))
    shop.b.faults["reply"] = [lost_reply("b")]
    await settle(shop)
    assert shop.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    assert len(shop.b.writes) == 1
    shop.a.delete(event)
    await settle(shop)
    assert shop.blocks() == {"a": [], "b": [], "c": []}


async def test_a_lost_create_that_never_arrived_is_made_again(shop: Shop) -> None:
    shop.a.book("p", v(9))
    shop.b.faults["write"] = [lost_reply("b")]
    await settle(shop)
    assert shop.blocks()["b"] == [v(9).interval]


async def test_a_create_is_not_repeated_before_the_lag_has_passed(shop: Shop) -> None:
    shop.b.capabilities = Capabilities(lag=timedelta(minutes=5))
    shop.a.book("p", v(9))
    shop.b.faults["write"] = [lost_reply("b")]
    await shop.engine.poll(near=False)
    await shop.engine.poll(near=False)
    assert shop.b.writes == []
    shop.clock.pass_(minutes=6)
    await shop.engine.poll(near=False)
    assert shop.blocks()["b"] == [v(9).interval]


async def test_a_crash_between_request_and_commit_is_settled_by_reading(shop: Shop) -> None:
    class Crash(BaseException):
        pass

    await shop.engine.resync()  # In a new calendar, a tagged block is adopted in any case.
    event = shop.a.book("p", v(9))
    original = FakeSystem.write

    async def dies(self: FakeSystem, operations: object) -> object:
        await original(self, operations)  # type: ignore[arg-type]
        raise Crash

    shop.b.write = dies.__get__(shop.b)  # type: ignore[method-assign]
    with pytest.raises(Crash):
        await shop.engine.resync()
    del shop.b.write
    shop.restart()
    await settle(shop)
    assert shop.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    assert len(shop.b.writes) == 1
    shop.a.delete(event)
    await settle(shop)
    assert shop.blocks() == {"a": [], "b": [], "c": []}


async def test_a_restart_doubles_nothing(shop: Shop) -> None:
    shop.a.book("p", v(9))
    await settle(shop)
    shop.restart()
    await settle(shop)
    assert shop.writes() == 2


# 5 no lost update


async def test_a_target_that_changed_since_the_read_is_not_overwritten(shop: Shop) -> None:
    shop.a.persons["ann"] = shop.b.persons["7"] = Person(emails=("ann@example.com",))
    first = shop.a.book("p", v(9), "ann")
    second = shop.b.book("p", v(9), "7")
    await settle(shop)
    shop.a.move(first, v(12))

    async def slowly() -> None:
        shop.clock.pass_(seconds=20)
        shop.b.move(second, v(15))

    original = shop.b.read_one

    async def meanwhile(*arguments: object) -> object:
        shop.b.read_one = original  # type: ignore[method-assign]
        await slowly()
        return await original(*arguments)  # type: ignore[arg-type]

    shop.b.read_one = meanwhile  # type: ignore[method-assign,assignment]
    original_read = shop.c.read

    async def slow_read(*arguments: object, **named: object) -> object:
        shop.clock.pass_(seconds=15)
        return await original_read(*arguments, **named)  # type: ignore[arg-type]

    shop.c.read = slow_read  # type: ignore[method-assign,assignment]
    await settle(shop)
    assert shop.a.events[first].value == shop.b.events[second].value == v(15)


# 6 deletes only its own


async def test_a_humans_block_is_carried_and_never_touched(shop: Shop) -> None:
    event = shop.a.human_block("p", v(9))
    await settle(shop)
    assert shop.blocks() == {s: [v(9).interval] for s in "abc"}
    shop.a.move(event, v(12))
    await settle(shop)
    assert shop.blocks() == {s: [v(12).interval] for s in "abc"}
    shop.a.delete(event)
    await settle(shop)
    assert shop.blocks() == {"a": [], "b": [], "c": []}
    assert shop.a.writes == []


# 8 isolated


@pytest.mark.parametrize(
    "fault", [RetryableError("a", "GET /"), UnauthorizedError("a", "GET /", status=401)]
)
async def test_a_system_that_fails_changes_nothing_and_delays_nobody(
    shop: Shop, fault: Exception
) -> None:
    shop.a.book("p", v(9))
    await settle(shop)
    shop.a.faults["read"] = [fault] * 2
    shop.b.book("p", v(12))
    report = await shop.engine.resync()
    assert report.exit is RunExit.UNANSWERED
    assert shop.blocks()["c"] == [v(9).interval, v(12).interval]
    assert shop.blocks()["b"] == [v(9).interval]
    assert shop.blocks()["a"] == []
    shop.a.faults.clear()
    await settle(shop)
    assert shop.blocks()["a"] == [v(12).interval]


# 10 explained by the history


async def test_the_history_shows_what_changed_where_and_by_which_rule(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    shop.a.move(event, v(12))
    await settle(shop)
    booking = shop.store.state("p").bookings[0].id
    told = [(n.what, n.system) for n in reversed(shop.store.history(booking=booking))]
    assert told[:1] == [("seen", "a")]
    assert ("changed", "a") in told
    assert ("agreed", "") in told
    assert ("move-block", "b") in told


# queued writes


async def test_a_queued_move_counts_only_when_a_read_shows_it(shop: Shop) -> None:
    shop.b.capabilities = Capabilities(
        lag=timedelta(0),
        asynchronous=frozenset({Action.MOVE_BLOCK}),
        bulk={Action.MOVE_BLOCK: BulkCall("moves", 50)},
    )
    event = shop.a.book("p", v(9))
    await settle(shop)
    shop.b.queued = True
    shop.a.move(event, v(12))
    report = await shop.engine.poll(near=False)
    assert report.pending == 1
    assert not report.converged
    await shop.engine.poll(near=False)
    assert len(shop.b.writes) == 2
    shop.b.run_queue()
    await settle(shop)
    assert shop.blocks()["b"] == [v(12).interval]
    assert len(shop.b.writes) == 2


async def test_a_queued_move_that_never_happens_is_planned_anew_after_ten_minutes(
    shop: Shop,
) -> None:
    shop.b.capabilities = Capabilities(
        lag=timedelta(0),
        asynchronous=frozenset({Action.MOVE_BLOCK}),
        bulk={Action.MOVE_BLOCK: BulkCall("moves", 50)},
    )
    event = shop.a.book("p", v(9))
    await settle(shop)
    shop.b.queued = True
    shop.a.move(event, v(12))
    await shop.engine.poll(near=False)
    shop.b.queue.clear()
    shop.b.queued = False
    shop.clock.pass_(minutes=11)
    await settle(shop)
    assert shop.blocks()["b"] == [v(12).interval]


async def test_a_queued_move_out_of_sight_is_asked_for_by_id_and_not_made_twice(
    shop: Shop,
) -> None:
    shop.b.capabilities = Capabilities(
        lag=timedelta(0),
        asynchronous=frozenset({Action.MOVE_BLOCK}),
        bulk={Action.MOVE_BLOCK: BulkCall("moves", 50)},
    )
    event = shop.a.book("p", v(24 * 20))
    await settle(shop)
    shop.b.queued = True
    shop.a.move(event, v(24 * 21))
    await shop.engine.poll(near=False)
    writes = len(shop.b.writes)
    shop.b.run_queue()
    for _ in range(3):
        shop.clock.pass_(minutes=11)
        await shop.engine.poll(near=True)
    assert len(shop.b.writes) == writes
    assert not shop.store.pending_intents()


async def test_changes_are_decided_on_although_the_disk_was_full_for_another_system(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await settle(shop)
    shop.a.book("p", v(9))
    apply, full = Store.apply, [True]

    def refused(self: Store, changes: Changes) -> None:
        if changes.coverage and changes.coverage[0].system == "c" and full.pop():
            raise StateError("state.db", "the disk is full", "Free some space.")
        apply(self, changes)

    monkeypatch.setattr(Store, "apply", refused)
    with pytest.raises(StateError):
        await shop.engine.poll(near=False)
    monkeypatch.setattr(Store, "apply", apply)
    await shop.engine.poll(near=False)
    assert shop.blocks()["b"] == [v(9).interval]


# permanent failures


async def test_three_refusals_become_a_held_conflict_and_the_rest_goes_on(shop: Shop) -> None:
    shop.a.book("p", v(9))
    shop.b.faults["write"] = [RejectedError("b", "POST /", detail="no")] * 9
    for _ in range(5):
        report = await shop.engine.resync()
    assert report.exit is RunExit.CONFLICTS
    assert len(shop.b.faults["write"]) == 6
    assert shop.blocks()["c"] == [v(9).interval]
    kinds = [h.conflict.kind for h in shop.store.open_conflicts()]
    assert kinds == [ConflictKind.QUARANTINED]


async def test_a_read_only_calendar_is_never_written_to(shop: Shop) -> None:
    shop.engine.policy = replace(shop.engine.policy, read_only=frozenset({("p", "b")}))
    shop.a.book("p", v(9))
    await shop.engine.resync()
    assert shop.b.writes == []
    assert shop.blocks()["c"] == [v(9).interval]


async def test_a_status_that_frees_time_frees_the_other_calendars(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await settle(shop)
    shop.a.move(event, v(9, status=Status.NOSHOW))
    await settle(shop)
    assert shop.blocks()["b"] == []
    shop.a.move(event, v(9, status=Status.SHOWED))
    await settle(shop)
    assert shop.blocks()["b"] == [v(9).interval]
    assert off(9).busy is False
