"""Planted bugs in the pace of each system, with a day on which one account allows few calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from syncd.core.budget import Need, Pace, Paces, fit
from syncd.daemon import rounds
from syncd.simulate.story import Story, What
from tests.simulate.days import at, day

Patch = pytest.MonkeyPatch


def all_have_the_slowest_pace(patch: Patch) -> None:
    """One account that allows few calls stretches the intervals of every system."""

    def one(near: timedelta, far: timedelta, needs: Sequence[Need]) -> Paces:
        fitting = fit(near, far, needs)
        slowest = fitting.slowest
        pace = Pace(slowest.near, slowest.far, tight=bool(fitting.tight))
        return Paces(pace.near, pace.far, dict.fromkeys(fitting.systems, pace))

    patch.setattr(rounds, "fit", one)


def no_account_is_tight(patch: Patch) -> None:
    """Every system is polled as configured, whatever its account allows."""
    patch.setattr(rounds, "fit", lambda near, far, _needs: Paces(near, far))


_FEW_CALLS = day(
    at(2, What.LOWER_LIMIT, "clinic", times=12, seconds=3600.0),
    at(2.5, What.BOOK, "crm", slot=24),
    at(5, What.MOVE, "legacy", slot=30),
    at(7, What.BOOK, "clinic", slot=70),
)

ABOUT_PACES: tuple[tuple[Callable[[Patch], None], Story], ...] = (
    (all_have_the_slowest_pace, _FEW_CALLS),
    (no_account_is_tight, _FEW_CALLS),
)
