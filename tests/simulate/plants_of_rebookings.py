"""Bugs about what was cancelled and booked anew, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncd.core import matching, rebooked, reconcile
from syncd.core.rebooked import (
    NO_REBOOKINGS,
    CalledOff,
    PossibleSuccessor,
    RebookedPairs,
    Rebookings,
)
from syncd.simulate.scenario import EventKind, Scenario
from tests.simulate.days import at, day

Patch = pytest.MonkeyPatch


def the_time_does_not_count(patch: Patch) -> None:
    """Whatever the client has booked, whenever that was, is what the cancelled meeting became."""

    def follows(ended: CalledOff, booked: PossibleSuccessor, _what: Rebookings) -> bool:
        old, new = ended.record, booked.record
        return (old.system, old.person, old.service) == (new.system, new.person, new.service)

    patch.setattr(rebooked, "is_rebooking_of", follows)


def the_first_hit_counts(patch: Patch) -> None:
    """Where several could be it, the first one is."""
    pair = rebooked.pair_rebookings

    def first(what: Rebookings, *given: Any) -> RebookedPairs:
        found = pair(what, *given)
        hits = tuple((ended, after[0]) for ended, after in found.doubtful)
        return RebookedPairs((*found.certain, *hits))

    patch.setattr(matching, "pair_rebookings", first)


def a_cancellation_is_always_the_end(patch: Patch) -> None:
    """Only what vanished can have come back."""
    patch.setattr(reconcile, "rebookings", lambda *_given: NO_REBOOKINGS)


def what_opened_a_booking_is_another_meeting(patch: Patch) -> None:
    """Who books first and cancels then is not understood."""
    patch.setattr(rebooked, "lone_appointments", lambda _draft: [])


_BOOKED, _TWIN = at(1, EventKind.BOOK, "clinic", slot=34), at(1.5, EventKind.TWIN, "legacy", slot=1)


def rebooked_day(slot: int, *, times: int = 1) -> Scenario:
    """A meeting of two systems is cancelled, first (even) or last, and booked anew."""
    first = at(12.25, EventKind.REBOOK, "clinic", slot=slot, number=1)
    return day(_BOOKED, _TWIN, first, replace(first, at=first.at + 600, times=times))


_WEEKLY = day(
    at(1, EventKind.WEEKLY, "clinic", slot=34, number=1),
    at(12, EventKind.CANCEL_WEEKLY, "clinic", number=1),
)

ABOUT_REBOOKINGS: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (the_time_does_not_count, _WEEKLY),
    (the_first_hit_counts, rebooked_day(40, times=2)),
    (a_cancellation_is_always_the_end, rebooked_day(40)),
    (what_opened_a_booking_is_another_meeting, rebooked_day(41)),
)
