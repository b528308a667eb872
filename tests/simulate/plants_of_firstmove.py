"""Bugs in the first writes of an account, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncd.engine import case, execute, first_writes
from syncd.simulate.story import Story, What
from tests.simulate.days import at, day

Patch = pytest.MonkeyPatch


def moves_go_on_after_a_difference(patch: Patch) -> None:
    """A damage is reported, and stops nothing."""
    patch.setattr(first_writes, "held_updates", lambda _system: {})
    patch.setattr(case, "held_updates", lambda _system: {})


def the_first_moves_are_made_at_once(patch: Patch) -> None:
    """Nobody waits for the outcome of the first one."""

    async def every(_system: Any, call: Any, *_given: Any) -> list[Any]:
        return list(call)

    patch.setattr(execute, "admitted", every)


def after_a_crash_nothing_is_compared(patch: Patch) -> None:
    """What the record was like is kept in the process only, and only while the call lasts."""

    async def forgotten(_systems: Any, _desk: Any) -> None:
        return None

    async def forget(system: Any, _desk: Any) -> None:
        system.facts.put("first_write", "")

    patch.setattr("syncd.engine.cycle.look_after", forgotten)
    patch.setattr(first_writes, "settle", forget)


_TWINS = [
    step
    for n in range(2)
    for step in (
        at(1 + n, What.BOOK, "clinic", slot=60 + 5 * n, number=n),
        at(1.1 + n, What.TWIN_AS, "legacy", number=n),
    )
]
_MOVES = [
    at(6, What.MOVE_TWINNED, "clinic", slot=20, number=0),
    at(6.01, What.MOVE_TWINNED, "clinic", slot=40, number=1),
]
_LOST = at(5.9, What.FAULT, "legacy", fault="lose-after", times=1)
_DAMAGED = replace(day(*_TWINS, *_MOVES), damaging=("legacy",))

ABOUT_FIRST_WRITES: tuple[tuple[Callable[[Patch], None], Story], ...] = (
    (moves_go_on_after_a_difference, _DAMAGED),
    (the_first_moves_are_made_at_once, _DAMAGED),
)
