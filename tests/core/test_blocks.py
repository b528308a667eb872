"""Which of several blocks of ours closes an interval."""

from __future__ import annotations

import pytest

from syncd.core.blocks import Own, plan_blocks
from syncd.core.facts import Calendar
from syncd.model import Action, Kind, Status, Value
from tests.core.kit import NOW, rec, v


def test_a_block_that_replaced_a_moved_one_stays_and_the_moved_one_goes() -> None:
    """Simulator, seed 42: the one in place was removed first, and its time stood open."""
    moved = rec("b", "1", v(12), v(9), kind=Kind.BLOCK, mine=True)
    there = rec("b", "2", v(9), v(9), kind=Kind.BLOCK, mine=True)
    own = [Own(record, frozenset({"meeting"})) for record in (moved, there)]
    found = plan_blocks("p", Calendar("b"), {v(9).interval: {"meeting"}}, own, NOW)
    assert [(o.action, o.event) for o in found.operations] == [(Action.REMOVE_BLOCK, "1")]


_LONGER = Value(v(9).start, v(11).start, Status.CONFIRMED)
_LATER = v(13)


@pytest.mark.parametrize("keeps_end", [True, False])
@pytest.mark.parametrize(
    ("seen", "base", "wanted", "same_length"),
    [
        (v(9), v(9), _LONGER, False),
        (v(9), v(9), _LATER, True),
        (_LONGER, v(9), v(9), False),
        (_LATER, v(9), v(9), True),
    ],
    ids=["lengthened", "moved", "lengthened by a person", "moved by a person"],
)
def test_a_block_of_another_length_is_made_anew_where_a_move_may_not_set_its_end(
    seen: Value, base: Value, wanted: Value, *, same_length: bool, keeps_end: bool
) -> None:
    own = [Own(rec("b", "1", seen, base, kind=Kind.BLOCK, mine=True), frozenset({"meeting"}))]
    calendar = Calendar("b", keeps_end=keeps_end)
    found = plan_blocks("p", calendar, {wanted.interval: {"meeting"}}, own, NOW)
    made = [(o.action, o.event, o.after and o.after.interval) for o in found.operations]
    if keeps_end or same_length:
        assert made == [(Action.MOVE_BLOCK, "1", wanted.interval)]
    else:
        assert sorted(made) == [
            (Action.CREATE_BLOCK, None, wanted.interval),
            (Action.REMOVE_BLOCK, "1", None),
        ]
