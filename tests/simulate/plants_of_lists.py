"""Planted bugs in reading lists that end silently, and in what is known of calendars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncd.simulate.busy import CAP, Busy
from syncd.simulate.scenario import EventKind, Scenario
from syncd.systems.leadconnector import location_cache
from syncd.systems.leadconnector.blocks import BlockListing, Blocks
from syncd.systems.list_caps import KnownCap
from syncd.systems.ttl_cache import TtlCache
from tests.planted.swap import swap
from tests.simulate.days import at, day

Patch = pytest.MonkeyPatch

_LAST = 50
"""The slot at the end of the window: a list that shows its first rows hides it."""
_TWO_DAYS = 172_800.0


def a_capped_list_counts_as_whole(patch: Patch) -> None:
    """Whatever arrived of a list is all that there is."""
    swap(patch, KnownCap.is_suspicious, lambda _known, _rows: False)


def a_block_is_gone_as_a_list_shows_others(patch: Patch) -> None:
    """A list with any rows in it proves the absence of others, however long it is."""
    listed = Blocks.listed

    async def believing(self: Blocks, *given: Any, **named: Any) -> Any:
        return replace(await listed(self, *given, **named), whole=True)

    swap(patch, Blocks.listed, believing)


def any_row_proves_that_a_list_works(patch: Patch) -> None:
    """A list whose only row cannot be read proves the absence of others."""
    listed = Blocks.listed

    async def believing(self: Blocks, *given: Any, **named: Any) -> BlockListing:
        found = await listed(self, *given, **named)
        return replace(found, shows=True, each_shows=True) if found.items else found

    swap(patch, listed, believing)


def directories_are_kept(patch: Patch) -> None:
    """Which calendars are in which group is asked once, and not again for what lists lack."""
    patch.setattr(location_cache, "DIRECTORY_TTL", _TWO_DAYS)
    swap(patch, TtlCache.renew, lambda _self, _key: False)


def _with(busy: Busy, story: Scenario) -> Scenario:
    return replace(story, busy=busy)


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
    # Only lists tell of blocks there, and that is known.
    measured=(("clinic", "block_by_id"),),
)
_LISTED_BY_GROUP = replace(
    # Until that is measured, lists by group are compared with those of the calendars themselves.
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
