"""Writes that cannot be made now wait: they are reported, stored and logged."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from time import perf_counter
from typing import Any

import pytest
from structlog.testing import capture_logs

from syncd.core.inputs import GuardLimits
from syncd.core.reconcile import Decision
from syncd.core.rules import Rules
from syncd.engine.cycle import Engine
from syncd.engine.policy import EnginePolicy
from syncd.engine.report import Remaining, RunExit, SystemStatus
from syncd.engine.resource_blocks import ResourceBlocks
from syncd.engine.resource_sources import ResourceSources
from syncd.model import (
    Action,
    BlockTarget,
    Changes,
    Kind,
    Operation,
    Person,
    Status,
    Waiting,
    WaitReason,
)
from syncd.store.waiting import waiting_writes
from syncd.systems.port import PlatformError, RateLimitedError, RetryableError, UnauthorizedError
from tests.core.kit import SYSTEMS, v
from tests.engine.conftest import EngineHarness, make_engine
from tests.engine.fakes import Held, lost_reply

MANY = 200


def stop_writes(harness: EngineHarness, system: str, why: WaitReason | None) -> None:
    """Disable or enable writes to a system."""
    harness.engine.why_suspended = lambda name: why if name == system else None


def waits(harness: EngineHarness) -> list[tuple[str, str, WaitReason]]:
    return [(w.system, w.action, w.why) for w in waiting_writes(harness.store)]


def book_twins(harness: EngineHarness, hour: float) -> tuple[str, str]:
    """Book one meeting of p in a and b."""
    ann = Person(emails=("ann@example.com",))
    harness.a.persons["ann"] = harness.b.persons["7"] = ann
    return harness.a.book("p", v(hour), "ann"), harness.b.book("p", v(hour), "7")


def lines(logs: Sequence[Mapping[str, Any]]) -> list[tuple[object, ...]]:
    return [
        (line["event"], line["system"], line["reason"], line["writes"])
        for line in logs
        if str(line["event"]).startswith("writes wait")
    ]


@pytest.mark.parametrize("why", [WaitReason.NO_ACCESS, WaitReason.RATE_LIMITED])
async def test_blocks_that_cannot_be_written_wait_until_they_can(
    harness: EngineHarness, why: WaitReason
) -> None:
    stop_writes(harness, "b", why)
    harness.a.book("p", v(9))
    report = await harness.engine.resync()
    assert [(w.operation.system, w.operation.action, w.why) for w in report.waiting] == [
        ("b", Action.CREATE_BLOCK, why)
    ]
    assert (report.converged, report.exit) == (False, RunExit.UNANSWERED)
    assert waits(harness) == [("b", "create-block", why)]
    stop_writes(harness, "b", None)
    report = await harness.engine.resync()
    assert (report.exit, waits(harness)) == (RunExit.DONE, [])
    assert harness.b.blocks() == [v(9).interval]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (UnauthorizedError("b", "POST /", status=403), WaitReason.NO_ACCESS),
        (RateLimitedError("b", "POST /", wait=60), WaitReason.RATE_LIMITED),
        (RetryableError("b", "POST /", status=503), WaitReason.UNANSWERED),
    ],
)
async def test_a_write_refused_in_the_middle_of_a_run_makes_the_rest_wait(
    harness: EngineHarness, fault: PlatformError, why: WaitReason
) -> None:
    for hour in (9, 10, 11):
        harness.a.book("p", v(hour))
    harness.b.faults["write"] = [fault] * MANY
    report = await harness.engine.poll(near=False)
    assert {w.why for w in report.waiting} == {why}
    assert (len(report.waiting), report.exit) == (3, RunExit.UNANSWERED)
    # A rate limit stops reads, too; with other faults only writes wait.
    assert report.remaining.get(Remaining.SYSTEMS, 0) == (why is WaitReason.RATE_LIMITED)
    harness.b.faults.clear()
    assert (await harness.engine.resync()).exit is RunExit.DONE


async def test_moves_and_statuses_of_a_twin_wait_as_blocks_do(harness: EngineHarness) -> None:
    pairs = [book_twins(harness, hour) for hour in (9, 12)]
    (moved, twin), (cancelled, other) = pairs
    await harness.engine.resync()
    assert len(harness.store.bookings()) == 2
    stop_writes(harness, "b", WaitReason.NO_ACCESS)
    harness.a.move(moved, v(15))
    harness.a.cancel(cancelled)
    report = await harness.engine.resync()
    found = {(w.operation.system, w.operation.action) for w in report.waiting}
    assert found == {("b", Action.MOVE_APPOINTMENT), ("b", Action.SET_STATUS)}
    assert [harness.b.events[e].value for e in (twin, other)] == [v(9), v(12)]
    stop_writes(harness, "b", None)
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert harness.b.events[twin].value == v(15)
    assert harness.b.events[other].value.status is Status.CANCELLED


async def test_writes_that_the_configuration_forbids_do_not_wait(harness: EngineHarness) -> None:
    stop_writes(harness, "b", WaitReason.NO_ACCESS)
    policy = EnginePolicy(
        rules={p: Rules(prefer=SYSTEMS) for p in "pq"},
        limits=GuardLimits(),
        read_only=frozenset({("p", "b")}),
    )
    harness.engine.policy = policy
    harness.a.book("p", v(9))
    report = await harness.engine.resync()
    assert (report.exit, report.waiting) == (RunExit.DONE, [])


async def test_writes_to_an_unanswering_system_wait(harness: EngineHarness) -> None:
    harness.c.faults["read"] = [RetryableError("c", "GET /", status=500)] * MANY
    harness.a.book("p", v(9))
    report = await harness.engine.resync()
    assert [(w.operation.system, w.why) for w in report.waiting] == [("c", WaitReason.UNANSWERED)]


async def test_writes_to_a_calendar_that_was_never_read_wait(harness: EngineHarness) -> None:
    harness.c.faults["read"] = [RetryableError("c", "GET /", status=500)] * MANY
    harness.a.book("q", v(9))
    harness.a.book("p", v(9))
    await harness.engine.resync()
    harness.c.faults.clear()
    harness.c.missing = {"p"}
    report = await harness.engine.resync()
    assert [(w.operation.system, w.why) for w in report.waiting] == [("c", WaitReason.NOT_READ)]
    assert report.exit is RunExit.UNANSWERED
    assert harness.c.blocks() == [v(9).interval]


async def test_equipment_of_unknown_number_waits_for_its_count(harness: EngineHarness) -> None:
    harness.engine.policy = replace(harness.engine.policy, resources={"p": "a"})
    harness.b.book("p", v(9))
    report = await harness.engine.resync()
    assert {(w.operation.system, w.why) for w in report.waiting} == {("c", WaitReason.UNITS)}
    harness.engine.resources.quantities["p"] = 1
    assert (await harness.engine.resync()).exit is RunExit.DONE


class _Silent:
    """A location whose block targets cannot be read."""

    name = "a"

    async def block_targets(self, also: Collection[str]) -> Sequence[BlockTarget]:
        raise UnauthorizedError("a", f"rooms of {sorted(also)}", status=403)


async def test_unknown_rooms_are_not_reported_as_in_sync(harness: EngineHarness) -> None:
    harness.engine.resources = ResourceSources(
        (ResourceBlocks(_Silent(), harness.store, harness.clock),)
    )
    report = await harness.engine.resync()
    assert (report.exit, report.systems["a"].state) == (RunExit.UNANSWERED, SystemStatus.DOWN)
    assert "rooms" in report.systems["a"].cause


async def test_writes_on_top_of_one_of_unknown_outcome_wait(harness: EngineHarness) -> None:
    harness.b.capabilities = replace(harness.b.capabilities, lag=timedelta(minutes=5))
    for hour in (9, 12):
        harness.a.book("p", v(hour))
    harness.b.faults["reply"] = [lost_reply("b")]
    harness.b.hidden = {"b0"}
    await harness.engine.poll(near=False)
    report = await harness.engine.poll(near=False)
    assert {w.why for w in report.waiting} == {WaitReason.UNSETTLED}
    harness.b.hidden = set()
    harness.clock.pass_(minutes=10)
    assert (await harness.engine.resync()).exit is RunExit.DONE


async def test_waiting_is_logged_once_when_it_begins_and_once_when_it_ends(
    harness: EngineHarness,
) -> None:
    stop_writes(harness, "b", WaitReason.NO_ACCESS)
    for hour in (9, 10, 11):
        harness.a.book("p", v(hour))
    with capture_logs() as logs:
        for _ in range(3):
            await harness.engine.poll(near=False)
        harness.a.book("q", v(9))
        await harness.engine.poll(near=False)
        harness.restart()
        stop_writes(harness, "b", WaitReason.NO_ACCESS)
        await harness.engine.poll(near=False)
        stop_writes(harness, "b", None)
        await harness.engine.poll(near=False)
    assert lines(logs) == [
        ("writes wait", "b", "no_access", 3),
        ("writes wait no longer", "b", "no_access", 4),
    ]


async def test_a_refused_retry_neither_ends_nor_begins_the_waiting(harness: EngineHarness) -> None:
    stop_writes(harness, "b", WaitReason.NO_ACCESS)
    harness.a.book("p", v(9))
    with capture_logs() as logs:
        await harness.engine.poll(near=False)
        since = waiting_writes(harness.store)[0].since
        harness.clock.pass_(minutes=15)
        stop_writes(harness, "b", None)
        harness.b.faults["write"] = [UnauthorizedError("b", "POST /", status=403)]
        await harness.engine.poll(near=False)
        stop_writes(harness, "b", WaitReason.NO_ACCESS)
        await harness.engine.poll(near=False)
    assert lines(logs) == [("writes wait", "b", "no_access", 1)]
    assert waiting_writes(harness.store)[0].since == since


async def test_a_quiet_cycle_with_unchanged_waiting_writes_stores_nothing(
    harness: EngineHarness,
) -> None:
    stop_writes(harness, "b", WaitReason.NO_ACCESS)
    for hour in range(7, 19):
        harness.a.book("p", v(hour))
    await harness.engine.resync()
    await harness.engine.poll(near=True)

    def rows() -> str:
        with closing(sqlite3.connect(harness.path)) as state:
            kept = (line for line in state.iterdump() if '"coverage"' not in line)
            return "\n".join(kept)

    before = rows()
    for _ in range(3):
        harness.clock.pass_(seconds=60)
        assert len((await harness.engine.poll(near=True)).waiting) == 12
    assert rows() == before


async def test_thousands_of_unchanged_waiting_writes_cost_a_cycle_next_to_nothing(
    harness: EngineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def waiting() -> tuple[Waiting, ...]:
        operations = (
            Operation(Action.CREATE_BLOCK, "b", "p", Kind.BLOCK, None, None, v(9 + number))
            for number in range(5_000)
        )
        return tuple(Waiting(operation, WaitReason.NO_ACCESS) for operation in operations)

    decision, book = Decision(Changes(), (), (), 0), harness.engine.waiting
    mapped = {("p", "b")}
    book.update({"p": replace(decision, waiting=waiting())}, [])
    book.save(mapped, harness.clock.now())
    monkeypatch.setattr("syncd.engine.waiting_writes.write_order.operation_key", None)
    monkeypatch.setattr("syncd.engine.waiting_writes.save_waiting", None)
    again = replace(decision, waiting=waiting())
    began = perf_counter()
    book.update({"p": again}, [])
    book.save(mapped, harness.clock.now())
    assert perf_counter() - began < 0.1


async def test_a_run_keeps_a_hundred_of_the_waiting_writes_at_most(harness: EngineHarness) -> None:
    stop_writes(harness, "b", WaitReason.NO_ACCESS)
    for number in range(130):
        value = v(9 + number)
        harness.a.events[f"m{number}"] = Held("p", Kind.APPOINTMENT, value, "ann@example.com")
    report = await harness.engine.resync()
    run = harness.store.run(report.run)
    assert run is not None
    assert run.report is not None
    assert (len(report.waiting), len(waiting_writes(harness.store))) == (130, 130)
    assert (len(run.report["waiting"]), len(json.dumps(run.report)) < 40_000) == (100, True)


async def test_waiting_writes_of_an_unmapped_calendar_are_removed(harness: EngineHarness) -> None:
    stop_writes(harness, "b", WaitReason.NO_ACCESS)
    harness.a.book("p", v(9))
    await harness.engine.resync()
    assert len(waits(harness)) == 1
    harness.restart()
    harness.engine = _without(harness, "b")
    await harness.engine.resync()
    assert waits(harness) == []


def _without(harness: EngineHarness, system: str) -> Engine:
    engine = make_engine(harness.store, harness.clock, harness.systems, harness.rows)
    rest = tuple(name for name in SYSTEMS if name != system)
    engine.systems = {s.name: s for s in harness.systems if s.name != system}
    engine.mapping = dict.fromkeys("pq", rest)
    return engine


# --- the clock of this machine --------------------------------------------------------------------


def set_clocks(harness: EngineHarness, **minutes: float) -> None:
    """Set the clock skew of platforms against this machine."""
    for system in harness.systems:
        ahead = minutes.get(system.name)
        system.skew = None if ahead is None else timedelta(minutes=ahead)


async def free_some(harness: EngineHarness) -> None:
    """Cancel meetings, so that a block must be removed and a twin cancelled."""
    lone, (origin, _) = harness.a.book("p", v(9)), book_twins(harness, 12)
    await harness.engine.resync()
    harness.a.delete(lone)
    harness.a.cancel(origin)


@pytest.mark.parametrize(
    ("clocks", "wrong"),
    [
        ({"a": 6, "b": 6, "c": 6}, True),
        ({"a": -6, "b": -6.5}, True),
        ({"a": 0, "b": 12, "c": 13}, True),
        ({"a": 0, "b": 0, "c": 12}, False),
        ({"a": 12}, False),
        ({"a": 12, "b": -12, "c": 0}, False),
        ({"a": 12, "b": 40}, False),
        ({"a": 4.5, "b": 4.5, "c": 4.5}, False),
        ({}, False),
    ],
)
async def test_nothing_is_freed_while_two_platforms_say_that_the_clock_is_wrong(
    harness: EngineHarness, clocks: dict[str, float], wrong: bool
) -> None:
    await free_some(harness)
    set_clocks(harness, **clocks)
    harness.c.book("q", v(15))
    report = await harness.engine.resync()
    held = {(w.operation.action, w.why) for w in report.waiting}
    expected = {Action.REMOVE_BLOCK, Action.SET_STATUS} if wrong else set()
    assert held == {(action, WaitReason.CLOCK) for action in expected}
    assert bool(report.clock_error) is wrong
    # New busy time is blocked nevertheless.
    assert harness.a.blocks("q") == [v(15).interval]
    set_clocks(harness, a=0, b=0, c=0)
    report = await harness.engine.resync()
    assert (report.exit, report.waiting, report.clock_error) == (RunExit.DONE, [], timedelta(0))


async def test_two_accounts_of_one_platform_are_one_clock(harness: EngineHarness) -> None:
    harness.engine.policy = replace(harness.engine.policy, clocks={"a": "x", "b": "x", "c": "y"})
    await free_some(harness)
    set_clocks(harness, a=12, b=12, c=0)
    assert (await harness.engine.resync()).exit is RunExit.DONE


async def test_a_wrong_clock_stays_known_while_only_one_platform_answers(
    harness: EngineHarness,
) -> None:
    await free_some(harness)
    set_clocks(harness, a=12, b=12)
    await harness.engine.resync()
    harness.restart()
    harness.b.faults["read"] = [RetryableError("b", "GET /", status=500)] * MANY
    report = await harness.engine.resync()
    assert report.clock_error == timedelta(minutes=12)
    set_clocks(harness, a=0, b=12)
    assert (await harness.engine.resync()).clock_error == timedelta(0)


async def test_with_a_clock_that_is_ahead_a_meeting_of_today_is_still_closed(
    harness: EngineHarness,
) -> None:
    harness.clock.pass_(days=3)
    set_clocks(harness, a=-3 * 24 * 60, b=-3 * 24 * 60, c=-3 * 24 * 60)
    harness.a.book("p", v(9))
    with capture_logs() as logs:
        report = await harness.engine.resync()
        await harness.engine.resync()
    assert (harness.b.blocks(), harness.c.blocks()) == ([v(9).interval], [v(9).interval])
    assert report.exit is RunExit.DONE
    assert [line["event"] for line in logs if "clock" in line["event"]] == [
        "this machine's clock is wrong"
    ]


async def test_a_clock_that_was_set_back_by_decades_forgets_no_booking(
    harness: EngineHarness,
) -> None:
    harness.a.book("p", v(9))
    await harness.engine.resync()
    writes, bookings = harness.writes(), {b.id for b in harness.store.bookings()}
    right = harness.clock.time
    harness.restart()
    harness.clock.time = right.replace(year=1971)
    await harness.engine.resync()
    harness.clock.time = right
    report = await harness.engine.resync()
    assert (report.exit, harness.writes()) == (RunExit.DONE, writes)
    assert {b.id for b in harness.store.bookings()} == bookings


async def test_with_a_clock_that_is_behind_the_far_end_of_the_window_is_read(
    harness: EngineHarness,
) -> None:
    harness.clock.pass_(days=-30)
    set_clocks(harness, a=30 * 24 * 60, b=30 * 24 * 60, c=30 * 24 * 60)
    harness.a.book("p", v(24 * 50))
    await harness.engine.resync()
    assert harness.b.blocks() == [v(24 * 50).interval]
