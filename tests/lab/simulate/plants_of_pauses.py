"""Bugs in pauses, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncd.core.decision import DecisionInput
from syncd.engine.deciding import decision_input
from syncd.engine.writing.pauses import WritePauses
from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.model import ExposureCause, WaitReason
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def a_pause_is_not_looked_at(patch: Patch) -> None:
    """Store and confirm a pause, but ignore it in decisions and writes."""
    swap(patch, WritePauses.reason, lambda *_given: None)
    swap(patch, WritePauses.reason_now, lambda *_given: None)


def a_pause_of_a_provider_is_forgotten(patch: Patch) -> None:
    """Look up pauses of systems only."""
    for name in ("reason", "reason_now"):
        asks = getattr(WritePauses, name)
        patch.setattr(
            WritePauses, name, lambda self, _who, system, asks=asks: asks(self, "", system)
        )


def what_is_paused_counts_as_waiting(patch: Patch) -> None:
    """Count writes held back by a pause as waiting: every run ends with 4."""
    swap(patch, WaitReason.held_back, property(lambda _why: False))


def what_is_paused_is_no_source_any_more(patch: Patch) -> None:
    """Treat a paused system as one that does not answer."""
    build_input = decision_input.build_input

    def silent(*given: Any, **more: Any) -> DecisionInput:
        found = build_input(*given, **more)
        calendars = {
            system: replace(each, trusted=each.trusted and not each.held_back)
            for system, each in found.calendars.items()
        }
        return replace(found, calendars=calendars)

    swap(patch, build_input, silent)


def what_is_open_because_of_a_pause_is_not_told_so(patch: Patch) -> None:
    """Report time that a pause leaves open as if the next cycle closed it."""
    swap(patch, WritePauses.exposure_cause, lambda *_given: ExposureCause.UNCLOSED)


_SYSTEM = at(1, EventKind.PAUSE, "legacy", slot=0)
_PROVIDER = at(1, EventKind.PAUSE, "legacy", slot=1)
_BOOKED = at(3, EventKind.BOOK, "clinic", slot=70)

ABOUT_PAUSES: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (a_pause_is_not_looked_at, day(_SYSTEM, _BOOKED)),
    (a_pause_of_a_provider_is_forgotten, day(_PROVIDER, _BOOKED)),
    (what_is_paused_counts_as_waiting, day(_SYSTEM, _BOOKED)),
    (what_is_paused_is_no_source_any_more, day(_SYSTEM, at(3, EventKind.BOOK, "legacy", slot=70))),
    (
        what_is_open_because_of_a_pause_is_not_told_so,
        day(_SYSTEM, at(3, EventKind.BOOK, "clinic", slot=53)),
    ),
)
