"""Bugs about v1 lists without blocks, and v2 writes that change a whole series."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncd.engine.reading import observe as reading
from syncd.engine.writing import series as series_writes
from syncd.lab.simulate.scenario import EventKind, Scenario, draw_scenario
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


async def _nothing(*_given: Any, **_named: Any) -> None:
    """Do nothing."""


def own_blocks_that_no_list_shows_are_not_followed(patch: Patch) -> None:
    """Never read syncd's own blocks by id, so that a moved one stays there."""
    patch.setattr(reading, "look_up_own_blocks", _nothing)


def created_blocks_are_not_looked_for_by_id(patch: Patch) -> None:
    """After a lost state, create blocks again that no list shows."""
    patch.setattr(reading, "find_created_blocks", _nothing)


def siblings_are_not_compared(patch: Patch) -> None:
    """Treat what a write to one instance did to the others as changes by people."""
    swap(patch, series_writes.SiblingCheck.compare, _nothing)


_UNLISTED = (("legacy", "lists_blocks", "no"),)
_MOVED = replace(
    day(at(1, EventKind.BOOK, "clinic", slot=70), at(3, EventKind.EDIT_OURS, "legacy", slot=30)),
    facts=_UNLISTED,
)
_LOST = replace(
    day(at(1, EventKind.BOOK, "clinic", slot=70), at(3, EventKind.STATE_LOST, "")),
    facts=_UNLISTED,
)

ABOUT_SIDES: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (own_blocks_that_no_list_shows_are_not_followed, _MOVED),
    (created_blocks_are_not_looked_for_by_id, _LOST),
    (siblings_are_not_compared, draw_scenario(14)),
)
