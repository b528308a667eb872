"""Bugs in reading odd times and texts, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from syncd.core.event_state import observation
from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.model import ranges
from syncd.systems import decoding
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def any_time_is_believed(patch: Patch) -> None:
    """Skip the range check: a null date moves a meeting to year 1."""
    patch.setattr(ranges, "readable", lambda _instant, _now: True)


def an_end_for_ever_is_not_cut(patch: Patch) -> None:
    """Create blocks that end in the year 9999."""
    patch.setattr(observation, "cut_end", lambda value, *_known: value)


def a_list_is_decoded_as_a_whole(patch: Patch) -> None:
    """Decode a list at once: one invalid text costs all rows."""

    def as_a_whole(body: bytes, shape: Any) -> tuple[Any, int]:
        return msgspec.json.decode(body, type=shape), len(body)

    swap(patch, decoding.decode_weighed, as_a_whole)


ABOUT_VALUES: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (
        any_time_is_believed,
        day(
            at(1, EventKind.BOOK, "clinic", slot=70),
            at(3, EventKind.NULL_DATE, "clinic", number=39),
        ),
    ),
    (
        an_end_for_ever_is_not_cut,
        day(at(1, EventKind.FOR_EVER, "clinic", slot=70)),
    ),
    (
        a_list_is_decoded_as_a_whole,
        day(at(1, EventKind.CUT_TEXT, "legacy"), at(2, EventKind.BOOK, "legacy", slot=70)),
    ),
)
