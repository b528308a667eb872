"""Bugs in the first writes of an account, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncd.engine.deciding import decision_input
from syncd.engine.writing import first_writes, writer
from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.model.event_fields import FieldComparison, compare_fields
from syncd.systems.leadconnector import updating
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def moves_go_on_after_a_difference(patch: Patch) -> None:
    """Report a damaged appointment, but stop no writes."""
    patch.setattr(first_writes, "waiting_updates", lambda _system: {})
    patch.setattr(decision_input, "waiting_updates", lambda _system: {})


def the_first_moves_are_made_at_once(patch: Patch) -> None:
    """Make all first moves at once, without waiting for the outcome of the first."""

    async def every(_system: Any, call: Any, *_given: Any) -> list[Any]:
        return list(call)

    patch.setattr(writer, "limit_first_writes", every)


def lost_hosts_go_unnoticed(patch: Patch) -> None:
    """Never compare the hosts of a meeting before and after an update."""
    patch.setattr(updating, "hosts_of", lambda _record: ())
    swap(patch, compare_fields, lambda *_given: FieldComparison(True, ()))


_TWINS = [
    step
    for n in range(2)
    for step in (
        at(1 + n, EventKind.BOOK, "clinic", slot=60 + 5 * n, number=n),
        at(1.1 + n, EventKind.TWIN_AS, "legacy", number=n),
    )
]
_MOVES = [
    at(6, EventKind.MOVE_TWINNED, "clinic", slot=20, number=0),
    at(6.01, EventKind.MOVE_TWINNED, "clinic", slot=40, number=1),
]
_DAMAGED = replace(day(*_TWINS, *_MOVES), damaging=("legacy",))

_HOSTS = [at(4 + n, EventKind.ADD_HOST, "clinic", number=n) for n in range(2)]
_MOVES_BACK = [replace(step, system="legacy") for step in _MOVES]
_DROPPED = replace(
    day(*_TWINS, *_HOSTS, *_MOVES_BACK), facts=(("clinic", "update_keeps_hosts", "no"),)
)
"""Two meetings with several hosts move elsewhere, and v2 drops the hosts of what is updated."""

ABOUT_FIRST_WRITES: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (moves_go_on_after_a_difference, _DAMAGED),
    (the_first_moves_are_made_at_once, _DAMAGED),
    (lost_hosts_go_unnoticed, _DROPPED),
)
