"""Bugs of lists, conflicts and guards, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.lab.simulate.scenario import Scenario, draw_scenario
from syncd.systems.last_read import LastRead, ListGaps, ListingKind
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def every_missed_event_makes_its_lists_outdated(patch: Patch) -> None:
    """Void a provider's coverage for an event on a calendar that is not read for it."""
    swap(patch, LastRead.listing, lambda *_given: ListingKind.GROUP)
    begin = ListGaps.begin

    def begin_anew(gaps: ListGaps, last: LastRead) -> None:
        ListGaps.__init__(gaps)
        begin(gaps, last)

    swap(patch, begin, begin_anew)


ABOUT_LEFTOVERS: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (every_missed_event_makes_its_lists_outdated, draw_scenario(71)),
)
