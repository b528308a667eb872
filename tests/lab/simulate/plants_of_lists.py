"""Planted bugs in reading capped lists, and in what is known of calendars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncd.lab.simulate.busy import CAP, Busy
from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.systems.leadconnector import location_cache
from syncd.systems.leadconnector.blocks import BlockFinder, BlockListing
from syncd.systems.list_caps import KnownCap
from syncd.systems.ttl_cache import TtlCache
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch

_LAST = 50
"""The slot at the end of the window: a list that shows its first rows hides it."""
_TWO_DAYS = 172_800.0


def a_capped_list_counts_as_whole(patch: Patch) -> None:
    """Treat a capped list as whole."""
    swap(patch, KnownCap.is_suspicious, lambda _known, _rows: False)


def a_block_is_gone_as_a_list_shows_others(patch: Patch) -> None:
    """Take any non-empty list as proof of absence, whatever its length."""
    listed = BlockFinder.listed

    async def believing(self: BlockFinder, *args: Any, **kwargs: Any) -> Any:
        return replace(await listed(self, *args, **kwargs), complete=True)

    swap(patch, BlockFinder.listed, believing)


def any_row_proves_that_a_list_works(patch: Patch) -> None:
    """A list whose only row cannot be read proves the absence of others."""
    listed = BlockFinder.listed

    async def believing(self: BlockFinder, *given: Any, **named: Any) -> BlockListing:
        found = await listed(self, *given, **named)
        return replace(found, shows=True, each_shows=True) if found.items else found

    swap(patch, listed, believing)


def directories_are_kept(patch: Patch) -> None:
    """Read the groups of calendars once, and never again for what lists lack."""
    patch.setattr(location_cache, "DIRECTORY_TTL", _TWO_DAYS)
    swap(patch, TtlCache.renew, lambda _self, _key: False)


def _with(busy: Busy, scenario: Scenario) -> Scenario:
    return replace(scenario, busy=busy)


_BOOKED = at(1, EventKind.BOOK, "clinic", slot=_LAST, number=2)
_BLOCKED = at(1, EventKind.BLOCK, "clinic", slot=_LAST, number=2)
_CAPPED = at(4, EventKind.CAP_LISTS, "clinic")
_REGROUPED = at(3, EventKind.REGROUP, "clinic")
_BOOKED_LATER = at(5, EventKind.BOOK, "clinic", slot=70)
_ODD_LISTS = replace(
    day(
        at(1, EventKind.BOOK, "crm", slot=70),
        at(2, EventKind.FAULT, "clinic", fault="odd-answer", times=30, spelling="not-utf8"),
    ),
    # Only lists show blocks there, and that is known.
    measured=(("clinic", "block_by_id"),),
)
_LISTED_BY_GROUP = replace(
    # Until that is measured, lists by group are compared with those of the calendars.
    day(_REGROUPED, _BOOKED_LATER),
    facts=(("clinic", "group_lists_all", "yes"),),
    measured=(("clinic", "group_lists_all"),),
)

ABOUT_LISTS: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (a_capped_list_counts_as_whole, _with(Busy(CAP + 6, "first"), day(_BOOKED))),
    (
        a_block_is_gone_as_a_list_shows_others,
        _with(Busy(CAP + 4, "first", late=True), day(_BLOCKED, _CAPPED)),
    ),
    (any_row_proves_that_a_list_works, _ODD_LISTS),
    (directories_are_kept, _LISTED_BY_GROUP),
)
