"""Bugs of lists, conflicts and guards, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.simulate.scenario import Scenario, draw_scenario
from syncd.systems import last_read
from syncd.systems.last_read import LastRead, ListingKind

Patch = pytest.MonkeyPatch


def every_missed_event_makes_its_lists_outdated(patch: Patch) -> None:
    """Void a provider's coverage for an event on a calendar that is not read for it."""
    patch.setattr(LastRead, "listing", lambda *_given: ListingKind.GROUP)
    patch.setattr(last_read.ListGaps, "begin", _begin_anew)


def _begin_anew(self: last_read.ListGaps, last: LastRead) -> None:
    self._last, self._renewed = last, False


ABOUT_LEFTOVERS: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (every_missed_event_makes_its_lists_outdated, draw_scenario(71)),
)
