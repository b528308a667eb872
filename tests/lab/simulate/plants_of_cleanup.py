"""Bugs of a cleanup, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pytest

from syncd.engine.reading import own_block_survey
from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.store.backup import ownership_proof
from syncd.store.store import Store
from tests.lab.simulate.days import at, day
from tests.planted.named import a_cleanup_pauses_nothing

Patch = pytest.MonkeyPatch

_BOOKED = (at(1, EventKind.BOOK, "clinic", slot=70), at(2, EventKind.BOOK, "crm", slot=90))

EVERYTHING = day(
    *_BOOKED, at(3, EventKind.BLOCK, "clinic", slot=40), at(24, EventKind.CLEAN_UP, "crm")
)
"""Two meetings, a person's own block, and a cleanup of everything at the end."""

COPIED = day(
    *_BOOKED,
    at(3, EventKind.COPY_OURS, "clinic", slot=40),
    at(24, EventKind.CLEAN_UP, "clinic", slot=1),
)
"""A person copies a block of syncd before a system is cleaned up."""


def every_block_counts_as_ours(patch: Patch) -> None:
    """Treat every block that a cleanup reads as syncd's."""

    def all_of_them(_store: Store, _system: str, events: Collection[str]) -> set[str]:
        return set(events)

    patch.setattr(own_block_survey, "created_ids", all_of_them)


def a_copy_counts_as_ours(patch: Patch) -> None:
    """Treat every block with the tag of one of syncd's blocks as syncd's."""
    real = ownership_proof.created_ids

    def by_tag(store: Store, system: str, events: Collection[str]) -> set[str]:
        tagged = {r.id for r in store.records(system, events) if r.key is not None}
        return real(store, system, events) | tagged

    patch.setattr(own_block_survey, "created_ids", by_tag)


ABOUT_CLEANUP: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (a_cleanup_pauses_nothing, EVERYTHING),
    (every_block_counts_as_ours, EVERYTHING),
    (a_copy_counts_as_ours, COPIED),
)
