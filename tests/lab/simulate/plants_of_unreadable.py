"""Bugs in the handling of broken rows, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncd.core.conflicts import reported
from syncd.core.conflicts.reported import ItemChanges, ReadScope
from syncd.engine.deciding import ownership
from syncd.engine.reading import observe as reading
from syncd.engine.reading.first_read import ReadProgress
from syncd.engine.reading.observation import Observation
from syncd.engine.report.reported_items import ReportedItems
from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.systems.errors import IncompleteReadError
from syncd.systems.port import Snapshot
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def an_unnamed_row_takes_its_system_down(patch: Patch) -> None:
    """Treat a list with a row without an id as a failure of the whole system."""
    settle = ReportedItems.save

    async def fails(self: ReportedItems, read: Any, *args: Any, **kwargs: Any) -> ItemChanges:
        if read.snapshot.unproven:
            read.seen.fail(IncompleteReadError(read.system.name, "GET", status=200))
        return await settle(self, read, *args, **kwargs)

    swap(patch, ReportedItems.save, fails)


def an_unnamed_row_leaves_its_calendars_unwritable(patch: Patch) -> None:
    """Write only to calendars that were read without an unreadable row."""

    def drop(snapshot: Snapshot, **changes: Any) -> Snapshot:
        return replace(snapshot, **{**changes, "unproven": []})

    patch.setattr(reading, "replace", drop)


def nobody_is_told_of_broken_rows(patch: Patch) -> None:
    """Store no reported items."""

    async def nothing(*_given: Any, **_named: Any) -> ItemChanges:
        return ItemChanges()

    swap(patch, ReportedItems.save, nothing)


def what_is_reported_never_ends(patch: Patch) -> None:
    """Keep a record reported that is readable again."""
    update_items = reported.update_items
    swap(patch, update_items, lambda *given: replace(update_items(*given), ended=[]))


def a_near_read_ends_what_lies_ahead(patch: Patch) -> None:
    """End reports of what a shorter read does not show."""
    update_items = reported.update_items

    def as_if_full(items: Any, shown: Any, scope: ReadScope) -> ItemChanges:
        return update_items(items, shown, replace(scope, full=True, deepest=True))

    swap(patch, update_items, as_if_full)


def a_list_with_an_unnamed_row_explains_everything(patch: Patch) -> None:
    """After a lost state, remove unexplained blocks although a row has no id."""
    swap(patch, Observation.whole, Observation.arrived)
    patch.setattr(ownership, "unread_systems", lambda *_given: frozenset())


def a_row_without_an_id_is_no_block_of_ours(patch: Patch) -> None:
    """After a lost state, create a block again whose row has no id."""
    swap(patch, ReadProgress.may_hide_blocks, lambda *_place: False)


_FIRST = (
    at(0.2, EventKind.BOOK, "clinic", slot=70),
    at(0.2, EventKind.BOOK, "crm", slot=73, number=1),
)
_LATER = (at(22.7, EventKind.BOOK, "legacy", slot=76, number=2),)

ABOUT_UNREADABLE: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (
        an_unnamed_row_takes_its_system_down,
        day(*_FIRST, at(2, EventKind.NO_OBJECT, "clinic"), *_LATER),
    ),
    (
        an_unnamed_row_leaves_its_calendars_unwritable,
        day(at(0, EventKind.BOOK, "legacy", slot=70), at(0, EventKind.NO_ID, "legacy"), *_LATER),
    ),
    (nobody_is_told_of_broken_rows, day(*_FIRST, at(2, EventKind.NO_END, "crm"))),
    (
        what_is_reported_never_ends,
        day(*_FIRST, at(2, EventKind.NO_END, "clinic"), at(9, EventKind.REPAIR_ROWS, "clinic")),
    ),
    (
        a_near_read_ends_what_lies_ahead,
        day(at(0.2, EventKind.BOOK, "legacy", slot=50), at(2, EventKind.NO_END, "legacy")),
    ),
    (
        a_list_with_an_unnamed_row_explains_everything,
        day(at(5, EventKind.NO_OBJECT, "clinic"), at(6, EventKind.STATE_LOST, "")),
    ),
    (
        a_row_without_an_id_is_no_block_of_ours,
        day(at(5, EventKind.NO_OBJECT, "legacy"), at(6, EventKind.STATE_LOST, "")),
    ),
)
