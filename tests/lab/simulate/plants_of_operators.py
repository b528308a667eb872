"""Bugs about plans, erased customers, cleanups and unread time.

Each has a day on which it breaks a promise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from syncd.core.event_state.recent_reads import RecentReads
from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.store import Store
from syncd.store.tables.tables import REPLICA
from tests.lab.simulate.days import at, day
from tests.lab.simulate.plants_of_cleanup import every_block_counts_as_ours
from tests.planted.named import a_cleanup_pauses_nothing
from tests.planted.named_cleanup import a_plan_is_only_compared_before_the_run
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def a_block_is_made_where_nobody_has_looked(patch: Patch) -> None:
    """Block a time weeks ahead after a near poll, which does not show that time."""
    swap(patch, RecentReads.cover, lambda *_given: True)


def a_plan_that_differs_is_carried_out(patch: Patch) -> None:
    """Compare plans by the command only: the run writes whatever it decides."""
    a_plan_is_only_compared_before_the_run(patch)


def an_erased_customer_is_still_in_the_file(patch: Patch) -> None:
    """Change rows of an erased customer, but leave the free pages of the file."""
    swap(patch, Store.purge, lambda _self: None)


def an_erased_customer_is_still_linked(patch: Patch) -> None:
    """Erase a customer from appointments, but not from the links to their meetings."""
    execute = Store.execute

    def without_links(store: Store, statements: Sequence[Any]) -> int:
        return execute(store, [each for each in statements if each.table is not REPLICA])

    swap(patch, execute, without_links)


def the_next_poll_takes_a_cleanup_back(patch: Patch) -> None:
    """Pause nothing for a cleanup, so that the daemon makes the blocks again."""
    a_cleanup_pauses_nothing(patch)


def a_cleanup_beside_the_daemon_takes_every_block(patch: Patch) -> None:
    """Treat every block in a cleaned calendar as syncd's."""
    every_block_counts_as_ours(patch)


_BOOKED = at(1, EventKind.BOOK, "clinic", slot=70)
_PLANNED = (_BOOKED, at(1.01, EventKind.PLAN_OUT, ""))
_OTHERS = at(1.02, EventKind.BOOK, "legacy", number=1, slot=74)
_USED = at(1.05, EventKind.RESYNC_PLAN, "")
_ERASED = day(_BOOKED, at(3, EventKind.FORGET_PERSON, ""))
_OWN = at(2, EventKind.BLOCK, "clinic", slot=40)
_CLEANED = day(_BOOKED, _OWN, at(3, EventKind.CLEAN_UP_BESIDE, "crm"), at(6, EventKind.UNPAUSE, ""))

_UNREAD = day(
    at(2.3, EventKind.BOOK_BOTH, "legacy", slot=100, spelling="crm"),
    at(2.99, EventKind.FAULT, "legacy", fault="error", times=6),
)
"""A meeting is booked in two systems, and one of them does not answer the far read."""

ABOUT_OPERATORS: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (a_block_is_made_where_nobody_has_looked, _UNREAD),
    (a_plan_that_differs_is_carried_out, day(*_PLANNED, _OTHERS, _USED)),
    (an_erased_customer_is_still_in_the_file, _ERASED),
    (an_erased_customer_is_still_linked, _ERASED),
    (the_next_poll_takes_a_cleanup_back, _CLEANED),
    (a_cleanup_beside_the_daemon_takes_every_block, _CLEANED),
)
