"""Test the promises on systems in memory.

See docs/design.md#promises.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.engine.report.run_report import RunExit
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
from syncd.systems.errors import RejectedError, RetryableError, UnauthorizedError
from syncd.systems.port import Capabilities
from tests.core.kit import off, v
from tests.engine.conftest import Rig
from tests.engine.fakes import FakeSystem, lost_reply


async def settle(rig: Rig, *, unreadable: bool = False, doubles: int = 0) -> None:
    """Sync until nothing is left, and check that another cycle writes nothing.

    ``unreadable`` is the expected number of unreadable records.
    """
    report = await rig.engine.resync()
    needs = doubles or (report.items if unreadable else [])
    assert report.exit is (RunExit.CONFLICTS if needs else RunExit.DONE), report
    assert report.double_bookings == doubles
    before = rig.writes()
    assert (await rig.engine.resync()).converged
    assert rig.writes() == before


# 1 converges, 2 no echo


async def test_a_booking_closes_the_other_systems_and_then_nothing_is_written(rig: Rig) -> None:
    rig.a.book("p", v(9))
    await settle(rig)
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    assert rig.blocks("q") == {"a": [], "b": [], "c": []}
    assert rig.writes() == 2


async def test_a_move_moves_each_block_once(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.a.move(event, v(12))
    await settle(rig)
    assert rig.blocks() == {"a": [], "b": [v(12).interval], "c": [v(12).interval]}
    assert [o.action for o in rig.b.writes] == [Action.CREATE_BLOCK, Action.MOVE_BLOCK]


@pytest.mark.parametrize("end", ["cancel", "delete"])
async def test_a_cancellation_frees_the_other_calendars(rig: Rig, end: str) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    getattr(rig.a, end)(event)
    await settle(rig)
    assert rig.blocks() == {"a": [], "b": [], "c": []}


async def test_a_twin_is_moved_and_no_block_lies_on_top_of_it(rig: Rig) -> None:
    rig.a.customers["ann"] = Person(emails=("ann@example.com",))
    rig.b.customers["7"] = Person(emails=("ann@example.com",))
    first = rig.a.book("p", v(9), "ann")
    second = rig.b.book("p", v(9), "7")
    await settle(rig)
    assert rig.blocks() == {"a": [], "b": [], "c": [v(9).interval]}
    rig.b.move(second, v(12))
    await settle(rig)
    assert rig.a.events[first].value == v(12)
    assert rig.blocks()["c"] == [v(12).interval]


async def test_stripped_keys_make_no_echo(rig: Rig) -> None:
    for system in rig.systems:
        system.strip_keys = True
    rig.a.book("p", v(9))
    await settle(rig)
    assert rig.writes() == 2


async def test_a_removed_block_is_restored_once(rig: Rig) -> None:
    rig.a.book("p", v(9))
    await settle(rig)
    block = next(e for e, h in rig.b.events.items() if h.kind is Kind.BLOCK)
    rig.b.delete(block)
    await settle(rig)
    assert rig.blocks()["b"] == [v(9).interval]
    assert rig.writes() == 3


async def test_a_moved_block_is_put_back(rig: Rig) -> None:
    rig.a.book("p", v(9))
    await settle(rig)
    block = next(e for e, h in rig.b.events.items() if h.kind is Kind.BLOCK)
    rig.b.move(block, v(15))
    await settle(rig)
    assert rig.blocks()["b"] == [v(9).interval]


# 3 no false deletion


@pytest.mark.parametrize("fault", ["hidden", "empty", "incomplete"])
async def test_absence_from_a_list_removes_nothing(rig: Rig, fault: str) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    if fault == "hidden":
        rig.a.hidden.add(event)
    else:
        setattr(rig.a, fault, True)
    for _ in range(3):
        await rig.engine.poll(near=False)
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    assert rig.writes() == 2


async def test_an_end_needs_as_many_proofs_as_the_platform_demands(rig: Rig) -> None:
    weak = Capabilities(lag=timedelta(0), gone_proofs={Kind.APPOINTMENT: 2, Kind.BLOCK: 2})
    rig.a.capabilities = weak
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.a.delete(event)
    await rig.engine.poll(near=False)
    assert rig.blocks()["b"] == [v(9).interval]
    await rig.engine.poll(near=False)
    assert rig.blocks()["b"] == []


async def test_two_doubts_with_a_sighting_between_them_are_no_proof(rig: Rig) -> None:
    rig.a.capabilities = Capabilities(lag=timedelta(0), gone_proofs={Kind.APPOINTMENT: 2})
    event = rig.a.book("p", v(9))
    await settle(rig)
    for _ in range(2):
        lost = rig.a.events.pop(event)
        await rig.engine.poll(near=False)
        assert rig.blocks()["b"] == [v(9).interval]
        rig.a.events[event] = lost
        await rig.engine.poll(near=False)


async def test_an_appointment_outside_of_the_window_that_was_read_is_not_gone(rig: Rig) -> None:
    rig.a.book("p", v(24 * 10))
    await settle(rig)
    report = await rig.engine.poll(near=True)
    assert report.news == 0
    assert rig.blocks()["b"] == [v(24 * 10).interval]


# 4 no duplicate


async def test_a_lost_reply_to_a_create_makes_no_second_block(rig: Rig) -> None:
    rig.a.book("p", v(9))
    rig.b.faults["reply"] = [lost_reply("b")]
    await settle(rig)
    assert rig.blocks()["b"] == [v(9).interval]
    assert len(rig.b.writes) == 1


async def test_a_lost_create_is_found_by_its_interval_where_keys_are_stripped(rig: Rig) -> None:
    rig.b.strip_keys = True
    rig.b.capabilities = replace(rig.b.capabilities, key_survives=False)
    event = rig.a.book("p", v(9))
    rig.b.faults["reply"] = [lost_reply("b")]
    await settle(rig)
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    assert len(rig.b.writes) == 1
    rig.a.delete(event)
    await settle(rig)
    assert rig.blocks() == {"a": [], "b": [], "c": []}


async def test_a_lost_create_that_never_arrived_is_made_again(rig: Rig) -> None:
    rig.a.book("p", v(9))
    rig.b.faults["write"] = [lost_reply("b")]
    await settle(rig)
    assert rig.blocks()["b"] == [v(9).interval]


async def test_a_create_is_not_repeated_before_the_lag_has_passed(rig: Rig) -> None:
    rig.b.capabilities = Capabilities(lag=timedelta(minutes=5))
    rig.a.book("p", v(9))
    rig.b.faults["write"] = [lost_reply("b")]
    await rig.engine.poll(near=False)
    await rig.engine.poll(near=False)
    assert rig.b.writes == []
    rig.clock.pass_(minutes=6)
    await rig.engine.poll(near=False)
    assert rig.blocks()["b"] == [v(9).interval]


async def test_a_crash_between_request_and_commit_is_settled_by_reading(rig: Rig) -> None:
    class Crash(BaseException):
        pass

    await rig.engine.resync()  # In a new calendar, a tagged block is adopted in any case.
    event = rig.a.book("p", v(9))
    original = FakeSystem.write

    async def dies(self: FakeSystem, operations: object) -> object:
        await original(self, operations)  # type: ignore[arg-type]
        raise Crash

    rig.b.write = dies.__get__(rig.b)  # type: ignore[method-assign]
    with pytest.raises(Crash):
        await rig.engine.resync()
    del rig.b.write
    rig.restart()
    await settle(rig)
    assert rig.blocks() == {"a": [], "b": [v(9).interval], "c": [v(9).interval]}
    assert len(rig.b.writes) == 1
    rig.a.delete(event)
    await settle(rig)
    assert rig.blocks() == {"a": [], "b": [], "c": []}


async def test_a_restart_doubles_nothing(rig: Rig) -> None:
    rig.a.book("p", v(9))
    await settle(rig)
    rig.restart()
    await settle(rig)
    assert rig.writes() == 2


# 5 no lost update


async def test_a_target_that_changed_since_the_read_is_not_overwritten(rig: Rig) -> None:
    rig.a.customers["ann"] = rig.b.customers["7"] = Person(emails=("ann@example.com",))
    first = rig.a.book("p", v(9), "ann")
    second = rig.b.book("p", v(9), "7")
    await settle(rig)
    rig.a.move(first, v(12))

    async def slowly() -> None:
        rig.clock.pass_(seconds=20)
        rig.b.move(second, v(15))

    original = rig.b.read_one

    async def meanwhile(*arguments: object) -> object:
        rig.b.read_one = original  # type: ignore[method-assign]
        await slowly()
        return await original(*arguments)  # type: ignore[arg-type]

    rig.b.read_one = meanwhile  # type: ignore[method-assign,assignment]
    original_read = rig.c.read

    async def slow_read(*arguments: object, **named: object) -> object:
        rig.clock.pass_(seconds=15)
        return await original_read(*arguments, **named)  # type: ignore[arg-type]

    rig.c.read = slow_read  # type: ignore[method-assign,assignment]
    await settle(rig)
    assert rig.a.events[first].value == rig.b.events[second].value == v(15)


# 6 deletes only its own


async def test_a_humans_block_is_carried_and_never_touched(rig: Rig) -> None:
    event = rig.a.human_block("p", v(9))
    await settle(rig)
    assert rig.blocks() == {s: [v(9).interval] for s in "abc"}
    rig.a.move(event, v(12))
    await settle(rig)
    assert rig.blocks() == {s: [v(12).interval] for s in "abc"}
    rig.a.delete(event)
    await settle(rig)
    assert rig.blocks() == {"a": [], "b": [], "c": []}
    assert rig.a.writes == []


# 8 isolated


@pytest.mark.parametrize(
    "fault", [RetryableError("a", "GET /"), UnauthorizedError("a", "GET /", status=401)]
)
async def test_a_system_that_fails_changes_nothing_and_delays_nobody(
    rig: Rig, fault: Exception
) -> None:
    rig.a.book("p", v(9))
    await settle(rig)
    rig.a.faults["read"] = [fault] * 2
    rig.b.book("p", v(12))
    report = await rig.engine.resync()
    assert report.exit is RunExit.UNANSWERED
    assert rig.blocks()["c"] == [v(9).interval, v(12).interval]
    assert rig.blocks()["b"] == [v(9).interval]
    assert rig.blocks()["a"] == []
    rig.a.faults.clear()
    await settle(rig)
    assert rig.blocks()["a"] == [v(12).interval]


# 10 explained by the history


async def test_the_history_shows_what_changed_where_and_by_which_rule(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.a.move(event, v(12))
    await settle(rig)
    booking = rig.store.state("p").bookings[0].id
    told = [(n.what, n.system) for n in reversed(rig.store.history(booking=booking))]
    assert told[:1] == [("seen", "a")]
    assert ("changed", "a") in told
    assert ("agreed", "") in told
    assert ("move-block", "b") in told


# queued writes


async def test_a_queued_move_counts_only_when_a_read_shows_it(rig: Rig) -> None:
    rig.b.capabilities = Capabilities(
        lag=timedelta(0),
        asynchronous=frozenset({Action.MOVE_BLOCK}),
        bulk={Action.MOVE_BLOCK: BulkCall("moves", 50)},
    )
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.b.queued = True
    rig.a.move(event, v(12))
    report = await rig.engine.poll(near=False)
    assert report.pending == 1
    assert not report.converged
    await rig.engine.poll(near=False)
    assert len(rig.b.writes) == 2
    rig.b.run_queue()
    await settle(rig)
    assert rig.blocks()["b"] == [v(12).interval]
    assert len(rig.b.writes) == 2


async def test_a_queued_move_that_never_happens_is_planned_anew_after_ten_minutes(
    rig: Rig,
) -> None:
    rig.b.capabilities = Capabilities(
        lag=timedelta(0),
        asynchronous=frozenset({Action.MOVE_BLOCK}),
        bulk={Action.MOVE_BLOCK: BulkCall("moves", 50)},
    )
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.b.queued = True
    rig.a.move(event, v(12))
    await rig.engine.poll(near=False)
    rig.b.queue.clear()
    rig.b.queued = False
    rig.clock.pass_(minutes=11)
    await settle(rig)
    assert rig.blocks()["b"] == [v(12).interval]


async def test_a_queued_move_out_of_sight_is_asked_for_by_id_and_not_made_twice(
    rig: Rig,
) -> None:
    rig.b.capabilities = Capabilities(
        lag=timedelta(0),
        asynchronous=frozenset({Action.MOVE_BLOCK}),
        bulk={Action.MOVE_BLOCK: BulkCall("moves", 50)},
    )
    event = rig.a.book("p", v(24 * 20))
    await settle(rig)
    rig.b.queued = True
    rig.a.move(event, v(24 * 21))
    await rig.engine.poll(near=False)
    writes = len(rig.b.writes)
    rig.b.run_queue()
    for _ in range(3):
        rig.clock.pass_(minutes=11)
        await rig.engine.poll(near=True)
    assert len(rig.b.writes) == writes
    assert not rig.store.pending_intents()


async def test_changes_are_decided_on_although_the_disk_was_full_for_another_system(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await settle(rig)
    rig.a.book("p", v(9))
    apply, full = Store.apply, [True]

    def refused(self: Store, changes: Changes) -> None:
        if changes.coverage and changes.coverage[0].system == "c" and full.pop():
            raise StateError("state.db", "the disk is full", "Free some space.")
        apply(self, changes)

    monkeypatch.setattr(Store, "apply", refused)
    with pytest.raises(StateError):
        await rig.engine.poll(near=False)
    monkeypatch.setattr(Store, "apply", apply)
    await rig.engine.poll(near=False)
    assert rig.blocks()["b"] == [v(9).interval]


# permanent failures


async def test_three_refusals_become_a_held_conflict_and_the_rest_goes_on(rig: Rig) -> None:
    rig.a.book("p", v(9))
    rig.b.faults["write"] = [RejectedError("b", "POST /", detail="no")] * 9
    for _ in range(5):
        report = await rig.engine.resync()
    assert report.exit is RunExit.CONFLICTS
    assert len(rig.b.faults["write"]) == 6
    assert rig.blocks()["c"] == [v(9).interval]
    kinds = [h.conflict.kind for h in rig.store.open_conflicts()]
    assert kinds == [ConflictKind.QUARANTINED]


async def test_a_read_only_calendar_is_never_written_to(rig: Rig) -> None:
    rig.engine.policy = replace(rig.engine.policy, read_only=frozenset({("p", "b")}))
    rig.a.book("p", v(9))
    await rig.engine.resync()
    assert rig.b.writes == []
    assert rig.blocks()["c"] == [v(9).interval]


async def test_a_status_that_frees_time_frees_the_other_calendars(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.a.move(event, v(9, status=Status.NOSHOW))
    await settle(rig)
    assert rig.blocks()["b"] == []
    rig.a.move(event, v(9, status=Status.SHOWED))
    await settle(rig)
    assert rig.blocks()["b"] == [v(9).interval]
    assert off(9).busy is False
