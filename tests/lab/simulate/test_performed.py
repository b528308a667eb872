"""Drawn acts are also performed, on enough of the proven days."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.lab.simulate.world import World
from tests.lab.simulate.days import at, day
from tests.lab.simulate.performed import (
    AFTERWARDS,
    PERFORMED,
    drawn_in,
    play_whole,
    too_rarely_performed,
)
from tests.lab.simulate.rarity import OF, OFTEN, stories
from tests.planted.swap import swap

_CLEARED = day(
    *(at(1, EventKind.BLOCK, "clinic", slot=slot) for slot in (60, 64, 68)),
    at(6, EventKind.CLEAR, "clinic"),
)
"""A calendar with nothing but blocks is cleared."""


@pytest.mark.prove
def test_each_act_is_performed_on_enough_of_the_days() -> None:
    message = f"each is to be on {OFTEN} of {OF} days"
    assert too_rarely_performed(stories(), kinds=PERFORMED - AFTERWARDS) == {}, message
    assert too_rarely_performed(stories(), play_whole, kinds=AFTERWARDS) == {}, message


@pytest.mark.prove
def test_planted_an_act_without_a_target_counts_as_not_performed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert too_rarely_performed([_CLEARED], kinds={EventKind.CLEAR}) == {}
    swap(monkeypatch, World.is_propagated, lambda *_given: False)
    assert too_rarely_performed([_CLEARED], kinds={EventKind.CLEAR}) == {EventKind.CLEAR: 0}


def test_only_days_that_can_add_something_are_played() -> None:
    days = [
        replace(day(*(at(1, kind, "crm") for kind in kinds)), seed=seed)
        for seed, kinds in enumerate(
            [(EventKind.BOOK, EventKind.MOVE)] * 90 + [(EventKind.BOOK,)] * 30
        )
    ]
    played: list[int] = []

    def all_but_moves(scenario: Scenario) -> frozenset[str]:
        played.append(scenario.seed)
        return frozenset(drawn_in(scenario)) - {EventKind.MOVE}

    # Two of 120 days are asked for: moves are not performed on the first 89 that hold them.
    rare = too_rarely_performed(days, all_but_moves, kinds={EventKind.BOOK, EventKind.MOVE})
    assert rare == {EventKind.MOVE: 0}
    assert len(played) == len(set(played)) == 89


def test_everything_but_faults_is_counted() -> None:
    assert {str(what) for what in EventKind} - PERFORMED == {
        EventKind.FAULT,
        EventKind.STATE_FAULT,
        EventKind.STATE_LOST,
        EventKind.STATE_RESTORED,
    }
