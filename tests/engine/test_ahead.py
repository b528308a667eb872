"""Test that committing the intents of several writes together loses and doubles nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.cli.run_summary import summary_line
from syncd.engine.report import Remaining, Report
from syncd.engine.writer import JOURNAL_BATCH, MAX_SEND_DELAY, RESTAMP_AFTER
from syncd.model import Action, BulkCall, Changes, Intent, IntentState, Operation
from syncd.store.journal import intents_since
from syncd.systems.port import Capabilities, RateLimitedError, Reply, RetryableError
from tests.core.kit import NOW, v
from tests.engine.conftest import EngineHarness
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


def book_all(harness: EngineHarness, hours: Sequence[int] = HOURS) -> None:
    for hour in hours:
        harness.a.book("p", v(hour))


def journal(harness: EngineHarness, system: str, state: IntentState) -> list[Intent]:
    found = intents_since(harness.store, "p", NOW - timedelta(days=1))
    return [i for i in found if i.operation.system == system and i.state is state]


def intervals(hours: Sequence[int] = HOURS) -> list[object]:
    return [v(hour).interval for hour in hours]


async def test_no_request_leaves_before_its_intent_is_committed(harness: EngineHarness) -> None:
    open_at: list[int] = []
    during_writes(harness.b, lambda _: open_at.append(len(journal(harness, "b", OPEN))))
    book_all(harness, MANY)
    await settle(harness)
    # Ten intents in one transaction, one outcome each, then the remaining three.
    assert open_at == [*range(JOURNAL_BATCH, 0, -1), 3, 2, 1]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", [1, 2, 5])
async def test_a_process_that_dies_among_its_writes_makes_none_twice(
    harness: EngineHarness, at: int, when: str
) -> None:
    await harness.engine.resync()
    book_all(harness)
    during_writes(harness.b, **{when: crash(at)})
    with pytest.raises(Crash):
        await harness.engine.resync()
    undisturbed(harness.b)
    assert len(journal(harness, "b", DONE)) == at - 1
    assert len(journal(harness, "b", OPEN)) == len(HOURS) - at + 1
    harness.restart()
    await settle(harness)
    assert harness.blocks()["b"] == intervals()
    assert len(harness.b.writes) == len(HOURS)
    assert not harness.store.pending_intents()


async def test_a_crash_costs_a_read_for_each_intent_and_these_are_few(
    harness: EngineHarness,
) -> None:
    await harness.engine.resync()
    book_all(harness, range(24, 24 + 4 * JOURNAL_BATCH))
    during_writes(harness.b, crash(1))
    with pytest.raises(Crash):
        await harness.engine.resync()
    undisturbed(harness.b)
    harness.restart()
    reads = harness.b.reads
    await harness.engine.poll(near=False)
    assert harness.b.reads - reads <= JOURNAL_BATCH + 1


@pytest.mark.parametrize(
    "fault",
    [RateLimitedError("b", "POST /", wait=30.0), RetryableError("b", "POST /", detail="refused")],
)
async def test_a_fault_in_the_middle_drops_what_comes_after_it(
    harness: EngineHarness, fault: Exception
) -> None:
    def fail(number: int) -> None:
        if number == 3:
            raise fault

    book_all(harness)
    during_writes(harness.b, fail)
    await harness.engine.poll(near=False)
    assert len(journal(harness, "b", DONE)) == 2
    assert len(journal(harness, "b", DROPPED)) == len(HOURS) - 2
    assert [i.error for i in journal(harness, "b", DROPPED)].count(str(fault)) == 1
    assert not harness.store.pending_intents()
    await settle(harness)
    assert harness.blocks()["b"] == intervals()
    assert len(harness.b.writes) == len(HOURS)


async def test_an_interrupt_drops_intents_that_were_not_sent(harness: EngineHarness) -> None:
    def stop(number: int) -> None:
        if number == 2:
            harness.engine.stopping.set()

    book_all(harness)
    during_writes(harness.b, stop)
    await harness.engine.poll(near=False)
    # The request in flight was completed, and its outcome was stored.
    assert len(journal(harness, "b", DONE)) == len(harness.b.writes) == 2
    assert len(journal(harness, "b", DROPPED)) == len(HOURS) - 2
    assert not harness.store.pending_intents()
    harness.restart()
    await settle(harness)
    assert harness.blocks()["b"] == intervals()
    assert len(harness.b.writes) == len(HOURS)


async def test_an_interrupted_resync_counts_as_unmade_what_a_plan_then_shows(
    harness: EngineHarness,
) -> None:
    def stop(number: int) -> None:
        if number == 2:
            harness.engine.stopping.set()

    book_all(harness)
    during_writes(harness.b, stop)
    report = await harness.engine.resync()
    report.exposures = 0
    harness.restart()
    plan = await harness.engine.resync(dry_run=True)
    assert report.remaining == {Remaining.INTERRUPTED: 1, Remaining.UNMADE: len(plan.planned)}
    assert summary_line(report.remaining, 0).endswith(
        f"left: {len(plan.planned)} writes not made yet (syncd plan)"
    )


async def test_an_unanswered_write_is_counted_apart_from_what_was_not_made(
    harness: EngineHarness,
) -> None:
    book_all(harness)
    harness.b.faults["reply"] = [lost_reply("b")]
    report = Report("r")
    harness.engine.dirty.mark_whole(["p"])
    await harness.engine.cycle(harness.engine.window(near=False), report)
    assert (report.remaining[Remaining.WRITES], report.remaining[Remaining.UNMADE]) == (
        1,
        len(HOURS) - 1,
    )


async def test_nothing_is_written_on_top_of_an_unanswered_write(harness: EngineHarness) -> None:
    book_all(harness)
    harness.a.book("q", v(20))
    harness.b.faults["reply"] = [lost_reply("b")]
    await harness.engine.poll(near=False)
    assert [o.provider for o in harness.b.writes] == ["p", "q"]
    assert len(journal(harness, "b", OPEN)) == 1
    assert len(journal(harness, "b", DROPPED)) == len(HOURS) - 1
    await settle(harness)
    assert harness.blocks()["b"] == intervals()
    assert len(harness.b.writes) == len(HOURS) + 1


async def test_where_lists_may_not_show_blocks_one_write_is_under_way(
    harness: EngineHarness,
) -> None:
    """It is unknown which blocks were created, and each would need a decision by a person."""
    open_at: list[int] = []
    harness.b.capabilities = Capabilities(lag=timedelta(0), lists_blocks=False)
    during_writes(harness.b, lambda _: open_at.append(len(journal(harness, "b", OPEN))))
    book_all(harness)
    await settle(harness)
    assert open_at == [1] * len(HOURS)


async def test_an_intent_that_had_to_wait_is_committed_anew_before_it_is_sent(
    harness: EngineHarness,
) -> None:
    ages: list[timedelta] = []

    async def slow(operations: Sequence[Operation]) -> Reply:
        (sent,) = [i for i in journal(harness, "b", OPEN) if i.operation.key == operations[0].key]
        ages.append(harness.clock.now() - sent.opened_at)
        harness.clock.pass_(seconds=RESTAMP_AFTER.total_seconds() / 2)
        return await FakeSystem.write(harness.b, operations)

    book_all(harness)
    harness.b.write = slow  # type: ignore[method-assign]
    await harness.engine.poll(near=False)
    half = RESTAMP_AFTER / 2
    assert ages == [0 * half, half, 2 * half, 0 * half, 0 * half, 0 * half]


async def test_a_write_cut_off_by_a_crash_has_time_to_leave_and_to_show(
    harness: EngineHarness,
) -> None:
    """It may have waited for the rate limit for as long as a request may wait."""
    lag = timedelta(seconds=30)
    harness.b.capabilities = Capabilities(lag=lag)
    await harness.engine.resync()
    harness.a.book("p", v(9))
    during_writes(harness.b, crash(1))
    with pytest.raises(Crash):
        await harness.engine.poll(near=False)
    undisturbed(harness.b)
    harness.restart()
    harness.clock.pass_(seconds=(lag + MAX_SEND_DELAY).total_seconds() - 1)
    await harness.engine.poll(near=False)
    assert len(journal(harness, "b", OPEN)) == 1
    harness.clock.pass_(seconds=2)
    await harness.engine.poll(near=False)
    assert harness.blocks()["b"] == intervals([9])


async def test_the_lag_of_an_unanswered_write_counts_from_when_it_was_given_up(
    harness: EngineHarness,
) -> None:
    lag = timedelta(seconds=30)
    harness.b.capabilities = Capabilities(lag=lag)
    harness.a.book("p", v(9))

    def long_silence(_number: int) -> None:
        harness.clock.pass_(seconds=120)
        raise lost_reply("b")

    during_writes(harness.b, long_silence)
    await harness.engine.poll(near=False)
    undisturbed(harness.b)
    await harness.engine.poll(near=False)
    assert len(journal(harness, "b", OPEN)) == 1
    assert harness.b.writes == []
    harness.clock.pass_(seconds=31)
    await harness.engine.poll(near=False)
    assert len(harness.b.writes) == 1


async def test_a_whole_bulk_call_is_stored_in_one_transaction(
    harness: EngineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    book_all(harness)
    await settle(harness)
    harness.b.capabilities = Capabilities(
        lag=timedelta(0),
        asynchronous=frozenset({Action.MOVE_BLOCK}),
        bulk_only=frozenset({Action.MOVE_BLOCK}),
        bulk={Action.MOVE_BLOCK: BulkCall("moves", 50)},
    )
    harness.b.queued = True
    for event, held in list(harness.a.events.items()):
        harness.a.move(event, replace(held.value, end=held.value.end + timedelta(minutes=10)))
    told: list[int] = []
    applied = harness.store.apply

    def apply(*steps: Changes) -> None:
        told.append(sum(i.state is IntentState.ACCEPTED for step in steps for i in step.intents))
        applied(*steps)

    monkeypatch.setattr(harness.store, "apply", apply)
    await harness.engine.poll(near=False)
    assert [n for n in told if n] == [len(HOURS)]
