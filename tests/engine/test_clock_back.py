"""The clock of the host is set back between a read and the write that follows from it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.engine.reread import just_read
from syncd.model import Action, Coverage, Kind, Operation, Window
from tests.core.kit import NOW, at, v


@pytest.mark.parametrize(
    ("ago", "fresh"),
    [(timedelta(seconds=5), True), (timedelta(minutes=1), False), (timedelta(hours=-1), False)],
)
def test_only_a_read_of_a_moment_ago_spares_the_one_before_a_write(
    ago: timedelta, fresh: bool
) -> None:
    write = Operation(Action.MOVE_BLOCK, "b", "p", Kind.BLOCK, "b1", v(9), v(12))
    read = Coverage("b", "p", frozenset(Kind), Window(at(0), at(24)), NOW - ago)
    assert just_read(write, [read], NOW) is fresh
