"""The order of writes."""

from __future__ import annotations

from syncd.core import plan
from syncd.model import Action, Kind, Operation, Status, Value
from tests.core.kit import off, v


def op(action: Action, event: str, before: Value | None, after: Value | None) -> Operation:
    return Operation(action, "a", "p", Kind.BLOCK, event, before, after, ("x",))


def names(operations: list[Operation]) -> list[str]:
    return [o.event or "-" for o in operations]


def test_what_frees_time_comes_before_what_takes_it() -> None:
    operations = [
        op(Action.CREATE_BLOCK, "create", None, v(9)),
        op(Action.MOVE_BLOCK, "move", v(9), v(12)),
        op(Action.SET_STATUS, "cancel", v(12), off(12)),
        op(Action.SET_STATUS, "revive", off(7), v(7, status=Status.CONFIRMED)),
        op(Action.REMOVE_BLOCK, "remove", v(15), None),
    ]
    assert names(plan.order(operations)) == ["remove", "cancel", "move", "revive", "create"]


def test_a_chain_of_moves_starts_at_its_free_end() -> None:
    chain = [
        op(Action.MOVE_APPOINTMENT, "1", v(9), v(10)),
        op(Action.MOVE_APPOINTMENT, "2", v(10), v(11)),
        op(Action.MOVE_APPOINTMENT, "3", v(11), v(12)),
    ]
    assert names(plan.order(chain)) == ["3", "2", "1"]


def test_a_swap_is_cut_somewhere_and_loses_nothing() -> None:
    swap = [
        op(Action.MOVE_APPOINTMENT, "1", v(9), v(10)),
        op(Action.MOVE_APPOINTMENT, "2", v(10), v(9)),
    ]
    assert sorted(names(plan.order(swap))) == ["1", "2"]


def test_a_block_gives_way_to_the_appointment_that_takes_its_place() -> None:
    operations = [
        op(Action.MOVE_APPOINTMENT, "meeting", v(9), v(12)),
        op(Action.MOVE_BLOCK, "block", v(12), v(15)),
    ]
    assert names(plan.order(operations)) == ["block", "meeting"]


def test_bulk_actions_are_gathered_into_chunks() -> None:
    moves = [op(Action.MOVE_BLOCK, str(i), v(i), v(i + 24)) for i in range(5)]
    create = op(Action.CREATE_BLOCK, "c", None, v(9))
    calls = plan.batches([moves[0], create, *moves[1:]], {Action.MOVE_BLOCK: 3})
    assert [len(call) for call in calls] == [3, 2, 1]


def test_the_name_of_an_operation_is_what_it_wants() -> None:
    first = op(Action.MOVE_BLOCK, "1", v(9), v(10))
    again = op(Action.MOVE_BLOCK, "1", v(8), v(10))
    other = op(Action.MOVE_BLOCK, "1", v(9), v(11))
    assert plan.name(first) == plan.name(again) != plan.name(other)
