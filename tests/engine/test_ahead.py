"""Test that committing the intents of several writes together loses and doubles nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.cli.run_summary import summary_line
from syncd.engine.cycle import cycle as run_cycle
from syncd.engine.report.run_report import Remaining, Report
from syncd.engine.writing.writer import JOURNAL_BATCH, MAX_SEND_DELAY, RESTAMP_AFTER
from syncd.model import Action, BulkCall, Changes, Intent, IntentState, Operation
from syncd.store.repository.journal import intents_since
from syncd.systems.errors import RateLimitedError, RetryableError
from syncd.systems.port import Capabilities
from syncd.systems.replies import Reply
from tests.core.kit import NOW, v
from tests.engine.conftest import Rig
from tests.engine.fakes import FakeSystem, lost_reply
from tests.engine.test_promises import settle

HOURS = range(9, 15)
MANY = range(24, 24 + JOURNAL_BATCH + 3)

OPEN, DONE, DROPPED = IntentState.OPEN, IntentState.DONE, IntentState.DROPPED

Act = Callable[[int], None]


class Crash(BaseException):
    """Simulate the end of the process."""


def nothing(_number: int) -> None:
    """Do nothing."""


def crash(at: int) -> Act:
    def act(number: int) -> None:
        if number == at:
            raise Crash

    return act


def during_writes(system: FakeSystem, before: Act = nothing, after: Act = nothing) -> None:
    """Run a hook before and after the effect of each write; writes are counted from 1."""
    count = 0

    async def write(operations: Sequence[Operation]) -> Reply:
        nonlocal count
        count += 1
        before(count)
        reply = await FakeSystem.write(system, operations)
        after(count)
        return reply

    system.write = write  # type: ignore[method-assign]


def undisturbed(system: FakeSystem) -> None:
    del system.write


def book_all(rig: Rig, hours: Sequence[int] = HOURS) -> None:
    for hour in hours:
        rig.a.book("p", v(hour))


def journal(rig: Rig, system: str, state: IntentState) -> list[Intent]:
    found = intents_since(rig.store, "p", NOW - timedelta(days=1))
    return [i for i in found if i.operation.system == system and i.state is state]


def intervals(hours: Sequence[int] = HOURS) -> list[object]:
    return [v(hour).interval for hour in hours]


async def test_no_request_leaves_before_its_intent_is_committed(rig: Rig) -> None:
    open_at: list[int] = []
    during_writes(rig.b, lambda _: open_at.append(len(journal(rig, "b", OPEN))))
    book_all(rig, MANY)
    await settle(rig)
    # Ten intents in one transaction, one outcome each, then the remaining three.
    assert open_at == [*range(JOURNAL_BATCH, 0, -1), 3, 2, 1]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", [1, 2, 5])
async def test_a_process_that_dies_among_its_writes_makes_none_twice(
    rig: Rig, at: int, when: str
) -> None:
    await rig.engine.resync()
    book_all(rig)
    during_writes(rig.b, **{when: crash(at)})
    with pytest.raises(Crash):
        await rig.engine.resync()
    undisturbed(rig.b)
    assert len(journal(rig, "b", DONE)) == at - 1
    assert len(journal(rig, "b", OPEN)) == len(HOURS) - at + 1
    rig.restart()
    await settle(rig)
    assert rig.blocks()["b"] == intervals()
    assert len(rig.b.writes) == len(HOURS)
    assert not rig.store.pending_intents()


async def test_a_crash_costs_a_read_for_each_intent_and_these_are_few(rig: Rig) -> None:
    await rig.engine.resync()
    book_all(rig, range(24, 24 + 4 * JOURNAL_BATCH))
    during_writes(rig.b, crash(1))
    with pytest.raises(Crash):
        await rig.engine.resync()
    undisturbed(rig.b)
    rig.restart()
    reads = rig.b.reads
    await rig.engine.poll(near=False)
    assert rig.b.reads - reads <= JOURNAL_BATCH + 1


@pytest.mark.parametrize(
    "fault",
    [RateLimitedError("b", "POST /", wait=30.0), RetryableError("b", "POST /", detail="refused")],
)
async def test_a_fault_in_the_middle_drops_what_comes_after_it(rig: Rig, fault: Exception) -> None:
    def fail(number: int) -> None:
        if number == 3:
            raise fault

    book_all(rig)
    during_writes(rig.b, fail)
    await rig.engine.poll(near=False)
    assert len(journal(rig, "b", DONE)) == 2
    assert len(journal(rig, "b", DROPPED)) == len(HOURS) - 2
    assert [i.error for i in journal(rig, "b", DROPPED)].count(str(fault)) == 1
    assert not rig.store.pending_intents()
    await settle(rig)
    assert rig.blocks()["b"] == intervals()
    assert len(rig.b.writes) == len(HOURS)


async def test_an_interrupt_drops_intents_that_were_not_sent(rig: Rig) -> None:
    def stop(number: int) -> None:
        if number == 2:
            rig.engine.stopping.set()

    book_all(rig)
    during_writes(rig.b, stop)
    await rig.engine.poll(near=False)
    # The request in flight was completed, and its outcome was stored.
    assert len(journal(rig, "b", DONE)) == len(rig.b.writes) == 2
    assert len(journal(rig, "b", DROPPED)) == len(HOURS) - 2
    assert not rig.store.pending_intents()
    rig.restart()
    await settle(rig)
    assert rig.blocks()["b"] == intervals()
    assert len(rig.b.writes) == len(HOURS)


async def test_an_interrupted_resync_counts_as_unmade_what_a_plan_then_shows(rig: Rig) -> None:
    def stop(number: int) -> None:
        if number == 2:
            rig.engine.stopping.set()

    book_all(rig)
    during_writes(rig.b, stop)
    report = await rig.engine.resync()
    report.exposures = 0
    rig.restart()
    plan = await rig.engine.resync(dry_run=True)
    assert report.remaining == {Remaining.INTERRUPTED: 1, Remaining.UNMADE: len(plan.planned)}
    assert summary_line(report.remaining, 0).endswith(
        f"left: {len(plan.planned)} writes not made yet (syncd plan)"
    )


async def test_an_unanswered_write_is_counted_apart_from_what_was_not_made(rig: Rig) -> None:
    book_all(rig)
    rig.b.faults["reply"] = [lost_reply("b")]
    report = Report("r")
    rig.engine.dirty.mark_whole(["p"])
    await run_cycle(rig.engine, rig.engine.window(near=False), report)
    assert (report.remaining[Remaining.WRITES], report.remaining[Remaining.UNMADE]) == (
        1,
        len(HOURS) - 1,
    )


async def test_nothing_is_written_on_top_of_an_unanswered_write(rig: Rig) -> None:
    book_all(rig)
    rig.a.book("q", v(20))
    rig.b.faults["reply"] = [lost_reply("b")]
    await rig.engine.poll(near=False)
    assert [o.provider for o in rig.b.writes] == ["p", "q"]
    assert len(journal(rig, "b", OPEN)) == 1
    assert len(journal(rig, "b", DROPPED)) == len(HOURS) - 1
    await settle(rig)
    assert rig.blocks()["b"] == intervals()
    assert len(rig.b.writes) == len(HOURS) + 1


async def test_where_lists_may_not_show_blocks_one_write_is_under_way(rig: Rig) -> None:
    """It is unknown which blocks were created, and each would need a decision by a person."""
    open_at: list[int] = []
    rig.b.capabilities = Capabilities(lag=timedelta(0), lists_blocks=False)
    during_writes(rig.b, lambda _: open_at.append(len(journal(rig, "b", OPEN))))
    book_all(rig)
    await settle(rig)
    assert open_at == [1] * len(HOURS)


async def test_an_intent_that_had_to_wait_is_committed_anew_before_it_is_sent(rig: Rig) -> None:
    ages: list[timedelta] = []

    async def slow(operations: Sequence[Operation]) -> Reply:
        (sent,) = [i for i in journal(rig, "b", OPEN) if i.operation.key == operations[0].key]
        ages.append(rig.clock.now() - sent.opened_at)
        rig.clock.pass_(seconds=RESTAMP_AFTER.total_seconds() / 2)
        return await FakeSystem.write(rig.b, operations)

    book_all(rig)
    rig.b.write = slow  # type: ignore[method-assign]
    await rig.engine.poll(near=False)
    half = RESTAMP_AFTER / 2
    assert ages == [0 * half, half, 2 * half, 0 * half, 0 * half, 0 * half]


async def test_a_write_cut_off_by_a_crash_has_time_to_leave_and_to_show(rig: Rig) -> None:
    """It may have waited for the rate limit for as long as a request may wait."""
    lag = timedelta(seconds=30)
    rig.b.capabilities = Capabilities(lag=lag)
    await rig.engine.resync()
    rig.a.book("p", v(9))
    during_writes(rig.b, crash(1))
    with pytest.raises(Crash):
        await rig.engine.poll(near=False)
    undisturbed(rig.b)
    rig.restart()
    rig.clock.pass_(seconds=(lag + MAX_SEND_DELAY).total_seconds() - 1)
    await rig.engine.poll(near=False)
    assert len(journal(rig, "b", OPEN)) == 1
    rig.clock.pass_(seconds=2)
    await rig.engine.poll(near=False)
    assert rig.blocks()["b"] == intervals([9])


async def test_the_lag_of_an_unanswered_write_counts_from_when_it_was_given_up(rig: Rig) -> None:
    lag = timedelta(seconds=30)
    rig.b.capabilities = Capabilities(lag=lag)
    rig.a.book("p", v(9))

    def long_silence(_number: int) -> None:
        rig.clock.pass_(seconds=120)
        raise lost_reply("b")

    during_writes(rig.b, long_silence)
    await rig.engine.poll(near=False)
    undisturbed(rig.b)
    await rig.engine.poll(near=False)
    assert len(journal(rig, "b", OPEN)) == 1
    assert rig.b.writes == []
    rig.clock.pass_(seconds=31)
    await rig.engine.poll(near=False)
    assert len(rig.b.writes) == 1


async def test_a_whole_bulk_call_is_stored_in_one_transaction(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    book_all(rig)
    await settle(rig)
    rig.b.capabilities = Capabilities(
        lag=timedelta(0),
        asynchronous=frozenset({Action.MOVE_BLOCK}),
        bulk_only=frozenset({Action.MOVE_BLOCK}),
        bulk={Action.MOVE_BLOCK: BulkCall("moves", 50)},
    )
    rig.b.queued = True
    for event, held in list(rig.a.events.items()):
        rig.a.move(event, replace(held.value, end=held.value.end + timedelta(minutes=10)))
    told: list[int] = []
    applied = rig.store.apply

    def apply(*steps: Changes) -> None:
        told.append(sum(i.state is IntentState.ACCEPTED for step in steps for i in step.intents))
        applied(*steps)

    monkeypatch.setattr(rig.store, "apply", apply)
    await rig.engine.poll(near=False)
    assert [n for n in told if n] == [len(HOURS)]
