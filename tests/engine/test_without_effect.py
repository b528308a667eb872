"""Queued writes that are accepted and never carried out: planned again, then a conflict."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.engine.report.run_report import Remaining, RunExit
from syncd.model import Action, BulkCall, Changes, ConflictKind, IntentState
from syncd.store import Store
from syncd.systems.port import Capabilities
from tests.core.kit import v
from tests.engine.conftest import Rig
from tests.engine.test_promises import settle
from tests.planted.swap import swap

QUEUED = (Action.MOVE_BLOCK, Action.REMOVE_BLOCK, Action.MOVE_APPOINTMENT)


def queues(rig: Rig) -> None:
    """Let system b queue moves and removals."""
    rig.b.capabilities = Capabilities(
        lag=timedelta(0),
        asynchronous=frozenset(QUEUED),
        bulk={action: BulkCall("job", 50) for action in QUEUED},
    )


async def rounds(rig: Rig, number: int) -> None:
    """Let this many jobs end without effect."""
    for _ in range(number):
        await rig.engine.poll(near=False)
        rig.b.queue.clear()
        rig.clock.pass_(minutes=11)
    await rig.engine.poll(near=False)


@pytest.mark.parametrize("act", ["move", "cancel"])
async def test_a_job_that_drops_its_row_three_times_becomes_a_conflict(rig: Rig, act: str) -> None:
    queues(rig)
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.b.queued = True
    wrote = len(rig.b.writes)
    rig.a.move(event, v(12)) if act == "move" else rig.a.cancel(event)
    await rounds(rig, 3)
    (held,) = rig.store.open_conflicts()
    assert held.conflict.kind is ConflictKind.QUARANTINED
    assert len(rig.b.writes) == wrote + 3
    await rounds(rig, 2)
    assert len(rig.b.writes) == wrote + 3, "it is not written again by itself"
    report = await rig.engine.poll(near=False)
    assert (report.remaining.get(Remaining.CONFLICTS), report.exit) == (1, RunExit.CONFLICTS)


async def test_a_job_without_effect_is_planned_anew_twice(rig: Rig) -> None:
    queues(rig)
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.b.queued = True
    rig.a.move(event, v(12))
    await rounds(rig, 2)
    rig.b.run_queue()
    await settle(rig)
    assert rig.blocks()["b"] == [v(12).interval]
    assert rig.store.open_conflicts() == []


async def test_a_later_change_of_the_booking_is_tried_again(rig: Rig) -> None:
    queues(rig)
    event = rig.a.book("p", v(9))
    await settle(rig)
    rig.b.queued = True
    rig.a.move(event, v(12))
    await rounds(rig, 3)
    rig.a.move(event, v(15))
    await rig.engine.poll(near=False)
    rig.b.run_queue()
    await settle(rig)
    assert rig.blocks()["b"] == [v(15).interval]
    assert rig.store.open_conflicts() == []


async def test_a_planted_uncounted_job_without_effect_repeats_for_ever(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = Store.apply

    def apply_uncounted(store: Store, *steps: Changes) -> None:
        for changes in steps:
            changes.intents = [
                replace(i, state=IntentState.DROPPED) if i.state is IntentState.FAILED else i
                for i in changes.intents
            ]
        apply(store, *steps)

    swap(monkeypatch, apply, apply_uncounted)
    with pytest.raises((AssertionError, ValueError)):
        await test_a_job_that_drops_its_row_three_times_becomes_a_conflict(rig, "move")
