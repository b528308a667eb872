"""When a block target is blocked: tables without a platform."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from syncd.core.blocks.resources import Reservation, blocked_spans
from syncd.model import BlockTarget, ResourceRequirement


def hour(at: float) -> datetime:
    """Return a time of one day."""
    return datetime(2026, 3, 2, int(at), int(at % 1 * 60), tzinfo=UTC)


def use(start: float, end: float, booking: str, *, here: bool = False) -> Reservation:
    """Return a reservation of a room."""
    return Reservation(hour(start), hour(end), booking, here)


ONE = ResourceRequirement("C", rooms=("a",))
TWO = ResourceRequirement("C", rooms=("a", "b"))
OTHER = ResourceRequirement("C", rooms=("a",), unmapped_rooms=1)
PAIR = ResourceRequirement("C", equipment=(("e", 2),))


@pytest.mark.parametrize(
    ("needs", "uses", "expected"),
    [
        pytest.param((ONE,), {"a": [use(9, 10, "x")]}, [(9, 10)], id="the only room is taken"),
        pytest.param((ONE,), {"a": [use(9, 10, "x", here=True)]}, [], id="taken here only"),
        pytest.param(
            (ONE,),
            {"a": [use(9, 10, "x", here=True), use(9, 10, "y")]},
            [],
            id="taken here and elsewhere",
        ),
        pytest.param((TWO,), {"a": [use(9, 10, "x")]}, [], id="another room is free"),
        pytest.param(
            (TWO,), {"a": [use(9, 11, "x")], "b": [use(10, 12, "y")]}, [(10, 11)], id="both overlap"
        ),
        pytest.param(
            (TWO,),
            {"a": [use(9, 11, "x")], "b": [use(10, 12, "y", here=True)]},
            [(10, 11)],
            id="one here, one elsewhere",
        ),
        pytest.param((OTHER,), {"a": [use(9, 10, "x")]}, [], id="an unmapped room"),
        pytest.param((PAIR,), {"e": [use(9, 11, "x")]}, [], id="one of two pieces"),
        pytest.param(
            (PAIR,), {"e": [use(9, 11, "x"), use(10, 12, "y")]}, [(10, 11)], id="both pieces"
        ),
        pytest.param(
            (ONE, ResourceRequirement("D", rooms=("b",))),
            {"a": [use(9, 11, "x")], "b": [use(10, 12, "y")]},
            [(10, 11)],
            id="a user with two calendars is blocked only while both lack a room",
        ),
        pytest.param((ONE,), {}, [], id="nothing is taken"),
        pytest.param((), {"a": [use(9, 10, "x")]}, [], id="a removed target stays open"),
        pytest.param(
            (ONE,),
            {"a": [use(9, 10, "x"), use(10, 11, "y")]},
            [(9, 10), (10, 11)],
            id="one span for each booking",
        ),
    ],
)
def test_a_target_is_blocked_when_each_of_its_calendars_lacks_a_resource(
    needs: tuple[ResourceRequirement, ...],
    uses: dict[str, list[Reservation]],
    expected: list[tuple[float, float]],
) -> None:
    found = blocked_spans(BlockTarget("p", needs), uses)
    assert [(c.start, c.end) for c in found] == [(hour(a), hour(b)) for a, b in expected]


def test_a_blocked_span_keeps_its_id_when_its_booking_moves() -> None:
    (before,) = blocked_spans(BlockTarget("p", (ONE,)), {"a": [use(9, 10, "x")]})
    (after,) = blocked_spans(BlockTarget("p", (ONE,)), {"a": [use(13, 14, "x")]})
    assert before.id == after.id
    (other,) = blocked_spans(BlockTarget("q", (ONE,)), {"a": [use(9, 10, "x")]})
    assert other.id != before.id
