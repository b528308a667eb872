"""Bugs in updates that replace a record, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncd.core import propagation
from syncd.model import Operation
from syncd.simulate.scenario import EventKind, Scenario
from syncd.systems.leadconnector import fields
from syncd.systems.leadconnector.updating import Updater, _Update
from syncd.systems.port import Done
from tests.simulate.days import at, day

Patch = pytest.MonkeyPatch


def updates_leave_the_status_out(patch: Patch) -> None:
    """Leave the status out of updates on v2, so that it becomes confirmed."""
    whole: Any = vars(_Update)["body"]

    def body(update: _Update) -> dict[str, object]:
        sent: dict[str, object] = whole.fget(update)
        return {name: value for name, value in sent.items() if name != fields.STATUS}

    patch.setattr(_Update, "body", property(body))


def updates_leave_the_texts_out(patch: Patch) -> None:
    """Leave title and description out of updates on v2."""
    kept = fields.fields_to_send
    patch.setattr(
        fields,
        "fields_to_send",
        lambda item: {k: v for k, v in kept(item).items() if k not in fields.PRIVATE},
    )


def updates_are_not_compared(patch: Patch) -> None:
    """Never restore a status that an update reset, and treat it as a change."""

    async def believing(_self: Any, operation: Operation, *_given: Any) -> Done:
        return Done([(operation.ref.id, None)])

    patch.setattr(Updater, "_verify", believing)


def a_move_carries_the_status(patch: Patch) -> None:
    """Propagate the status together with a move."""
    carried = propagation._operation_to_agreed

    def telling(booking: Any, *args: Any) -> Any:
        return carried(replace(booking, status_revision=booking.revision), *args)

    patch.setattr(propagation, "_operation_to_agreed", telling)


_BOOKED = at(1, EventKind.BOOK, "legacy", slot=70)
_TWIN = at(2, EventKind.TWIN_AS, "clinic", slot=0)
_MOVED = at(5, EventKind.MOVE_TWINNED, "legacy", slot=34)
_RESETS = at(4.9, EventKind.FAULT, "clinic", fault="reset-fields", times=1, spelling="status")

ABOUT_UPDATES: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (updates_leave_the_status_out, day(_BOOKED, _TWIN, _MOVED)),
    (updates_leave_the_texts_out, day(_BOOKED, _TWIN, _MOVED)),
    (a_move_carries_the_status, day(_BOOKED, _TWIN, _MOVED)),
    (updates_are_not_compared, day(_BOOKED, _TWIN, _RESETS, _MOVED)),
)
