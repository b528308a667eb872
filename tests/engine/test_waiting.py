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

from syncd.core.decision import Decision
from syncd.core.inputs import GuardLimits
from syncd.core.merging.rules import Rules
from syncd.engine.engine import Engine
from syncd.engine.policy import EnginePolicy
from syncd.engine.report.run_report import Remaining, RunExit, SystemStatus
from syncd.engine.resources.blocks import ResourceBlocks
from syncd.engine.resources.sources import ResourceSources
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
from syncd.store.queries.waiting import waiting_writes
from syncd.systems.errors import PlatformError, RateLimitedError, RetryableError, UnauthorizedError
from tests.core.kit import SYSTEMS, v
from tests.engine.conftest import Rig, make_engine
from tests.engine.fakes import Held, lost_reply

MANY = 200


def stop_writes(rig: Rig, system: str, why: WaitReason | None) -> None:
    """Disable or enable writes to a system."""
    rig.engine.why_suspended = lambda name: why if name == system else None


def waits(rig: Rig) -> list[tuple[str, str, WaitReason]]:
    return [(w.system, w.action, w.why) for w in waiting_writes(rig.store)]


def book_twins(rig: Rig, hour: float) -> tuple[str, str]:
    """Book one meeting of p in a and b."""
    ann = Person(emails=("ann@example.com",))
    rig.a.customers["ann"] = rig.b.customers["7"] = ann
    return rig.a.book("p", v(hour), "ann"), rig.b.book("p", v(hour), "7")


def lines(logs: Sequence[Mapping[str, Any]]) -> list[tuple[object, ...]]:
    return [
        (line["event"], line["system"], line["reason"], line["writes"])
        for line in logs
        if str(line["event"]).startswith(("writes wait", "writes no longer wait"))
    ]


@pytest.mark.parametrize("why", [WaitReason.NO_ACCESS, WaitReason.RATE_LIMITED])
async def test_blocks_that_cannot_be_written_wait_until_they_can(rig: Rig, why: WaitReason) -> None:
    stop_writes(rig, "b", why)
    rig.a.book("p", v(9))
    report = await rig.engine.resync()
    assert [(w.operation.system, w.operation.action, w.why) for w in report.waiting] == [
        ("b", Action.CREATE_BLOCK, why)
    ]
    assert (report.converged, report.exit) == (False, RunExit.UNANSWERED)
    assert waits(rig) == [("b", "create-block", why)]
    stop_writes(rig, "b", None)
    report = await rig.engine.resync()
    assert (report.exit, waits(rig)) == (RunExit.DONE, [])
    assert rig.b.blocks() == [v(9).interval]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (UnauthorizedError("b", "POST /", status=403), WaitReason.NO_ACCESS),
        (RateLimitedError("b", "POST /", wait=60), WaitReason.RATE_LIMITED),
        (RetryableError("b", "POST /", status=503), WaitReason.UNANSWERED),
    ],
)
async def test_a_write_refused_in_the_middle_of_a_run_makes_the_rest_wait(
    rig: Rig, fault: PlatformError, why: WaitReason
) -> None:
    for hour in (9, 10, 11):
        rig.a.book("p", v(hour))
    rig.b.faults["write"] = [fault] * MANY
    report = await rig.engine.poll(near=False)
    assert {w.why for w in report.waiting} == {why}
    assert (len(report.waiting), report.exit) == (3, RunExit.UNANSWERED)
    # A rate limit stops reads, too; with other faults only writes wait.
    assert report.remaining.get(Remaining.SYSTEMS, 0) == (why is WaitReason.RATE_LIMITED)
    rig.b.faults.clear()
    assert (await rig.engine.resync()).exit is RunExit.DONE


async def test_moves_and_statuses_of_a_twin_wait_as_blocks_do(rig: Rig) -> None:
    pairs = [book_twins(rig, hour) for hour in (9, 12)]
    (moved, twin), (cancelled, other) = pairs
    await rig.engine.resync()
    assert len(rig.store.bookings()) == 2
    stop_writes(rig, "b", WaitReason.NO_ACCESS)
    rig.a.move(moved, v(15))
    rig.a.cancel(cancelled)
    report = await rig.engine.resync()
    found = {(w.operation.system, w.operation.action) for w in report.waiting}
    assert found == {("b", Action.MOVE_APPOINTMENT), ("b", Action.SET_STATUS)}
    assert [rig.b.events[e].value for e in (twin, other)] == [v(9), v(12)]
    stop_writes(rig, "b", None)
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert rig.b.events[twin].value == v(15)
    assert rig.b.events[other].value.status is Status.CANCELLED


async def test_writes_that_the_configuration_forbids_do_not_wait(rig: Rig) -> None:
    stop_writes(rig, "b", WaitReason.NO_ACCESS)
    policy = EnginePolicy(
        rules={p: Rules(prefer=SYSTEMS) for p in "pq"},
        limits=GuardLimits(),
        read_only=frozenset({("p", "b")}),
    )
    rig.engine.policy = policy
    rig.a.book("p", v(9))
    report = await rig.engine.resync()
    assert (report.exit, report.waiting) == (RunExit.DONE, [])


async def test_writes_to_an_unanswering_system_wait(rig: Rig) -> None:
    rig.c.faults["read"] = [RetryableError("c", "GET /", status=500)] * MANY
    rig.a.book("p", v(9))
    report = await rig.engine.resync()
    assert [(w.operation.system, w.why) for w in report.waiting] == [("c", WaitReason.UNANSWERED)]


async def test_writes_to_a_calendar_that_was_never_read_wait(rig: Rig) -> None:
    rig.c.faults["read"] = [RetryableError("c", "GET /", status=500)] * MANY
    rig.a.book("q", v(9))
    rig.a.book("p", v(9))
    await rig.engine.resync()
    rig.c.faults.clear()
    rig.c.missing = {"p"}
    report = await rig.engine.resync()
    assert [(w.operation.system, w.why) for w in report.waiting] == [("c", WaitReason.NOT_READ)]
    assert report.exit is RunExit.UNANSWERED
    assert rig.c.blocks() == [v(9).interval]


async def test_equipment_of_unknown_number_waits_for_its_count(rig: Rig) -> None:
    rig.engine.policy = replace(rig.engine.policy, resources={"p": "a"})
    rig.b.book("p", v(9))
    report = await rig.engine.resync()
    assert {(w.operation.system, w.why) for w in report.waiting} == {("c", WaitReason.UNITS)}
    rig.engine.resources.quantities["p"] = 1
    assert (await rig.engine.resync()).exit is RunExit.DONE


class _Silent:
    """A location whose block targets cannot be read."""

    name = "a"

    async def block_targets(self, also: Collection[str]) -> Sequence[BlockTarget]:
        raise UnauthorizedError("a", f"rooms of {sorted(also)}", status=403)


async def test_unknown_rooms_are_not_reported_as_in_sync(rig: Rig) -> None:
    rig.engine.resources = ResourceSources((ResourceBlocks(_Silent(), rig.store, rig.clock),))
    report = await rig.engine.resync()
    assert (report.exit, report.systems["a"].state) == (RunExit.UNANSWERED, SystemStatus.DOWN)
    assert "rooms" in report.systems["a"].cause


async def test_writes_on_top_of_one_of_unknown_outcome_wait(rig: Rig) -> None:
    rig.b.capabilities = replace(rig.b.capabilities, lag=timedelta(minutes=5))
    for hour in (9, 12):
        rig.a.book("p", v(hour))
    rig.b.faults["reply"] = [lost_reply("b")]
    rig.b.hidden = {"b0"}
    await rig.engine.poll(near=False)
    report = await rig.engine.poll(near=False)
    assert {w.why for w in report.waiting} == {WaitReason.UNSETTLED}
    rig.b.hidden = set()
    rig.clock.pass_(minutes=10)
    assert (await rig.engine.resync()).exit is RunExit.DONE


async def test_waiting_is_logged_once_when_it_begins_and_once_when_it_ends(rig: Rig) -> None:
    stop_writes(rig, "b", WaitReason.NO_ACCESS)
    for hour in (9, 10, 11):
        rig.a.book("p", v(hour))
    with capture_logs() as logs:
        for _ in range(3):
            await rig.engine.poll(near=False)
        rig.a.book("q", v(9))
        await rig.engine.poll(near=False)
        rig.restart()
        stop_writes(rig, "b", WaitReason.NO_ACCESS)
        await rig.engine.poll(near=False)
        stop_writes(rig, "b", None)
        await rig.engine.poll(near=False)
    assert lines(logs) == [
        ("writes wait", "b", "no_access", 3),
        ("writes no longer wait", "b", "no_access", 4),
    ]


async def test_a_refused_retry_neither_ends_nor_begins_the_waiting(rig: Rig) -> None:
    stop_writes(rig, "b", WaitReason.NO_ACCESS)
    rig.a.book("p", v(9))
    with capture_logs() as logs:
        await rig.engine.poll(near=False)
        since = waiting_writes(rig.store)[0].since
        rig.clock.pass_(minutes=15)
        stop_writes(rig, "b", None)
        rig.b.faults["write"] = [UnauthorizedError("b", "POST /", status=403)]
        await rig.engine.poll(near=False)
        stop_writes(rig, "b", WaitReason.NO_ACCESS)
        await rig.engine.poll(near=False)
    assert lines(logs) == [("writes wait", "b", "no_access", 1)]
    assert waiting_writes(rig.store)[0].since == since


async def test_a_quiet_cycle_with_unchanged_waiting_writes_stores_nothing(rig: Rig) -> None:
    stop_writes(rig, "b", WaitReason.NO_ACCESS)
    for hour in range(7, 19):
        rig.a.book("p", v(hour))
    await rig.engine.resync()
    await rig.engine.poll(near=True)

    def rows() -> str:
        with closing(sqlite3.connect(rig.path)) as state:
            kept = (line for line in state.iterdump() if '"coverage"' not in line)
            return "\n".join(kept)

    before = rows()
    for _ in range(3):
        rig.clock.pass_(seconds=60)
        assert len((await rig.engine.poll(near=True)).waiting) == 12
    assert rows() == before


async def test_thousands_of_unchanged_waiting_writes_cost_a_cycle_next_to_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def waiting() -> tuple[Waiting, ...]:
        operations = (
            Operation(Action.CREATE_BLOCK, "b", "p", Kind.BLOCK, None, None, v(9 + number))
            for number in range(5_000)
        )
        return tuple(Waiting(operation, WaitReason.NO_ACCESS) for operation in operations)

    decision, book = Decision(Changes(), (), (), 0), rig.engine.waiting
    mapped = {("p", "b")}
    book.update({"p": replace(decision, waiting=waiting())}, [])
    book.save(mapped, rig.clock.now())
    monkeypatch.setattr("syncd.engine.writing.waiting.write_order.operation_key", None)
    monkeypatch.setattr("syncd.engine.writing.waiting.save_waiting", None)
    again = replace(decision, waiting=waiting())
    began = perf_counter()
    book.update({"p": again}, [])
    book.save(mapped, rig.clock.now())
    assert perf_counter() - began < 0.1


async def test_a_run_keeps_a_hundred_of_the_waiting_writes_at_most(rig: Rig) -> None:
    stop_writes(rig, "b", WaitReason.NO_ACCESS)
    for number in range(130):
        value = v(9 + number)
        rig.a.events[f"m{number}"] = Held("p", Kind.APPOINTMENT, value, "ann@example.com")
    report = await rig.engine.resync()
    run = rig.store.run(report.run)
    assert run is not None
    assert run.report is not None
    assert (len(report.waiting), len(waiting_writes(rig.store))) == (130, 130)
    assert (len(run.report["waiting"]), len(json.dumps(run.report)) < 40_000) == (100, True)


async def test_waiting_writes_of_an_unmapped_calendar_are_removed(rig: Rig) -> None:
    stop_writes(rig, "b", WaitReason.NO_ACCESS)
    rig.a.book("p", v(9))
    await rig.engine.resync()
    assert len(waits(rig)) == 1
    rig.restart()
    rig.engine = _without(rig, "b")
    await rig.engine.resync()
    assert waits(rig) == []


def _without(rig: Rig, system: str) -> Engine:
    engine = make_engine(rig.store, rig.clock, rig.systems, rig.rows)
    rest = tuple(name for name in SYSTEMS if name != system)
    engine.systems = {s.name: s for s in rig.systems if s.name != system}
    engine.mapping = dict.fromkeys("pq", rest)
    return engine


# --- the clock of this machine --------------------------------------------------------------------


def set_clocks(rig: Rig, **minutes: float) -> None:
    """Set the clock skew of platforms against this machine."""
    for system in rig.systems:
        ahead = minutes.get(system.name)
        system.skew = None if ahead is None else timedelta(minutes=ahead)


async def free_some(rig: Rig) -> None:
    """Cancel meetings, so that a block must be removed and a twin cancelled."""
    lone, (origin, _) = rig.a.book("p", v(9)), book_twins(rig, 12)
    await rig.engine.resync()
    rig.a.delete(lone)
    rig.a.cancel(origin)


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
    rig: Rig, clocks: dict[str, float], wrong: bool
) -> None:
    await free_some(rig)
    set_clocks(rig, **clocks)
    rig.c.book("q", v(15))
    report = await rig.engine.resync()
    held = {(w.operation.action, w.why) for w in report.waiting}
    expected = {Action.REMOVE_BLOCK, Action.SET_STATUS} if wrong else set()
    assert held == {(action, WaitReason.CLOCK) for action in expected}
    assert bool(report.clock_error) is wrong
    # New busy time is blocked nevertheless.
    assert rig.a.blocks("q") == [v(15).interval]
    set_clocks(rig, a=0, b=0, c=0)
    report = await rig.engine.resync()
    assert (report.exit, report.waiting, report.clock_error) == (RunExit.DONE, [], timedelta(0))


async def test_two_accounts_of_one_platform_are_one_clock(rig: Rig) -> None:
    rig.engine.policy = replace(rig.engine.policy, clocks={"a": "x", "b": "x", "c": "y"})
    await free_some(rig)
    set_clocks(rig, a=12, b=12, c=0)
    assert (await rig.engine.resync()).exit is RunExit.DONE


async def test_a_wrong_clock_stays_known_while_only_one_platform_answers(rig: Rig) -> None:
    await free_some(rig)
    set_clocks(rig, a=12, b=12)
    await rig.engine.resync()
    rig.restart()
    rig.b.faults["read"] = [RetryableError("b", "GET /", status=500)] * MANY
    report = await rig.engine.resync()
    assert report.clock_error == timedelta(minutes=12)
    set_clocks(rig, a=0, b=12)
    assert (await rig.engine.resync()).clock_error == timedelta(0)


async def test_with_a_clock_that_is_ahead_a_meeting_of_today_is_still_closed(rig: Rig) -> None:
    rig.clock.pass_(days=3)
    set_clocks(rig, a=-3 * 24 * 60, b=-3 * 24 * 60, c=-3 * 24 * 60)
    rig.a.book("p", v(9))
    with capture_logs() as logs:
        report = await rig.engine.resync()
        await rig.engine.resync()
    assert (rig.b.blocks(), rig.c.blocks()) == ([v(9).interval], [v(9).interval])
    assert report.exit is RunExit.DONE
    assert [line["event"] for line in logs if "clock" in line["event"]] == [
        "this machine's clock is wrong"
    ]


async def test_a_clock_that_was_set_back_by_decades_forgets_no_booking(rig: Rig) -> None:
    rig.a.book("p", v(9))
    await rig.engine.resync()
    writes, bookings = rig.writes(), {b.id for b in rig.store.bookings()}
    right = rig.clock.time
    rig.restart()
    rig.clock.time = right.replace(year=1971)
    await rig.engine.resync()
    rig.clock.time = right
    report = await rig.engine.resync()
    assert (report.exit, rig.writes()) == (RunExit.DONE, writes)
    assert {b.id for b in rig.store.bookings()} == bookings


async def test_with_a_clock_that_is_behind_the_far_end_of_the_window_is_read(rig: Rig) -> None:
    rig.clock.pass_(days=-30)
    set_clocks(rig, a=30 * 24 * 60, b=30 * 24 * 60, c=30 * 24 * 60)
    rig.a.book("p", v(24 * 50))
    await rig.engine.resync()
    assert rig.b.blocks() == [v(24 * 50).interval]
