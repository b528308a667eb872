"""Planted bugs in the isolation of slow systems, each with a day that shows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from syncd.engine.tasks.system_tasks import SystemTasks
from syncd.lab.simulate.scenario import EventKind, Scenario
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def a_cycle_waits_for_the_slowest_read(patch: Patch) -> None:
    """Wait for every read of a cycle."""
    _wait_for_all_in(patch, SystemTasks.read)


def a_hanging_write_holds_all(patch: Patch) -> None:
    """Wait for every write of a cycle."""
    _wait_for_all_in(patch, SystemTasks.write)


def _wait_for_all_in(patch: Patch, method: Callable[..., Awaitable[Any]]) -> None:
    """Let one step of a cycle wait for every system, however long that takes."""

    async def patient(tasks: SystemTasks, *given: Any, **named: Any) -> Any:
        usual, tasks.waits_for_all = tasks.waits_for_all, True
        try:
            return await method(tasks, *given, **named)
        finally:
            tasks.waits_for_all = usual

    swap(patch, method, patient)


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
