"""Bugs about what an operator has agreed to, erased and cleaned up, and about unread time.

Each has a day on which it breaks a promise.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.core.unread import Looks
from syncd.simulate.story import Story, What
from tests.simulate.days import at, day

Patch = pytest.MonkeyPatch


def a_block_is_made_where_nobody_has_looked(patch: Patch) -> None:
    """A near poll is enough to close a time weeks ahead that it does not show."""
    patch.setattr(Looks, "show", lambda *_given: True)


_UNREAD = day(
    at(2.3, What.BOOK_BOTH, "legacy", slot=100, spelling="crm"),
    at(2.99, What.FAULT, "legacy", fault="error", times=6),
)
"""A meeting is booked in two systems, and one of them does not answer the far read."""

ABOUT_OPERATORS: tuple[tuple[Callable[[Patch], None], Story], ...] = (
    (a_block_is_made_where_nobody_has_looked, _UNREAD),
)
