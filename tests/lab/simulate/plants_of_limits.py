"""Planted bugs in rate limits and in reads by id, each with a day that shows it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.systems import response_fault
from syncd.systems.facts import FactStore
from syncd.systems.learned_limits import LIMIT_FACTS
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def limits_are_forgotten_at_restart(patch: Patch) -> None:
    """Learn the limits of an account anew in each process."""
    load = FactStore.load

    def forgetful(self: FactStore, facts: object) -> None:
        load(self, [f for f in facts if f.name not in LIMIT_FACTS])  # type: ignore[attr-defined]

    swap(patch, FactStore.load, forgetful)


def a_limit_told_as_403_is_a_lost_right(patch: Patch) -> None:
    """Judge an answer by its status only: a rate limit sent as 403 is a lost permission."""
    patch.setattr(response_fault, "overload_text", lambda *_given: "")


_LOWERED = at(2, EventKind.LOWER_LIMIT, "clinic", slot=0, number=0)
_BUSY = at(2.5, EventKind.FILL, "crm", slot=24, times=20)
_DIED = at(6, EventKind.CRASH, "", number=1)
_BUSIER = at(8, EventKind.FILL, "crm", slot=48, number=1, times=20)

ABOUT_LIMITS: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (limits_are_forgotten_at_restart, day(_LOWERED, _BUSY, _DIED, _BUSIER)),
    (a_limit_told_as_403_is_a_lost_right, day(_LOWERED, _BUSY, _BUSIER)),
)
