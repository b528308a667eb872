"""Bugs in what the guard counts and withholds, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from syncd.core import reconcile
from syncd.core.mass_change import guard as mass_change_guard
from syncd.engine.deciding import decision_input, guard, guard_stops
from syncd.engine.reading.recent_changes import RecentChanges
from syncd.lab.simulate.scenario import EventKind, Scenario, SimEvent
from syncd.model import Conflict, TrackedEvent, WaitReason
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def records_are_counted(patch: Patch) -> None:
    """Count each guest of a class as a meeting."""

    def each(records: Iterable[TrackedEvent]) -> int:
        return len(list(records))

    patch.setattr(mass_change_guard, "count_meetings", each)


def a_stop_is_of_the_whole_system(patch: Patch) -> None:
    """Believe nothing of a system that has a stopped calendar."""
    made: Callable[..., Any] = decision_input.build_input

    def silent(engine: Any, *args: Any, **kwargs: Any) -> Any:
        found = made(engine, *args, **kwargs)
        names = {h.conflict.subject.split("/")[0] for h in guard_stops.open_stops(engine.store)}
        names |= {c.subject.split("/")[0] for each in args[3].guards.values() for c in each}
        calendars = {
            name: replace(calendar, trusted=False, blocked=WaitReason.GUARD)
            if name in names
            else calendar
            for name, calendar in found.calendars.items()
        }
        return replace(found, calendars=calendars)

    swap(patch, decision_input.build_input, silent)


def the_new_time_of_a_stopped_move_stays_open(patch: Patch) -> None:
    """Close only the old times of stopped meetings."""
    patch.setattr(reconcile, "close_stopped", lambda *_given: None)


def everything_is_accepted(patch: Patch) -> None:
    """Accept everything that is stopped when a person accepts a run."""

    def every(_store: Any, _run: str, found: Iterable[Conflict], *more: Any) -> int:
        conflicts = list(found)
        return accept_stops(_store, guard_stops.dry_run_of(conflicts), conflicts, *more)

    accept_stops = guard_stops.accept_stops
    swap(patch, accept_stops, every)


def what_was_carried_lately_does_not_count(patch: Patch) -> None:
    """Judge a mass edit in slices slice by slice."""

    def nothing(*_given: Any) -> Mapping[str, Any]:
        return {}

    swap(patch, RecentChanges.carried, nothing)


def a_list_proves_that_all_is_gone(patch: Patch) -> None:
    """Believe that a calendar lost all of its events without a proof."""
    patch.setattr(mass_change_guard, "is_proven_gone", lambda _record: True)


def a_stop_forgets_what_has_passed(patch: Patch) -> None:
    """Release a stopped meeting when its time has passed."""
    tally: Callable[..., Any] = mass_change_guard.tally

    def ahead(*args: Any, **kwargs: Any) -> Any:
        return tally(*args, **{**kwargs, "stopped": frozenset()})

    patch.setattr(guard, "tally", ahead)


def fill(system: str, hour: float, times: int, number: int = 0) -> SimEvent:
    return at(hour, EventKind.FILL, system, slot=64, times=times, number=number)


ABOUT_STOPS: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (
        records_are_counted,
        day(
            at(2, EventKind.BOOK_CLASS, "clinic", slot=30, times=12),
            at(10, EventKind.MOVE_CLASS, "clinic", slot=40),
        ),
    ),
    (
        a_stop_is_of_the_whole_system,
        day(
            fill("clinic", 2, 14),
            at(9, EventKind.WIPE, "clinic"),
            at(12, EventKind.BOOK, "clinic", slot=68, number=1),
        ),
    ),
    (
        the_new_time_of_a_stopped_move_stays_open,
        day(fill("clinic", 2, 7), at(9, EventKind.SHIFT, "clinic")),
    ),
    (
        everything_is_accepted,
        day(
            fill("legacy", 2, 14),
            at(9, EventKind.SLICE, "legacy", times=12),
            at(14, EventKind.BOOK, "legacy", slot=68, number=1),
            at(15, EventKind.SLICE, "legacy", times=2),
            at(18, EventKind.ACCEPT, "", slot=1),
        ),
    ),
    (
        what_was_carried_lately_does_not_count,
        day(
            fill("crm", 2, 20),
            at(9, EventKind.SLICE, "crm", times=6),
            at(9.4, EventKind.SLICE, "crm", times=6),
            at(9.8, EventKind.SLICE, "crm", times=6),
        ),
    ),
    (
        a_list_proves_that_all_is_gone,
        day(
            at(2, EventKind.BLOCK, "clinic", slot=20),
            at(2.1, EventKind.BLOCK, "clinic", slot=26),
            at(2.2, EventKind.BLOCK, "clinic", slot=32),
            at(3, EventKind.BOOK, "crm", slot=40),
            at(9, EventKind.CLEAR, "clinic"),
        ),
    ),
    (
        a_stop_forgets_what_has_passed,
        Scenario(
            22,
            datetime(2027, 12, 30, 20, 0, tzinfo=UTC),
            24.0,
            (
                SimEvent(12848.3, EventKind.FILL, "crm", 840, 9, times=12),
                SimEvent(32865.0, EventKind.TWIN, "legacy", 380, 441),
                SimEvent(33345.8, EventKind.SHIFT, "crm", 840),
            ),
            rules=(("moved_apart", "latest"), ("moved_and_cancelled", "move")),
        ),
    ),
)
