"""Planted bugs in the poll interval of each system, on a day with a tightly limited account."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from syncd.core.polling.rate import CallDemand, PollInterval, PollIntervals, fit_to_limits
from syncd.daemon import poll_scheduler
from syncd.lab.simulate.scenario import EventKind, Scenario
from tests.lab.simulate.days import at, day

Patch = pytest.MonkeyPatch


def all_have_the_slowest_pace(patch: Patch) -> None:
    """Poll every system at the interval of the slowest."""

    def one(near: timedelta, far: timedelta, needs: Sequence[CallDemand]) -> PollIntervals:
        fitting = fit_to_limits(near, far, needs)
        slowest = fitting.longest
        pace = PollInterval(slowest.near, slowest.far, tight=bool(fitting.limited))
        return PollIntervals(pace.near, pace.far, dict.fromkeys(fitting.systems, pace))

    patch.setattr(poll_scheduler, "fit_to_limits", one)


def no_account_is_tight(patch: Patch) -> None:
    """Poll every system as configured, whatever its account allows."""
    patch.setattr(
        poll_scheduler, "fit_to_limits", lambda near, far, _needs: PollIntervals(near, far)
    )


_FEW_CALLS = day(
    at(2, EventKind.LOWER_LIMIT, "clinic", times=12, seconds=3600.0),
    at(2.5, EventKind.BOOK, "crm", slot=24),
    at(5, EventKind.MOVE, "legacy", slot=30),
    at(7, EventKind.BOOK, "clinic", slot=70),
)

ABOUT_PACES: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (all_have_the_slowest_pace, _FEW_CALLS),
    (no_account_is_tight, _FEW_CALLS),
)
