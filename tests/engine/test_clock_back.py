"""Test that the clock may be set back between a read and the write that follows from it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.core.polling.slices import ROUNDS
from syncd.engine.reading.absence_lookups import AbsenceLookups
from syncd.engine.reading.recent_changes import CHANGED, RecentChanges
from syncd.engine.reading.running_events import RunningEvents
from syncd.engine.writing.reread import was_just_read
from syncd.model import Action, Changes, Coverage, HistoryEntry, Kind, Operation, Window
from tests.core.kit import NOW, at, rec, v
from tests.engine.conftest import Rig


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


@pytest.mark.parametrize("restarts", [False, True])
def test_a_change_from_a_clock_that_was_ahead_counts_for_one_interval(
    rig: Rig, *, restarts: bool
) -> None:
    """Its age is unknown; it counts as made when the clock was set back."""
    every, ahead = timedelta(minutes=15), NOW + timedelta(days=1)
    note = HistoryEntry(at=ahead, run="", provider="p", what=CHANGED, system="a", event="a1")
    rig.store.apply(Changes(history=[note]))
    recent = RecentChanges(rig.store, every)
    if not restarts:
        assert set(recent.carried(ahead)) == {"p"}
    assert set(recent.carried(NOW)) == {"p"}
    assert set(recent.carried(NOW + every / 2)) == {"p"}
    assert not recent.carried(NOW + every)


def test_a_window_from_a_clock_that_was_ahead_is_not_kept_for_longer(rig: Rig) -> None:
    every, ahead = timedelta(minutes=15), NOW + timedelta(days=1)
    recent = RecentChanges(rig.store, every)
    later = Window(ahead, ahead + timedelta(days=2))
    recent.note_read([Coverage("a", "p", frozenset(Kind), later, ahead)], ahead)
    for passed in (timedelta(0), ROUNDS * every):
        now = NOW + passed
        near = Window(now, now + timedelta(days=1))
        recent.note_read([Coverage("a", "p", frozenset(Kind), near, now)], now)
    assert later not in recent.windows("p", "a")
