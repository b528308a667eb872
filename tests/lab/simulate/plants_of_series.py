"""Bugs about recurring appointments, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.core.propagation import write_waits
from syncd.engine.writing import writer
from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.systems.leadconnector import series
from tests.lab.simulate.days import at, day

Patch = pytest.MonkeyPatch


def instances_are_matched_one_by_one(patch: Patch) -> None:
    """Match each instance of a series as a single appointment."""
    patch.setattr(series, "series", lambda _item: "")


def instances_are_written_to(patch: Patch) -> None:
    """Write to instances of a series instead of holding the write."""
    patch.setattr(write_waits, "may_change_series", lambda *_given: False)
    patch.setattr(writer, "unwritable_instances", lambda *_given: set())


_BOOKED = at(1, EventKind.BOOK_SERIES, "clinic", slot=32, number=1)
_MOVED = at(4, EventKind.MOVE_SERIES, "clinic", slot=11)
_TWIN = at(2, EventKind.TWIN_INSTANCE, "legacy")
_TWIN_MOVED = at(5, EventKind.MOVE_TWIN_OF_INSTANCE, "legacy", slot=8)

ABOUT_SERIES: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (instances_are_matched_one_by_one, day(_BOOKED, _MOVED)),
    (instances_are_written_to, day(_BOOKED, _TWIN, _TWIN_MOVED)),
)
