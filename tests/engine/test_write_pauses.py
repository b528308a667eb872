"""Paused calendars are not written to, and no held back write is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from syncd.core.conflicts.resolution import Resolution, ResolutionKind
from syncd.core.merging.rules import Choice, Rules
from syncd.engine.operator.resolve import ResolutionOutcome, resolve_conflict
from syncd.engine.operator.undo import NothingToUndoError
from syncd.engine.report.run_report import RunExit
from syncd.engine.writing.held_back_log import BEGUN, ENDED
from syncd.model import Action, ExposureCause, Kind, Operation, WaitReason
from syncd.model.pauses import Pause
from syncd.store.queries import availability
from syncd.store.queries.held_back import held_back_log, held_back_now, save_held_back
from syncd.store.queries.pauses import end_pauses, pauses, save_pauses
from syncd.store.queries.waiting import waiting_writes
from syncd.systems.errors import RetryableError
from syncd.systems.replies import Reply
from tests.core.kit import SYSTEMS, v
from tests.engine.conftest import Rig
from tests.engine.fakes import lost_reply
from tests.engine.test_waiting import book_twins

SYSTEM, PROVIDER, CALENDAR = ("b", ""), ("", "p"), ("b", "p")


def pause(rig: Rig, system: str = "b", provider: str = "") -> Pause:
    new = Pause(system, provider, rig.clock.now(), "ann", "a move of offices")
    save_pauses(rig.store, new)
    return new


def unpause(rig: Rig) -> None:
    end_pauses(rig.store, pauses(rig.store))


def observe(rig: Rig, *, on: bool = True) -> None:
    """Restart with ``mode = "observe"``, or without it."""
    rig.restart()
    rig.engine.policy = replace(rig.engine.policy, observe=on)
    rig.engine.__post_init__()


@pytest.mark.parametrize(("system", "provider"), [SYSTEM, PROVIDER, CALENDAR])
async def test_a_paused_calendar_is_read_stays_a_source_and_gets_no_write(
    rig: Rig, system: str, provider: str
) -> None:
    rig.a.book("p", v(9))
    await rig.engine.resync()
    pause(rig, system, provider)
    written = len(rig.b.writes)
    rig.a.book("p", v(11))
    rig.b.book("p", v(14))
    report = await rig.engine.resync()
    assert len(rig.b.writes) == written
    assert rig.b.blocks("p") == [v(9).interval], "the block that stood stays"
    open_elsewhere = rig.a.blocks("p") == [v(14).interval]
    assert open_elsewhere is not (provider == "p" and system == "")
    assert (report.exit, report.waiting, waiting_writes(rig.store)) == (RunExit.DONE, [], [])
    assert ("b", Action.CREATE_BLOCK, WaitReason.PAUSED) in [
        (h.operation.system, h.operation.action, h.why) for h in report.held_back
    ]
    assert not report.converged, "it does not agree"


async def test_after_a_pause_everything_is_planned_anew_and_converges(rig: Rig) -> None:
    first, second = rig.a.book("p", v(9)), rig.a.book("p", v(10))
    await rig.engine.resync()
    pause(rig)
    rig.a.move(first, v(15))
    rig.a.cancel(second)
    for _ in range(3):
        await rig.engine.resync()
    assert rig.b.blocks("p") == [v(9).interval, v(10).interval]
    assert rig.c.blocks("p") == [v(15).interval]
    unpause(rig)
    report = await rig.engine.resync()
    assert (report.exit, report.held_back) == (RunExit.DONE, [])
    assert report.converged
    assert rig.b.blocks("p") == [v(15).interval]
    assert held_back_now(rig.store) == []


async def test_an_appointment_is_neither_moved_nor_cancelled_while_paused(rig: Rig) -> None:
    ours, theirs = book_twins(rig, 9)
    await rig.engine.resync()
    pause(rig)
    rig.a.move(ours, v(12))
    await rig.engine.resync()
    assert rig.b.events[theirs].value == v(9)
    rig.a.cancel(ours)
    await rig.engine.resync()
    assert rig.b.events[theirs].value == v(9)
    unpause(rig)
    await rig.engine.resync()
    assert not rig.b.events[theirs].value.busy


async def test_a_pause_survives_a_restart(rig: Rig) -> None:
    pause(rig)
    rig.restart()
    rig.a.book("p", v(9))
    report = await rig.engine.resync()
    assert (rig.b.blocks("p"), len(report.held_back)) == ([], 1)


async def test_exposures_name_the_pause_and_end_with_it(rig: Rig) -> None:
    pause(rig)
    rig.a.book("p", v(9))
    await rig.engine.resync()
    found = availability.exposures(rig.store, rig.clock.now())
    assert [(e.system, e.cause) for e in found] == [("b", ExposureCause.PAUSED)]
    unpause(rig)
    await rig.engine.poll(near=True)
    assert availability.exposures(rig.store, rig.clock.now()) == []


async def test_an_exposure_is_reported_as_paused_once_a_pause_begins(rig: Rig) -> None:
    rig.b.faults["write"] = [RetryableError("b")] * 20
    rig.a.book("p", v(9))
    await rig.engine.poll(near=True)
    since = availability.exposures(rig.store, rig.clock.now())[0].since
    rig.clock.pass_(minutes=1)
    pause(rig)
    await rig.engine.poll(near=True)
    assert [(e.cause, e.since) for e in availability.exposures(rig.store, rig.clock.now())] == [
        (ExposureCause.PAUSED, since)
    ]


async def test_a_system_that_does_not_answer_has_no_waiting_writes_while_paused(
    rig: Rig,
) -> None:
    pause(rig)
    rig.a.book("p", v(9))
    await rig.engine.resync()
    rig.b.faults["read"] = [RetryableError("b")] * 50
    report = await rig.engine.resync()
    assert report.waiting == []
    assert [h.why for h in report.held_back] == [WaitReason.PAUSED]


async def test_a_write_that_the_guard_stops_is_reported_as_paused(rig: Rig) -> None:
    for hour in range(8, 18):
        rig.a.book("p", v(hour))
    await rig.engine.resync()
    pause(rig)
    rig.a.events.clear()
    report = await rig.engine.resync()
    assert {w.why for w in report.waiting if w.operation.system == "b"} == set()
    assert len(rig.b.blocks("p")) == 10


async def test_a_pause_between_plan_and_write_stops_the_write(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause arrives after the plan, the intents and the read of the target."""
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    rig.a.move(event, v(12))
    written = len(rig.b.writes)
    read_one = rig.b.read_one

    async def paused_meanwhile(*given: Any) -> Any:
        rig.engine.pauses.reload()
        pause(rig)
        return await read_one(*given)

    monkeypatch.setattr(rig.b, "read_one", paused_meanwhile)
    rig.clock.pass_(seconds=30)
    monkeypatch.setattr("syncd.engine.writing.writer.was_just_read", lambda *_given: False)
    report = await rig.engine.poll(near=True)
    assert len(rig.b.writes) == written
    assert (report.waiting, report.unmade) == ([], 0)
    assert [h.why for h in report.held_back] == [WaitReason.PAUSED]
    assert rig.store.pending_intents() == []


async def test_a_pause_during_a_resync_ends_it_done_and_not_with_writes_left(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = rig.b.write

    async def paused_at_the_first(operations: Sequence[Operation]) -> Reply:
        save_pauses(rig.store, *(Pause(s, "", rig.clock.now()) for s in "abc"))
        return await write(operations)

    monkeypatch.setattr(rig.b, "write", paused_at_the_first)
    rig.a.book("p", v(9))
    rig.a.book("p", v(11))
    report = await rig.engine.resync()
    assert rig.writes() == 1, "what was under way, and nothing after it"
    assert (report.exit, len(report.held_back)) == (RunExit.DONE, 3)


async def test_a_pause_waits_for_the_write_in_flight(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    write = rig.b.write

    async def slow(operations: Sequence[Operation]) -> Reply:
        begun.set()
        await go_on.wait()
        return await write(operations)

    monkeypatch.setattr(rig.b, "write", slow)
    rig.a.book("p", v(9))
    cycle = asyncio.create_task(rig.engine.poll(near=True))
    await begun.wait()
    new = pause(rig)
    acknowledged = asyncio.create_task(rig.engine.pauses.wait_for_requests([new]))
    other = asyncio.create_task(rig.engine.pauses.wait_for_requests([replace(new, system="c")]))
    await asyncio.sleep(0.01)
    assert (acknowledged.done(), other.done()) == (False, True)
    go_on.set()
    await acknowledged
    assert len(rig.b.writes) == 1
    await cycle


async def test_a_lost_reply_is_checked_but_not_resent_while_paused(rig: Rig) -> None:
    rig.a.book("p", v(9))
    rig.b.faults["write"] = [lost_reply("b")]
    await rig.engine.poll(near=True)
    pause(rig)
    for _ in range(4):
        rig.clock.pass_(minutes=2)
        report = await rig.engine.poll(near=True)
    assert (rig.b.writes, rig.b.blocks("p")) == ([], [])
    assert (rig.store.pending_intents(), len(report.held_back)) == ([], 1)


async def test_a_held_back_write_is_one_entry_with_first_seen_and_end(
    rig: Rig,
) -> None:
    start = rig.clock.now()
    pause(rig)
    event = rig.a.book("p", v(9))
    for _ in range(25):
        await rig.engine.poll(near=True)
        rig.clock.pass_(minutes=1)
    (entry,) = held_back_log(rig.store, None, 100)
    assert (entry.since, entry.seen_at, entry.ended_at) == (
        start,
        start + timedelta(minutes=15),
        None,
    )
    rig.a.move(event, v(11))
    await rig.engine.poll(near=True)
    later, entry = held_back_log(rig.store, None, 100)
    assert (entry.ended_at, later.ended_at) == (rig.clock.now(), None)
    assert later.operation.after == v(11)
    told = [(n.what, n.detail) for n in rig.store.history() if n.what in {BEGUN, ENDED}]
    assert told == [
        (ENDED, "create-block: paused"),
        (BEGUN, "create-block: paused"),
        (BEGUN, "create-block: paused"),
    ]


async def test_what_is_held_back_is_logged_once_when_it_begins_and_once_when_it_ends(
    rig: Rig,
) -> None:
    pause(rig)
    with capture_logs() as logs:
        rig.a.book("p", v(9))
        for _ in range(3):
            await rig.engine.poll(near=True)
        unpause(rig)
        for _ in range(3):
            await rig.engine.poll(near=True)
    assert [line["event"] for line in logs if "held back" in line["event"]] == [
        "writes held back",
        "writes no longer held back",
    ]


async def test_the_log_of_held_back_writes_is_bounded(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.store.queries.held_back.MAX_ENDED", 3)
    pause(rig)
    event = rig.a.book("p", v(9))
    for hour in range(10, 17):
        rig.clock.pass_(minutes=1)
        rig.a.move(event, v(hour))
        await rig.engine.poll(near=True)
    log = held_back_log(rig.store, None, 100)
    assert [each.ended_at is None for each in log] == [True, False, False, False]
    save_held_back(rig.store, [], [])


async def test_a_paused_provider_with_nothing_held_back_is_not_decided_on_in_each_cycle(
    rig: Rig,
) -> None:
    pause(rig)
    await rig.engine.resync()
    await rig.engine.poll(near=True)
    assert not rig.engine.dirty.due("p")


# --- observe mode ------------------------------------------------------------------------------


async def test_observe_mode_writes_nothing_anywhere_and_logs_what_it_would_write(
    rig: Rig,
) -> None:
    observe(rig)
    ours, theirs = book_twins(rig, 9)
    await rig.engine.resync()
    rig.a.move(ours, v(12))
    report = await rig.engine.resync()
    assert rig.writes() == 0
    assert rig.b.events[theirs].value == v(9)
    assert (report.exit, report.waiting, report.observe) == (RunExit.DONE, [], True)
    assert {h.why for h in report.held_back} == {WaitReason.OBSERVE}
    log = [(e.operation.system, e.operation.action) for e in held_back_now(rig.store)]
    assert log == [("b", Action.MOVE_APPOINTMENT), ("c", Action.CREATE_BLOCK)]


async def test_after_observe_mode_writes_still_wanted_are_made(rig: Rig) -> None:
    observe(rig)
    gone = rig.a.book("p", v(9))
    rig.a.book("p", v(11))
    await rig.engine.resync()
    rig.a.cancel(gone)
    await rig.engine.resync()
    observe(rig, on=False)
    report = await rig.engine.resync()
    assert report.converged
    assert rig.b.blocks("p") == rig.c.blocks("p") == [v(11).interval]
    assert held_back_now(rig.store) == []


async def test_exposures_name_observe_mode(rig: Rig) -> None:
    observe(rig)
    rig.a.book("p", v(9))
    await rig.engine.resync()
    found = availability.exposures(rig.store, rig.clock.now())
    assert {e.cause for e in found} == {ExposureCause.OBSERVE}


# --- other writers -----------------------------------------------------------------------------


async def test_undo_skips_paused_calendars_and_reports_them(rig: Rig) -> None:
    rig.a.book("p", v(9))
    run = (await rig.engine.resync()).run
    pause(rig)
    undone = await rig.engine.undo(run)
    assert [left.why for left in undone.skipped] == [
        "writing to b is paused: end the pause with `syncd unpause`"
    ]
    assert (rig.b.blocks("p"), rig.c.blocks("p")) == ([v(9).interval], [v(9).interval])
    observe(rig)
    with pytest.raises(NothingToUndoError, match="observe"):
        await rig.engine.undo(run)


async def test_a_conflict_is_decided_while_paused_and_written_after_it(rig: Rig) -> None:
    rules = Rules(prefer=SYSTEMS, moved_apart=Choice.HOLD)
    rig.engine.policy = replace(rig.engine.policy, rules={"p": rules, "q": rules})
    ours, theirs = book_twins(rig, 9)
    await rig.engine.resync()
    rig.a.move(ours, v(12))
    rig.b.move(theirs, v(14))
    await rig.engine.resync()
    (held,) = [h for h in rig.store.open_conflicts() if h.conflict.held]
    pause(rig)
    done = await resolve_conflict(rig.engine, held.id, Resolution(ResolutionKind.TAKE, "a"))
    assert (done.outcome, done.code) == (ResolutionOutcome.RESOLVED, 0)
    assert rig.b.events[theirs].value == v(14)
    assert ("b", Action.MOVE_APPOINTMENT) in [
        (h.operation.system, h.operation.action) for h in done.report.held_back
    ]
    unpause(rig)
    await rig.engine.resync()
    assert rig.b.events[theirs].value == v(12)


async def test_cleaning_up_removes_in_spite_of_a_pause_but_not_in_observe_mode(
    rig: Rig,
) -> None:
    write = Operation(Action.REMOVE_BLOCK, "b", "p", Kind.BLOCK, "b1", v(9), None)
    pause(rig)
    assert rig.engine.pauses.hold_back([write]) == {write: WaitReason.PAUSED}
    assert rig.engine.pauses.hold_back([write], cleans=True) == {}
    observe(rig)
    assert rig.engine.pauses.hold_back([write], cleans=True) == {write: WaitReason.OBSERVE}
