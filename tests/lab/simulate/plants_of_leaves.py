"""Bugs in reading long busy times, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from syncd.core.mass_change import guard as mass_change_guard
from syncd.engine.reading import observe as reading
from syncd.engine.reading.running_events import RunningEvents
from syncd.lab.simulate.scenario import EventKind, Scenario, SimEvent
from syncd.model import TrackedEvent, Window
from syncd.systems.port import NO_LOOK_BACK
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def lists_start_with_the_window(patch: Patch) -> None:
    """Read without a look-back."""
    swap(patch, RunningEvents.look_back, lambda *_given: NO_LOOK_BACK)


def running_events_are_not_followed(patch: Patch) -> None:
    """Never read running events by id."""

    async def nothing(*_given: Any, **_named: Any) -> None:
        return

    patch.setattr(reading, "follow_running", nothing)


def what_a_window_touches_counts_as_read(patch: Patch) -> None:
    """Treat a leave that no near read lists as one that did not move."""

    def inside(record: TrackedEvent, windows: Iterable[Window]) -> bool:
        return record.base is not None and any(w.overlaps(record.base) for w in windows)

    swap(patch, mass_change_guard.starts_inside, inside)


def leave_before(system: str, days: int, *steps: SimEvent) -> Scenario:
    """Return a day that starts with a leave, which itself began this many days ago."""
    leave = SimEvent(0.0, EventKind.LEAVE, system, slot=days - 1)
    return replace(day(*steps), before=(leave,))


ABOUT_LEAVES: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (lists_start_with_the_window, leave_before("clinic", 5)),
    (lists_start_with_the_window, day(at(2, EventKind.LEAVE, "crm", slot=5))),
    (running_events_are_not_followed, leave_before("crm", 20, at(2, EventKind.END_LEAVE, "crm"))),
    (
        running_events_are_not_followed,
        leave_before("legacy", 20, at(2, EventKind.CHANGE_LEAVE, "legacy", slot=1)),
    ),
    (
        running_events_are_not_followed,
        leave_before("clinic", 30, at(2, EventKind.REMOVE_OURS, "legacy")),
    ),
    (
        what_a_window_touches_counts_as_read,
        leave_before(
            "crm",
            20,
            *(at(3, EventKind.BLOCK, "crm", slot=slot) for slot in range(9, 33, 3)),
            at(8.5, EventKind.SHIFT, "crm"),
        ),
    ),
)
