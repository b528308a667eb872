"""Bugs about meetings that are dragged into the window, each with a day that shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from syncd.core.matching import moved_into_window
from syncd.core.matching.match import CustomerIndex
from syncd.core.matching.moved_into_window import BeyondWindow
from syncd.engine.deciding import decide
from syncd.engine.deciding import moved_into_window as looking
from syncd.engine.reading import moved_in_queue
from syncd.lab.simulate.drawn_far import ALONE
from syncd.lab.simulate.scenario import EventKind, Scenario, SimEvent
from syncd.model import Changes, TrackedEvent
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def nobody_looks_beyond_the_window(patch: Patch) -> None:
    async def nothing(*_given: object) -> None:
        return None

    patch.setattr(decide, "search_beyond_window", nothing)


def the_nearest_candidate_counts(patch: Patch) -> None:
    """Take the earliest of several possible twins."""

    def nearest(
        newcomer: TrackedEvent, beyond: BeyondWindow, customers: CustomerIndex
    ) -> Sequence[TrackedEvent]:
        candidates = moved_into_window.candidates(newcomer, beyond, customers)
        return sorted(candidates, key=lambda r: str(r.observed and r.observed.start))[:1]

    patch.setattr(looking, "candidates", nearest)


def counterparts_do_not_count(patch: Patch) -> None:
    """Consider every far meeting of the client, also one that is in both systems."""
    for search in (moved_into_window.candidates, moved_into_window.unknown_customers):

        def without_own_system(
            newcomer: TrackedEvent,
            beyond: BeyondWindow,
            who: CustomerIndex,
            search: Callable[..., list[TrackedEvent]] = search,
        ) -> list[TrackedEvent]:
            return search(newcomer, replace(beyond, same_system=()), who)

        swap(patch, search, without_own_system)


def whatever_is_new_was_moved_in(patch: Patch) -> None:
    """Ignore when a meeting was created."""
    patch.setattr(
        moved_in_queue, "was_moved_in", lambda record, *_given: moved_into_window.is_single(record)
    )


def the_twin_counts_as_told(patch: Patch) -> None:
    """Store the moved meeting without propagating it to its twin."""

    def as_it_is(newcomer: TrackedEvent, *args: Any) -> Changes:
        changes = moved_into_window.as_it_was(newcomer, *args)
        first, *others = changes.records
        changes.records = [replace(first, base=first.observed), *others]
        agreed = first.observed or changes.bookings[0].agreed
        changes.bookings = [replace(changes.bookings[0], agreed=agreed)]
        return changes

    patch.setattr(looking, "as_it_was", as_it_is)


def _far(hour: float, system: str, other: str, slot: int) -> SimEvent:
    return at(hour, EventKind.BOOK_FAR, system, slot=slot, number=1, spelling=other)


_PAIR, _DRAG = _far(1, "crm", "clinic", 30), at(12, EventKind.DRAG_IN, "crm", slot=34)
_DRAGGED = day(_PAIR, _DRAG)
_SECOND = day(_PAIR, _far(1.1, "clinic", ALONE, 10), _DRAG)
_WEEKLY = day(_PAIR, _far(1.1, "crm", "clinic", 10), _DRAG)
_BOOKED = day(_far(1, "clinic", ALONE, 30), at(12, EventKind.BOOK, "crm", slot=36, number=1))

ABOUT_OUTSIDE: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (nobody_looks_beyond_the_window, _DRAGGED),
    (the_twin_counts_as_told, _DRAGGED),
    (the_nearest_candidate_counts, _SECOND),
    (counterparts_do_not_count, _WEEKLY),
    (whatever_is_new_was_moved_in, _BOOKED),
)
