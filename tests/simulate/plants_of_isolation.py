"""Planted bugs in how slow systems are kept from delaying others, each with a day for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from syncd.engine.lanes import Lanes
from syncd.simulate.story import Story, What
from tests.simulate.days import at, day

Patch = pytest.MonkeyPatch


def a_cycle_waits_for_the_slowest_read(patch: Patch) -> None:
    """Whoever has not answered yet is waited for."""

    async def wait(_lanes: Lanes, tasks: Any, _answered: int, _enough: int) -> None:
        if tasks:
            await asyncio.wait(tasks.values())

    patch.setattr(Lanes, "_wait", wait)


def a_hanging_write_holds_all(patch: Patch) -> None:
    """A cycle ends when each of its writes has been answered."""

    async def wait(_lanes: Lanes, _gated: Any, tasks: Any) -> None:
        if tasks:
            await asyncio.wait(tasks.values())

    patch.setattr(Lanes, "_wait_for_writes", wait)


_SLOW_LISTS = day(
    at(1, What.BOOK, "clinic", slot=70),
    at(2, What.FAULT, "legacy", fault="slow", times=6, seconds=18.0),
    at(2.01, What.MOVE, "clinic", slot=30),
)
_SLOW_WRITES = day(
    at(2, What.FAULT, "legacy", fault="slow", slot=1, times=6, seconds=18.0),
    at(2.01, What.BOOK, "clinic", slot=70),
)

ABOUT_ISOLATION: tuple[tuple[Callable[[Patch], None], Story], ...] = (
    (a_cycle_waits_for_the_slowest_read, _SLOW_LISTS),
    (a_hanging_write_holds_all, _SLOW_WRITES),
)
