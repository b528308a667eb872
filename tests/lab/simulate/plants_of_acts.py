"""Bugs about merged users and a changed configuration, each with a day that breaks a promise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.lab.simulate.scenario import EventKind, Scenario
from tests.lab.simulate.days import at, day
from tests.planted.named import what_comes_back_has_no_news

Patch = pytest.MonkeyPatch

_TWINS = (at(1, EventKind.BOOK, "clinic", slot=70), at(1.2, EventKind.TWIN, "legacy", slot=1))

ABOUT_ACTS: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (
        what_comes_back_has_no_news,
        day(
            *_TWINS, at(4, EventKind.MERGE_USERS, "clinic", 3), at(5, EventKind.MOVE, "clinic", 33)
        ),
    ),
)
