"""Bugs in what waits, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.event_state import observation
from syncd.engine import context, cycle
from syncd.engine.deciding import decision_input
from syncd.engine.writing.waiting import WaitingWrites
from syncd.lab.simulate.scenario import EventKind, Scenario, SimEvent
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def what_cannot_be_written_is_dropped(patch: Patch) -> None:
    """Forget the writes that wait, and end as if there were none."""
    swap(patch, WaitingWrites.of, lambda *_given: [])


def a_wrong_clock_frees_time(patch: Patch) -> None:
    """Never compare the host's clock with those of the platforms."""
    patch.setattr(cycle, "check_clock", lambda *_given: None)


def a_clock_s_error_holds_nothing_back(patch: Patch) -> None:
    """Measure the clock's error, but let removals go on."""
    case_of = decision_input.build_input
    swap(patch, case_of, lambda *args, **more: replace(case_of(*args, **more), why_not_freed=None))


def what_is_over_by_a_wrong_clock_is_not_closed(patch: Patch) -> None:
    """Decide by the host's clock, however wrong it is."""
    swap(patch, context.Context.now, lambda ctx: ctx.clock.now())


def a_clock_that_was_set_back_hides_changes(patch: Patch) -> None:
    """Treat every read as older than writes that a clock put into the future."""
    patch.setattr(observation, "MAX_READ", timedelta(days=36_500))


HOURS = 3600.0
_MEETING = at(1, EventKind.BOOK, "clinic", slot=70)
_FORBIDDEN = at(2, EventKind.FORBID_WRITES, "crm")
_LATER = at(3, EventKind.BOOK, "clinic", slot=70, number=1)
_AHEAD = SimEvent(4 * HOURS, EventKind.HOST_CLOCK, seconds=72 * HOURS)
_CANCELLED = at(6, EventKind.CANCEL, "clinic")

ABOUT_WAITING: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (what_cannot_be_written_is_dropped, day(_MEETING, _FORBIDDEN, _LATER)),
    (a_wrong_clock_frees_time, day(_MEETING, _AHEAD, _CANCELLED)),
    (a_clock_s_error_holds_nothing_back, day(_MEETING, _AHEAD, _CANCELLED)),
    (
        what_is_over_by_a_wrong_clock_is_not_closed,
        day(_AHEAD, at(6, EventKind.BOOK, "clinic", slot=70)),
    ),
    (
        a_clock_that_was_set_back_hides_changes,
        day(
            at(0.5, EventKind.BOOK, "clinic", slot=70),
            at(0.6, EventKind.TWIN, "crm", slot=1),
            SimEvent(1 * HOURS, EventKind.HOST_CLOCK, seconds=72 * HOURS),
            at(3, EventKind.MOVE, "clinic", slot=34),
            SimEvent(6 * HOURS, EventKind.HOST_CLOCK, seconds=-72 * HOURS),
            at(8.9, EventKind.MOVE, "crm", slot=54),
        ),
    ),
)
