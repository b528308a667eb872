"""Which of several blocks of ours keeps an interval blocked."""

from __future__ import annotations

from syncd.core.blocks.wanted import OurBlock, plan_blocks
from syncd.core.inputs import CalendarState
from syncd.model import Action, Kind
from tests.core.kit import NOW, rec, v


def test_the_replacement_of_a_moved_block_stays_and_the_moved_one_is_removed() -> None:
    """Simulator, seed 42: the block in place was removed first, which left its time open."""
    moved = rec("b", "1", v(12), v(9), kind=Kind.BLOCK, created_by_us=True)
    there = rec("b", "2", v(9), v(9), kind=Kind.BLOCK, created_by_us=True)
    own = [OurBlock(record, frozenset({"meeting"})) for record in (moved, there)]
    plan = plan_blocks("p", CalendarState("b"), {v(9).interval: {"meeting"}}, own, NOW)
    assert [(o.action, o.event) for o in plan.operations] == [(Action.REMOVE_BLOCK, "1")]
