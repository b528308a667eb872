"""Bugs about rescheduled meetings, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncd.core import reconcile
from syncd.core.matching import match as matching
from syncd.core.matching import rebooked
from syncd.core.matching.rebooked import (
    NO_REBOOKINGS,
    CalledOff,
    PossibleSuccessor,
    RebookedPairs,
    Rebookings,
)
from syncd.lab.simulate.scenario import EventKind, Scenario
from tests.lab.simulate.days import at, day

Patch = pytest.MonkeyPatch


def the_time_does_not_count(patch: Patch) -> None:
    """Take any meeting of the client as the rebooked one, whenever it was booked."""

    def follows(ended: CalledOff, booked: PossibleSuccessor, _what: Rebookings) -> bool:
        old, new = ended.record, booked.record
        return (old.system, old.customer, old.service) == (new.system, new.customer, new.service)

    patch.setattr(rebooked, "is_rebooking_of", follows)


def the_first_hit_counts(patch: Patch) -> None:
    """Take the first of several candidates."""
    pair = rebooked.pair_rebookings

    def first(rebookings: Rebookings, *args: Any) -> RebookedPairs:
        pairs = pair(rebookings, *args)
        hits = tuple((ended, after[0]) for ended, after in pairs.doubtful)
        return RebookedPairs((*pairs.certain, *hits))

    patch.setattr(matching, "pair_rebookings", first)


def a_cancellation_is_always_the_end(patch: Patch) -> None:
    """Match only events that vanished, not cancelled ones."""
    patch.setattr(reconcile, "rebookings", lambda *_given: NO_REBOOKINGS)


def what_opened_a_booking_is_another_meeting(patch: Patch) -> None:
    """Ignore a new booking that came before the cancellation."""
    patch.setattr(rebooked, "lone_appointments", lambda _draft: [])


_BOOKED, _TWIN = at(1, EventKind.BOOK, "clinic", slot=34), at(1.5, EventKind.TWIN, "legacy", slot=1)


def rebooked_day(slot: int, *, times: int = 1) -> Scenario:
    """Return a day on which a meeting of two systems is cancelled and rebooked.

    The cancellation comes first for an even slot, last for an odd one.
    """
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
