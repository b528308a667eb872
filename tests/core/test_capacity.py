"""Blocks for equipment with several pieces."""

from __future__ import annotations

from datetime import datetime

import pytest

from syncd.core.blocks.capacity import blocks_at_capacity
from syncd.core.inputs import CalendarState
from syncd.model import TrackedEvent
from tests.core.kit import DAY, booking, rec, v

Hours = tuple[float, float]


@pytest.mark.parametrize(
    ("bookings", "units", "here", "expected"),
    [
        pytest.param([(9, 11)], 2, [], [], id="one of two"),
        pytest.param([(9, 11), (10, 12)], 2, [], [(10, 11)], id="two of two"),
        pytest.param([(9, 11), (10, 12)], 2, [0], [(10, 11)], id="one of them is in this calendar"),
        pytest.param([(9, 11), (10, 12)], 2, [0, 1], [], id="both are in this calendar"),
        pytest.param([(9, 12), (9, 10), (10, 11)], 2, [], [(9, 11)], id="one after the other"),
        pytest.param([(9, 11), (9, 11), (9, 11)], 4, [], [], id="three of four"),
    ],
)
def test_a_calendar_is_blocked_while_all_units_are_in_use(
    bookings: list[Hours], units: int, here: list[int], expected: list[Hours]
) -> None:
    appointments: dict[str, list[TrackedEvent]] = {str(i): [rec("a", f"e{i}", v(9))] for i in here}
    made = [booking(str(i), v(start, end)) for i, (start, end) in enumerate(bookings)]
    intervals = blocks_at_capacity(CalendarState("a"), made, appointments, {}, units, DAY)
    assert sorted(intervals) == [v(*span).interval for span in expected]
    for start, end in intervals:
        assert intervals[start, end] == {
            b.id for b in made if b.agreed.start < end and start < b.agreed.end
        }


def test_past_times_need_no_block_and_claims_count() -> None:
    made = [booking("x", v(9, 10)), booking("y", v(13, 14))]
    claims = {"y": [v(9, 10)]}
    assert sorted(blocks_at_capacity(CalendarState("a"), made, {}, claims, 2, DAY)) == [
        v(9, 10).interval
    ]
    late: datetime = v(10).start
    assert blocks_at_capacity(CalendarState("a"), made, {}, claims, 2, late) == {}
