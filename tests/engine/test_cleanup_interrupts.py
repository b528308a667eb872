"""Test that a cleanup which dies at any step is completed by the next one, and by nothing more."""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path

import pytest

from syncd.core.ownership.cleanup import CleanupScope
from syncd.engine.cleanup.context import CleanupSpec
from syncd.engine.report.run_report import RunExit
from tests.engine.probed import Killed, Office, an_office

EVERYTHING = CleanupSpec(CleanupScope(), who="root")


def standing(office: Office) -> dict[str, set[str]]:
    """Return the existing blocks by system."""
    platforms = office.sandbox.systems.items()
    return {name: {b.id for b in p.blocks() if not b.deleted} for name, p in platforms}


async def one_death(folder: Path, last: int) -> str | None:
    """Clean up, die at a step, and continue; return the step's name, None if there is none."""
    office = an_office(folder)
    try:
        office.world.block("crm", "alice", office.world.at(1, 12), 60, "Lunch")
        by_hand = standing(office)
        await office.app.engine.resync()
        made = {(s, b) for s, found in standing(office).items() for b in found - by_hand[s]}
        assert len(made) > 3
        office.steps.passed.clear()
        office.steps.last = last
        try:
            await office.app.engine.cleanup(EVERYTHING)
        except Killed:
            pass
        else:
            return None
        step = office.steps.passed[-1]
        await office.restart()
        cleaned = await office.app.engine.cleanup(EVERYTHING)
        assert cleaned.exit is RunExit.DONE, f"{step}: {cleaned.to_json()}"
        assert standing(office) == by_hand, step
        await office.app.engine.resync()
        assert standing(office) == by_hand, step
        return step
    finally:
        office.app.store.close()


@pytest.mark.parametrize("last", [1, 9, 23, 35, 40])
def test_a_cleanup_that_died_is_resumed_by_the_next_one(tmp_path: Path, last: int) -> None:
    assert asyncio.run(one_death(tmp_path, last)) is not None


@pytest.mark.prove
def test_a_cleanup_that_dies_at_any_step_is_resumed_by_the_next_one(tmp_path: Path) -> None:
    for last in count(1):
        folder = tmp_path / str(last)
        folder.mkdir()
        if asyncio.run(one_death(folder, last)) is None:
            assert last > 40
            return
