"""Three hostile systems at once, and states of some size: memory, loop, and the signal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.attacks import ATTACKS
from tests.hostile.crowd import HUNGRY, crowd
from tests.hostile.siege import MOST_BLOCKED, MOST_MEMORY

EVENTS, WITH_PAST = 2_000, 50_000
SOON = 5.0
"""Seconds within which an idle daemon ends."""


def test_each_hungry_attack_is_in_the_table() -> None:
    assert {*HUNGRY} <= {attack.name for attack in ATTACKS}


@pytest.mark.prove
async def test_three_hostile_systems_at_once_stay_within_the_bounds(tmp_path: Path) -> None:
    async with crowd(tmp_path, EVENTS) as place:
        tolls = [await place.suffer(name) for name in HUNGRY]
        assert {toll.attack: toll.problems for toll in tolls if toll.problems} == {}
        assert max(toll.memory for toll in tolls) <= MOST_MEMORY
        assert place.idle_blocked <= MOST_BLOCKED
        assert await place.stop() < SOON


@pytest.mark.prove
async def test_a_long_past_in_the_state_blocks_nothing(tmp_path: Path) -> None:
    """Old rows are deleted after the first resync, while the daemon continues."""
    async with crowd(tmp_path, WITH_PAST) as place:
        assert place.idle_blocked <= MOST_BLOCKED
        assert place.idle <= MOST_MEMORY
