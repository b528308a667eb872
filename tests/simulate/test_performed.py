"""What is drawn for a story is also performed, on enough of the days that are proven."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.simulate import stopping
from syncd.simulate.story import Story, What
from tests.simulate.days import at, day
from tests.simulate.performed import (
    AFTERWARDS,
    PERFORMED,
    drawn_in,
    play_whole,
    too_rarely_performed,
)
from tests.simulate.rarity import OF, OFTEN, stories

_CLEARED = day(
    *(at(1, What.BLOCK, "clinic", slot=slot) for slot in (60, 64, 68)),
    at(6, What.CLEAR, "clinic"),
)
"""A calendar with nothing but blocks is cleared."""


@pytest.mark.prove
def test_each_act_is_performed_on_enough_of_the_days() -> None:
    told = f"each is to be on {OFTEN} of {OF} days"
    assert too_rarely_performed(stories(), kinds=PERFORMED - AFTERWARDS) == {}, told
    assert too_rarely_performed(stories(), play_whole, kinds=AFTERWARDS) == {}, told


@pytest.mark.prove
def test_planted_an_act_that_finds_no_target_is_counted_as_not_performed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert too_rarely_performed([_CLEARED], kinds={What.CLEAR}) == {}
    monkeypatch.setattr(stopping, "_clear", lambda *_given: "")
    assert too_rarely_performed([_CLEARED], kinds={What.CLEAR}) == {What.CLEAR: 0}


def test_only_days_that_can_add_something_are_counted() -> None:
    days = [
        replace(day(*(at(1, what, "crm") for what in whats)), seed=seed)
        for seed, whats in enumerate([(What.BOOK, What.MOVE)] * 90 + [(What.BOOK,)] * 30)
    ]
    played: list[int] = []

    def all_but_moves(story: Story) -> frozenset[str]:
        played.append(story.seed)
        return frozenset(drawn_in(story)) - {What.MOVE}

    # Two of 120 days are asked for: moves are not performed on the first 89 that hold them.
    found = too_rarely_performed(days, all_but_moves, kinds={What.BOOK, What.MOVE})
    assert found == {What.MOVE: 0}
    assert len(played) == len(set(played)) == 89


def test_all_but_faults_of_platforms_and_of_the_state_is_counted() -> None:
    assert {str(what) for what in What} - PERFORMED == {
        What.FAULT,
        What.STATE_FAULT,
        What.STATE_LOST,
        What.STATE_RESTORED,
    }
