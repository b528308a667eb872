"""Test that a request of a client that disconnects can be cut off at any step."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from tests.engine.interrupts import MortalRig, Scenario, _at_rest, _finish, resync
from tests.engine.test_interrupts import a_business_opens, cancels, moves, nothing, one


async def _cut_off(rig: MortalRig, step: int) -> None:
    running = asyncio.create_task(rig.engine.resync())

    def leave() -> None:
        if len(rig.steps.passed) == step:
            running.cancel()

    with rig.steps.watched(leave), suppress(asyncio.CancelledError):
        await running


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario("opens", nothing, a_business_opens, resync),
        Scenario("moves", one, moves(a0=12), resync),
        Scenario("cancels", one, cancels, resync),
    ],
    ids=lambda each: each.name,
)
@pytest.mark.prove
def test_a_request_that_is_cut_off_at_any_step_doubles_and_loses_nothing(
    tmp_path: Path, scenario: Scenario
) -> None:
    whole = _at_rest(scenario, tmp_path)
    with whole.steps.watched(lambda: None):
        asyncio.run(resync(whole))
    steps = len(whole.steps.passed)
    wanted = _finish(scenario, whole)
    whole.store.close()
    assert steps
    for step in range(1, steps + 1, 3):
        folder = tmp_path / str(step)
        folder.mkdir()
        rig = _at_rest(scenario, folder)
        asyncio.run(_cut_off(rig, step))
        found = _finish(scenario, rig)
        rig.store.close()
        assert found == wanted, f"cut off at step {step}"
