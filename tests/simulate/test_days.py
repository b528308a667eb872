"""Days on which syncd does something that the oracle must not take for a broken promise."""

from __future__ import annotations

import pytest

from syncd.simulate.play import play
from syncd.simulate.story import What, draw
from tests.simulate.days import at, day


@pytest.mark.prove
def test_a_status_that_was_entered_where_words_are_unknown_is_learned_later() -> None:
    outcome = play(
        day(
            at(1, What.BOOK, "crm", slot=70),
            at(4.1, What.UNKNOWN_WORDS, "clinic", number=6),
            at(4.2, What.TWIN_AS, "clinic", slot=1),
        )
    )
    assert outcome.broken == []
    carried = [line for line in outcome.trace if "crm syncd: alice appointment" in line]
    assert len(carried) == 1, "it is carried as any other change"


@pytest.mark.prove
@pytest.mark.parametrize("seed", [17, 47, 62, 65, 71, 101])
def test_days_with_complaints_that_once_broke_a_promise_hold(seed: int) -> None:
    assert play(draw(seed)).broken == []
