"""Planted bugs in the isolation of slow systems, each with a day that shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from syncd.engine.system_tasks import SystemTasks
from syncd.simulate.scenario import EventKind, Scenario
from tests.simulate.days import at, day

Patch = pytest.MonkeyPatch


def a_cycle_waits_for_the_slowest_read(patch: Patch) -> None:
    """Wait for every read of a cycle."""

    async def wait(_lanes: SystemTasks, tasks: Any, _answered: int, _enough: int) -> None:
        if tasks:
            await asyncio.wait(tasks.values())

    patch.setattr(SystemTasks, "_wait", wait)


def a_hanging_write_holds_all(patch: Patch) -> None:
    """Wait for every write of a cycle."""

    async def wait(_lanes: SystemTasks, _gated: Any, tasks: Any) -> None:
        if tasks:
            await asyncio.wait(tasks.values())

    patch.setattr(SystemTasks, "_wait_for_writes", wait)


_SLOW_LISTS = day(
    at(1, EventKind.BOOK, "clinic", slot=70),
    at(2, EventKind.FAULT, "legacy", fault="slow", times=6, seconds=18.0),
    at(2.01, EventKind.MOVE, "clinic", slot=30),
)
_SLOW_WRITES = day(
    at(2, EventKind.FAULT, "legacy", fault="slow", slot=1, times=6, seconds=18.0),
    at(2.01, EventKind.BOOK, "clinic", slot=70),
)

ABOUT_ISOLATION: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (a_cycle_waits_for_the_slowest_read, _SLOW_LISTS),
    (a_hanging_write_holds_all, _SLOW_WRITES),
)
