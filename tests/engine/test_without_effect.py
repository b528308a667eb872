"""Queued writes that are accepted and never carried out: planned again, then a conflict."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from syncd.engine import recovery
from syncd.engine.report import Remaining, RunExit
from syncd.model import Action, BulkCall, ConflictKind, IntentState
from syncd.systems.port import Capabilities
from tests.core.kit import v
from tests.engine.conftest import EngineHarness
from tests.engine.test_promises import settle

QUEUED = (Action.MOVE_BLOCK, Action.REMOVE_BLOCK, Action.MOVE_APPOINTMENT)


def queues(harness: EngineHarness) -> None:
    """Let system b queue moves and removals."""
    harness.b.capabilities = Capabilities(
        lag=timedelta(0),
        asynchronous=frozenset(QUEUED),
        bulk={action: BulkCall("job", 50) for action in QUEUED},
    )


async def rounds(harness: EngineHarness, number: int) -> None:
    """Let this many jobs end without effect."""
    for _ in range(number):
        await harness.engine.poll(near=False)
        harness.b.queue.clear()
        harness.clock.pass_(minutes=11)
    await harness.engine.poll(near=False)


@pytest.mark.parametrize("act", ["move", "cancel"])
async def test_a_job_that_drops_its_row_three_times_becomes_a_conflict(
    harness: EngineHarness, act: str
) -> None:
    queues(harness)
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.b.queued = True
    wrote = len(harness.b.writes)
    harness.a.move(event, v(12)) if act == "move" else harness.a.cancel(event)
    await rounds(harness, 3)
    (held,) = harness.store.open_conflicts()
    assert held.conflict.kind is ConflictKind.QUARANTINED
    assert len(harness.b.writes) == wrote + 3
    await rounds(harness, 2)
    assert len(harness.b.writes) == wrote + 3, "it is not written again by itself"
    report = await harness.engine.poll(near=False)
    assert (report.remaining.get(Remaining.CONFLICTS), report.exit) == (1, RunExit.CONFLICTS)


async def test_a_job_without_effect_is_planned_anew_twice(harness: EngineHarness) -> None:
    queues(harness)
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.b.queued = True
    harness.a.move(event, v(12))
    await rounds(harness, 2)
    harness.b.run_queue()
    await settle(harness)
    assert harness.blocks()["b"] == [v(12).interval]
    assert harness.store.open_conflicts() == []


async def test_a_later_change_of_the_booking_is_tried_again(harness: EngineHarness) -> None:
    queues(harness)
    event = harness.a.book("p", v(9))
    await settle(harness)
    harness.b.queued = True
    harness.a.move(event, v(12))
    await rounds(harness, 3)
    harness.a.move(event, v(15))
    await harness.engine.poll(near=False)
    harness.b.run_queue()
    await settle(harness)
    assert harness.blocks()["b"] == [v(15).interval]
    assert harness.store.open_conflicts() == []


async def test_a_planted_uncounted_job_without_effect_repeats_for_ever(
    harness: EngineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped = recovery._drop

    def drop(intent: Any, context: Any, why: str, _state: Any = None) -> None:
        dropped(intent, context, why, IntentState.DROPPED)

    monkeypatch.setattr(recovery, "_drop", drop)
    with pytest.raises((AssertionError, ValueError)):
        await test_a_job_that_drops_its_row_three_times_becomes_a_conflict(harness, "move")
