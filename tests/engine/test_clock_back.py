"""Test that the clock may be set back between a read and the write that follows from it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.engine.absence_lookups import AbsenceLookups
from syncd.engine.reread import was_just_read
from syncd.engine.running_events import RunningEvents
from syncd.model import Action, Coverage, Kind, Operation, Window
from tests.core.kit import NOW, at, rec, v


@pytest.mark.parametrize(
    ("ago", "fresh"),
    [(timedelta(seconds=5), True), (timedelta(minutes=1), False), (timedelta(hours=-1), False)],
)
def test_only_a_read_of_a_moment_ago_spares_the_one_before_a_write(
    ago: timedelta, fresh: bool
) -> None:
    write = Operation(Action.MOVE_BLOCK, "b", "p", Kind.BLOCK, "b1", v(9), v(12))
    read = Coverage("b", "p", frozenset(Kind), Window(at(0), at(24)), NOW - ago)
    assert was_just_read(write, [read], NOW) is fresh


@pytest.mark.parametrize(
    ("passed", "due"),
    [(timedelta(seconds=5), False), (timedelta(days=1), True), (timedelta(hours=-1), True)],
)
def test_a_long_event_is_read_again_at_once_after_the_clock_was_set_back(
    passed: timedelta, *, due: bool
) -> None:
    running, event = RunningEvents(timedelta(days=7), timedelta(hours=1)), rec("a", "e", v(9))
    assert running.due([event], NOW, AbsenceLookups(), at_once=False) == [event]
    assert running.due([event], NOW + passed, AbsenceLookups(), at_once=False) == [event] * due
