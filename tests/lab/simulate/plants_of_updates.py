"""Bugs in updates that replace a record, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from syncd.core.propagation import appointments as propagation
from syncd.core.propagation.appointments import Propagation
from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.model import Booking
from syncd.systems.leadconnector import fields
from syncd.systems.leadconnector.calls import Api
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def updates_leave_the_status_out(patch: Patch) -> None:
    """Leave the status out of updates on v2, so that it becomes confirmed."""
    send = Api.send

    async def without_status(
        calls: Api, method: str, path: str, body: Mapping[str, object], **named: Any
    ) -> Any:
        sent = {name: value for name, value in body.items() if name != fields.STATUS}
        return await send(calls, method, path, sent, **named)

    swap(patch, send, without_status)


def updates_leave_the_texts_out(patch: Patch) -> None:
    """Leave title and description out of updates on v2."""
    kept = fields.fields_to_send
    patch.setattr(
        fields,
        "fields_to_send",
        lambda item: {k: v for k, v in kept(item).items() if k not in fields.PRIVATE},
    )


def updates_are_not_compared(patch: Patch) -> None:
    """What an update reset although it was sent it stays so, and counts as news."""
    swap(patch, fields.reset_fields, lambda *_given: [])


def a_move_carries_the_status(patch: Patch) -> None:
    """Propagate the status together with a move."""
    propagate = propagation.propagate

    def telling(booking: Booking, *args: Any) -> Propagation:
        return propagate(replace(booking, status_revision=booking.revision), *args)

    swap(patch, propagate, telling)


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
