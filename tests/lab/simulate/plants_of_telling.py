"""Bugs in what the operator is told, each with a day on which exit code and state differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.core.conflicts import queue as conflict_queue
from syncd.engine.report import run_exit
from syncd.engine.report import run_report as report
from syncd.engine.report import update as report_update
from syncd.engine.report.run_report import Remaining
from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.model import ReportedItem, Topic
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def double_bookings_end_with_zero(patch: Patch) -> None:
    """Show double bookings in the list of conflicts only."""
    exits = {**run_exit.EXIT_OF_REMAINING, Remaining.DOUBLE_BOOKINGS: report.RunExit.DONE}
    patch.setattr(run_exit, "EXIT_OF_REMAINING", exits)


def double_bookings_are_not_counted(patch: Patch) -> None:
    """Find double bookings, but do not count them in the report."""
    tell = report_update.update_report

    async def forgets(engine: Any, report: Any, *given: Any) -> None:
        await tell(engine, report, *given)
        report.double_bookings = report.doubles_open = 0

    swap(patch, tell, forgets)


def an_acknowledged_item_that_changed_stays_silent(patch: Patch) -> None:
    """Keep an item acknowledged although its record changed."""
    patch.setattr(ReportedItem, "inputs", "")


def an_acknowledged_double_booking_stays_silent_when_one_moves(patch: Patch) -> None:
    """Keep a double booking acknowledged although it is at other times now."""
    settle = conflict_queue.update_queue

    def same(workspace: Any, conflicts: Any, *args: Any, **kwargs: Any) -> None:
        old = {h.conflict.subject: h.conflict for h in workspace.state.conflicts}
        unchanged = [old.get(c.subject, c) for c in conflicts]
        settle(workspace, unchanged, *args, **kwargs)

    swap(patch, settle, same)


def unreadable_records_end_with_zero(patch: Patch) -> None:
    """Show unreadable records, but end no run with 3 because of them."""
    patch.setattr(run_exit, "REMAINING_OF_TOPIC", {Topic.LIST: Remaining.LISTS})


_TWICE = (
    at(1, EventKind.BOOK, "clinic", slot=70),
    at(1.1, EventKind.BOOK, "legacy", slot=71),
)

ABOUT_TELLING: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (double_bookings_end_with_zero, day(*_TWICE)),
    (double_bookings_are_not_counted, day(*_TWICE)),
    (
        an_acknowledged_item_that_changed_stays_silent,
        day(
            at(0.5, EventKind.BOOK, "clinic", slot=70),
            at(2, EventKind.NO_END, "clinic"),
            at(8, EventKind.ACKNOWLEDGE, ""),
            at(12, EventKind.NO_OWNER, "clinic"),
        ),
    ),
    (
        an_acknowledged_double_booking_stays_silent_when_one_moves,
        day(*_TWICE, at(6, EventKind.ACKNOWLEDGE, ""), at(9, EventKind.MOVE, "legacy", slot=53)),
    ),
    (
        unreadable_records_end_with_zero,
        day(at(0.5, EventKind.BOOK, "legacy", slot=70), at(2, EventKind.NO_END, "legacy")),
    ),
)
