"""Planted bugs in how blocks cover the buffers of v2 calendars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncd.core import reconcile
from syncd.core.blocks import buffers
from syncd.core.blocks.buffers import buffer_of
from syncd.core.propagation.bookings import propagate_all
from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.model import NO_BUFFER, Action, Buffer, Operation
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def a_block_has_no_buffer(patch: Patch) -> None:
    """Block the meeting only, whatever buffers are configured."""
    swap(patch, Buffer.expand, lambda _self, value: value)


def a_twin_moves_with_the_buffer(patch: Patch) -> None:
    """Send a twin the time that blocks cover."""

    def wide(workspace: Any, calendars: Any, *args: Any) -> Any:
        operations, *rest = propagate_all(workspace, calendars, *args)
        return ([_widened(workspace, calendars, o) for o in operations], *rest)

    patch.setattr(reconcile, "propagate_all", wide)


def _widened(workspace: Any, calendars: Any, operation: Operation) -> Operation:
    if operation.action is not Action.MOVE_APPOINTMENT or operation.after is None:
        return operation
    booking = workspace.bookings[operation.bookings[0]]
    buffer = buffer_of(workspace, calendars, booking, operation.system)
    return replace(operation, after=buffer.expand(operation.after))


def every_meeting_has_the_buffer(patch: Patch) -> None:
    """Block meetings of systems without buffers as if they had those of v2."""

    def widest(_draft: Any, calendars: Any, *_given: Any) -> Buffer:
        found = (b for calendar in calendars.values() for b in calendar.buffers.values())
        return next(found, NO_BUFFER)

    patch.setattr(buffers, "buffer_of", widest)


_BOOKED = at(1, EventKind.BOOK, "clinic", slot=70)
_TWIN = at(2, EventKind.TWIN, "crm", slot=1)
_MOVED = at(4, EventKind.MOVE, "clinic", slot=34)


def _buffered(*steps: Any) -> Scenario:
    return replace(day(*steps), buffers=(5, 10))


ABOUT_BUFFERS: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (a_block_has_no_buffer, _buffered(_BOOKED)),
    (a_twin_moves_with_the_buffer, _buffered(_BOOKED, _TWIN, _MOVED)),
    (every_meeting_has_the_buffer, _buffered(at(1, EventKind.BOOK, "crm", slot=70))),
)
