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
from tests.engine.conftest import EngineHarness
from tests.engine.fakes import FakeSystem, lost_reply


async def settle(harness: EngineHarness, *, unreadable: bool = False, doubles: int = 0) -> None:
    """Sync until nothing is left, and check that another cycle writes nothing.

    ``unreadable`` is the expected number of unreadable records.
    """
    report = await harness.engine.resync()
    needs = doubles or (report.items if unreadable else [])
    assert report.exit is (RunExit.CONFLICTS if needs else RunExit.DONE), report
    assert report.double_bookings == doubles
    before = harness.writes()
    assert (await harness.engine.resync()).converged
    assert harness.writes() == before


# 1 converges, 2 no echo


async def test_a_booking_closes_the_other_systems_and_then_nothing_is_written(
    harness: EngineHarness,
) -> None:
    harness.a.book("p", v(9))
    await settle(harness)
    assert harness.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    assert harness.blocks("q") == {"a": [], "b": [], "c": []}
    assert harness.writes() == 2


async def test_a_move_moves_each_block_once(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.a.move(event, v(12))
    await settle(harness)
    assert harness.blocks() == {"a": [], "b": [v(12).interval], "c": [v(12).interval]}
    assert [o.action for o in harness.b.writes] == [Action.CREATE_BLOCK, Action.MOVE_BLOCK]


@pytest.mark.parametrize("end", ["cancel", "delete"])
async def test_a_cancellation_frees_the_other_calendars(harness: EngineHarness, end: str) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    getattr(harness.a, end)(event)
    await settle(harness)
    assert harness.blocks() == {"a": [], "b": [], "c": []}


async def test_a_twin_is_moved_and_no_block_lies_on_top_of_it(harness: EngineHarness) -> None:
    harness.a.persons["ann"] = Person(emails=("ann@example.com",))
    harness.b.persons["7"] = Person(emails=("ann@example.com",))
    first = harness.a.book("p", v(9), "ann")
    second = harness.b.book("p", v(9), "7")
    await settle(harness)
    assert harness.blocks() == {"a": [], "b": [], "c": [v(9).interval]}
    harness.b.move(second, v(12))
    await settle(harness)
    assert harness.a.events[first].value == v(12)
    assert harness.blocks()["c"] == [v(12).interval]


async def test_stripped_keys_make_no_echo(harness: EngineHarness) -> None:
    for system in harness.systems:
        system.strip_keys = True
    harness.a.book("p", v(9))
    await settle(harness)
    assert harness.writes() == 2


async def test_a_removed_block_is_restored_once(harness: EngineHarness) -> None:
    harness.a.book("p", v(9))
    await settle(harness)
    block = next(e for e, h in harness.b.events.items() if h.kind is Kind.BLOCK)
    harness.b.delete(block)
    await settle(harness)
    assert harness.blocks()["b"] == [v(9).interval]
    assert harness.writes() == 3


async def test_a_moved_block_is_put_back(harness: EngineHarness) -> None:
    harness.a.book("p", v(9))
    await settle(harness)
    block = next(e for e, h in harness.b.events.items() if h.kind is Kind.BLOCK)
    harness.b.move(block, v(15))
    await settle(harness)
    assert harness.blocks()["b"] == [v(9).interval]


# 3 no false deletion


@pytest.mark.parametrize("fault", ["hidden", "empty", "incomplete"])
async def test_absence_from_a_list_removes_nothing(harness: EngineHarness, fault: str) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    if fault == "hidden":
        harness.a.hidden.add(event)
    else:
        setattr(harness.a, fault, True)
    for _ in range(3):
        await harness.engine.poll(near=False)
    assert harness.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    assert harness.writes() == 2


async def test_an_end_needs_as_many_proofs_as_the_platform_demands(harness: EngineHarness) -> None:
    weak = Capabilities(lag=timedelta(0), gone_proofs={Kind.APPOINTMENT: 2, Kind.BLOCK: 2})
    harness.a.capabilities = weak
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.a.delete(event)
    await harness.engine.poll(near=False)
    assert harness.blocks()["b"] == [v(9).interval]
    await harness.engine.poll(near=False)
    assert harness.blocks()["b"] == []


async def test_two_doubts_with_a_sighting_between_them_are_no_proof(harness: EngineHarness) -> None:
    harness.a.capabilities = Capabilities(lag=timedelta(0), gone_proofs={Kind.APPOINTMENT: 2})
    event = harness.a.book("p", v(9))
    await settle(harness)
    for _ in range(2):
        lost = harness.a.events.pop(event)
        await harness.engine.poll(near=False)
        assert harness.blocks()["b"] == [v(9).interval]
        harness.a.events[event] = lost
        await harness.engine.poll(near=False)


async def test_an_appointment_outside_of_the_window_that_was_read_is_not_gone(
    harness: EngineHarness,
) -> None:
    harness.a.book("p", v(24 * 10))
    await settle(harness)
    report = await harness.engine.poll(near=True)
    assert report.news == 0
    assert harness.blocks()["b"] == [v(24 * 10).interval]


# 4 no duplicate


async def test_a_lost_reply_to_a_create_makes_no_second_block(harness: EngineHarness) -> None:
    harness.a.book("p", v(9))
    harness.b.faults["reply"] = [lost_reply("b")]
    await settle(harness)
    assert harness.blocks()["b"] == [v(9).interval]
    assert len(harness.b.writes) == 1


async def test_a_lost_create_is_found_by_its_interval_where_keys_are_stripped(
    harness: EngineHarness,
) -> None:
    harness.b.strip_keys = True
    harness.b.capabilities = replace(harness.b.capabilities, key_survives=False)
    event = harness.a.book("p", v(9))
    harness.b.faults["reply"] = [lost_reply("b")]
    await settle(harness)
    assert harness.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    assert len(harness.b.writes) == 1
    harness.a.delete(event)
    await settle(harness)
    assert harness.blocks() == {"a": [], "b": [], "c": []}


async def test_a_lost_create_that_never_arrived_is_made_again(harness: EngineHarness) -> None:
    harness.a.book("p", v(9))
    harness.b.faults["write"] = [lost_reply("b")]
    await settle(harness)
    assert harness.blocks()["b"] == [v(9).interval]


async def test_a_create_is_not_repeated_before_the_lag_has_passed(harness: EngineHarness) -> None:
    harness.b.capabilities = Capabilities(lag=timedelta(minutes=5))
    harness.a.book("p", v(9))
    harness.b.faults["write"] = [lost_reply("b")]
    await harness.engine.poll(near=False)
    await harness.engine.poll(near=False)
    assert harness.b.writes == []
    harness.clock.pass_(minutes=6)
    await harness.engine.poll(near=False)
    assert harness.blocks()["b"] == [v(9).interval]


async def test_a_crash_between_request_and_commit_is_settled_by_reading(
    harness: EngineHarness,
) -> None:
    class Crash(BaseException):
        pass

    await harness.engine.resync()  # In a new calendar, a tagged block is adopted in any case.
    event = harness.a.book("p", v(9))
    original = FakeSystem.write

    async def dies(self: FakeSystem, operations: object) -> object:
        await original(self, operations)  # type: ignore[arg-type]
        raise Crash

    harness.b.write = dies.__get__(harness.b)  # type: ignore[method-assign]
    with pytest.raises(Crash):
        await harness.engine.resync()
    del harness.b.write
    harness.restart()
    await settle(harness)
    assert harness.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    assert len(harness.b.writes) == 1
    harness.a.delete(event)
    await settle(harness)
    assert harness.blocks() == {"a": [], "b": [], "c": []}


async def test_a_restart_doubles_nothing(harness: EngineHarness) -> None:
    harness.a.book("p", v(9))
    await settle(harness)
    harness.restart()
    await settle(harness)
    assert harness.writes() == 2


# 5 no lost update


async def test_a_target_that_changed_since_the_read_is_not_overwritten(
    harness: EngineHarness,
) -> None:
    harness.a.persons["ann"] = harness.b.persons["7"] = Person(emails=("ann@example.com",))
    first = harness.a.book("p", v(9), "ann")
    second = harness.b.book("p", v(9), "7")
    await settle(harness)
    harness.a.move(first, v(12))

    async def slowly() -> None:
        harness.clock.pass_(seconds=20)
        harness.b.move(second, v(15))

    original = harness.b.read_one

    async def meanwhile(*arguments: object) -> object:
        harness.b.read_one = original  # type: ignore[method-assign]
        await slowly()
        return await original(*arguments)  # type: ignore[arg-type]

    harness.b.read_one = meanwhile  # type: ignore[method-assign,assignment]
    original_read = harness.c.read

    async def slow_read(*arguments: object, **named: object) -> object:
        harness.clock.pass_(seconds=15)
        return await original_read(*arguments, **named)  # type: ignore[arg-type]

    harness.c.read = slow_read  # type: ignore[method-assign,assignment]
    await settle(harness)
    assert harness.a.events[first].value == harness.b.events[second].value == v(15)


# 6 deletes only its own


async def test_a_humans_block_is_carried_and_never_touched(harness: EngineHarness) -> None:
    event = harness.a.human_block("p", v(9))
    await settle(harness)
    assert harness.blocks() == {s: [v(9).interval] for s in "abc"}
    harness.a.move(event, v(12))
    await settle(harness)
    assert harness.blocks() == {s: [v(12).interval] for s in "abc"}
    harness.a.delete(event)
    await settle(harness)
    assert harness.blocks() == {"a": [], "b": [], "c": []}
    assert harness.a.writes == []


# 8 isolated


@pytest.mark.parametrize(
    "fault", [RetryableError("a", "GET /"), UnauthorizedError("a", "GET /", status=401)]
)
async def test_a_system_that_fails_changes_nothing_and_delays_nobody(
    harness: EngineHarness, fault: Exception
) -> None:
    harness.a.book("p", v(9))
    await settle(harness)
    harness.a.faults["read"] = [fault] * 2
    harness.b.book("p", v(12))
    report = await harness.engine.resync()
    assert report.exit is RunExit.UNANSWERED
    assert harness.blocks()["c"] == [v(9).interval, v(12).interval]
    assert harness.blocks()["b"] == [v(9).interval]
    assert harness.blocks()["a"] == []
    harness.a.faults.clear()
    await settle(harness)
    assert harness.blocks()["a"] == [v(12).interval]


# 10 explained by the history


async def test_the_history_shows_what_changed_where_and_by_which_rule(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.a.move(event, v(12))
    await settle(harness)
    booking = harness.store.state("p").bookings[0].id
    told = [(n.what, n.system) for n in reversed(harness.store.history(booking=booking))]
    assert told[:1] == [("seen", "a")]
    assert ("changed", "a") in told
    assert ("agreed", "") in told
    assert ("move-block", "b") in told


# queued writes


async def test_a_queued_move_counts_only_when_a_read_shows_it(harness: EngineHarness) -> None:
    harness.b.capabilities = Capabilities(
        lag=timedelta(0),
        asynchronous=frozenset({Action.MOVE_BLOCK}),
        bulk={Action.MOVE_BLOCK: BulkCall("moves", 50)},
    )
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.b.queued = True
    harness.a.move(event, v(12))
    report = await harness.engine.poll(near=False)
    assert report.pending == 1
    assert not report.converged
    await harness.engine.poll(near=False)
    assert len(harness.b.writes) == 2
    harness.b.run_queue()
    await settle(harness)
    assert harness.blocks()["b"] == [v(12).interval]
    assert len(harness.b.writes) == 2


async def test_a_queued_move_that_never_happens_is_planned_anew_after_ten_minutes(
    harness: EngineHarness,
) -> None:
    harness.b.capabilities = Capabilities(
        lag=timedelta(0),
        asynchronous=frozenset({Action.MOVE_BLOCK}),
        bulk={Action.MOVE_BLOCK: BulkCall("moves", 50)},
    )
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.b.queued = True
    harness.a.move(event, v(12))
    await harness.engine.poll(near=False)
    harness.b.queue.clear()
    harness.b.queued = False
    harness.clock.pass_(minutes=11)
    await settle(harness)
    assert harness.blocks()["b"] == [v(12).interval]


async def test_a_queued_move_out_of_sight_is_asked_for_by_id_and_not_made_twice(
    harness: EngineHarness,
) -> None:
    harness.b.capabilities = Capabilities(
        lag=timedelta(0),
        asynchronous=frozenset({Action.MOVE_BLOCK}),
        bulk={Action.MOVE_BLOCK: BulkCall("moves", 50)},
    )
    event = harness.a.book("p", v(24 * 20))
    await settle(harness)
    harness.b.queued = True
    harness.a.move(event, v(24 * 21))
    await harness.engine.poll(near=False)
    writes = len(harness.b.writes)
    harness.b.run_queue()
    for _ in range(3):
        harness.clock.pass_(minutes=11)
        await harness.engine.poll(near=True)
    assert len(harness.b.writes) == writes
    assert not harness.store.pending_intents()


async def test_changes_are_decided_on_although_the_disk_was_full_for_another_system(
    harness: EngineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await settle(harness)
    harness.a.book("p", v(9))
    apply, full = Store.apply, [True]

    def refused(self: Store, changes: Changes) -> None:
        if changes.coverage and changes.coverage[0].system == "c" and full.pop():
            raise StateError("state.db", "the disk is full", "Free some space.")
        apply(self, changes)

    monkeypatch.setattr(Store, "apply", refused)
    with pytest.raises(StateError):
        await harness.engine.poll(near=False)
    monkeypatch.setattr(Store, "apply", apply)
    await harness.engine.poll(near=False)
    assert harness.blocks()["b"] == [v(9).interval]


# permanent failures


async def test_three_refusals_become_a_held_conflict_and_the_rest_goes_on(
    harness: EngineHarness,
) -> None:
    harness.a.book("p", v(9))
    harness.b.faults["write"] = [RejectedError("b", "POST /", detail="no")] * 9
    for _ in range(5):
        report = await harness.engine.resync()
    assert report.exit is RunExit.CONFLICTS
    assert len(harness.b.faults["write"]) == 6
    assert harness.blocks()["c"] == [v(9).interval]
    kinds = [h.conflict.kind for h in harness.store.open_conflicts()]
    assert kinds == [ConflictKind.QUARANTINED]


async def test_a_read_only_calendar_is_never_written_to(harness: EngineHarness) -> None:
    harness.engine.policy = replace(harness.engine.policy, read_only=frozenset({("p", "b")}))
    harness.a.book("p", v(9))
    await harness.engine.resync()
    assert harness.b.writes == []
    assert harness.blocks()["c"] == [v(9).interval]


async def test_a_status_that_frees_time_frees_the_other_calendars(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.a.move(event, v(9, status=Status.NOSHOW))
    await settle(harness)
    assert harness.blocks()["b"] == []
    harness.a.move(event, v(9, status=Status.SHOWED))
    await settle(harness)
    assert harness.blocks()["b"] == [v(9).interval]
    assert off(9).busy is False
