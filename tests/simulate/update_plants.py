"""Bugs in updates that replace a record, to be planted (see `plants`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncd.core import carry
from syncd.model import Operation
from syncd.systems.leadconnector import fields
from syncd.systems.leadconnector.updating import Updating
from syncd.systems.port import Done

Patch = pytest.MonkeyPatch


def updates_leave_the_status_out(patch: Patch) -> None:
    """An update on v2 sends all but the status, so that it becomes confirmed."""
    kept = fields.kept_of
    patch.setattr(
        fields, "kept_of", lambda item: {k: v for k, v in kept(item).items() if k != fields.STATUS}
    )


def updates_leave_the_texts_out(patch: Patch) -> None:
    """An update on v2 sends neither title nor description."""
    kept = fields.kept_of
    patch.setattr(
        fields,
        "kept_of",
        lambda item: {k: v for k, v in kept(item).items() if k not in fields.PRIVATE},
    )


def updates_are_not_compared(patch: Patch) -> None:
    """What an update reset although it was sent it stays so, and counts as news."""

    async def believing(_self: Any, operation: Operation, *_given: Any) -> Done:
        return Done([(operation.ref.id, None)])

    patch.setattr(Updating, "_compared", believing)


def a_move_carries_the_status(patch: Patch) -> None:
    """Whoever is moved is told the status of the one that moved, too."""
    carried = carry._operation

    def telling(booking: Any, *given: Any) -> Any:
        return carried(replace(booking, status_revision=booking.revision), *given)

    patch.setattr(carry, "_operation", telling)
