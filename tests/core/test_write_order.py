"""The order of writes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.propagation import write_order
from syncd.model import Action, BulkCall, Kind, Operation, Status, Value
from tests.core.kit import off, v


def op(action: Action, event: str, before: Value | None, after: Value | None) -> Operation:
    return Operation(action, "a", "p", Kind.BLOCK, event, before, after, ("x",))


def names(operations: list[Operation]) -> list[str]:
    return [o.event or "-" for o in operations]


def test_writes_that_free_time_come_before_writes_that_take_it() -> None:
    operations = [
        op(Action.CREATE_BLOCK, "create", None, v(9)),
        op(Action.MOVE_BLOCK, "move", v(9), v(12)),
        op(Action.SET_STATUS, "cancel", v(12), off(12)),
        op(Action.SET_STATUS, "revive", off(7), v(7, status=Status.CONFIRMED)),
        op(Action.REMOVE_BLOCK, "remove", v(15), None),
    ]
    assert names(write_order.order(operations)) == ["remove", "cancel", "move", "revive", "create"]


def test_a_chain_of_moves_starts_at_its_free_end() -> None:
    chain = [
        op(Action.MOVE_APPOINTMENT, "1", v(9), v(10)),
        op(Action.MOVE_APPOINTMENT, "2", v(10), v(11)),
        op(Action.MOVE_APPOINTMENT, "3", v(11), v(12)),
    ]
    assert names(write_order.order(chain)) == ["3", "2", "1"]


def test_a_swap_is_broken_and_loses_no_write() -> None:
    swap = [
        op(Action.MOVE_APPOINTMENT, "1", v(9), v(10)),
        op(Action.MOVE_APPOINTMENT, "2", v(10), v(9)),
    ]
    assert sorted(names(write_order.order(swap))) == ["1", "2"]


def test_a_block_is_removed_before_an_appointment_takes_its_time() -> None:
    operations = [
        op(Action.MOVE_APPOINTMENT, "meeting", v(9), v(12)),
        op(Action.MOVE_BLOCK, "block", v(12), v(15)),
    ]
    assert names(write_order.order(operations)) == ["block", "meeting"]


HOURS = st.integers(0, 9)
MOVES = st.lists(st.tuples(st.sampled_from("pq"), HOURS, HOURS, HOURS, HOURS), max_size=12)


def reference_order(moves: list[Operation]) -> list[Operation]:
    """Compare every move with every other one after each step: the slow reference algorithm."""
    rest, done = sorted(moves, key=write_order._sort_key), []
    while rest:
        free = [
            o
            for o in rest
            if not any(
                o is not other and o.provider == other.provider and o.after.overlaps(other.before)
                for other in rest
                if o.after is not None and other.before is not None
            )
        ]
        done.append((free or rest)[0])
        rest.remove(done[-1])
    return done


@given(MOVES)
def test_moves_have_the_same_order_as_the_simple_algorithm(
    drawn: list[tuple[str, int, int, int, int]],
) -> None:
    moves = [
        replace(
            op(Action.MOVE_BLOCK, str(n), v(start, start + 1 + long), v(to, to + 1 + wide)),
            provider=provider,
        )
        for n, (provider, start, long, to, wide) in enumerate(drawn)
    ]
    assert write_order.order(moves) == reference_order(moves)


def test_calls_are_grouped_but_never_split() -> None:
    calls = [
        tuple(op(Action.MOVE_BLOCK, str(n), v(9), v(10)) for n in range(size))
        for size in (1, 2, 8, 1, 12, 1)
    ]
    groups = list(write_order.groups(calls, 10))
    assert [[len(call) for call in group] for group in groups] == [[1, 2], [8, 1], [12], [1]]
    assert [call for group in groups for call in group] == calls


MOVES_CALL = BulkCall("moves", 3)
BULK = dict.fromkeys((Action.MOVE_BLOCK, Action.MOVE_APPOINTMENT), MOVES_CALL)


def batches(operations: list[Operation], bulk: dict[Action, BulkCall]) -> list[list[str]]:
    calls = write_order.batches(operations, lambda o: bulk.get(o.action))
    return [names(list(call)) for call in calls]


def test_operations_of_one_bulk_call_are_gathered_into_chunks() -> None:
    moves = [op(Action.MOVE_BLOCK, str(i), v(i), v(i + 24)) for i in range(5)]
    create = op(Action.CREATE_BLOCK, "c", None, v(9))
    bulk = {Action.MOVE_BLOCK: MOVES_CALL}
    assert batches([moves[0], create, *moves[1:]], bulk) == [["0", "1", "2"], ["c"], ["3", "4"]]


def test_actions_that_name_one_bulk_call_share_it() -> None:
    operations = [
        op(Action.MOVE_APPOINTMENT, "meeting", v(9), v(12)),
        op(Action.CREATE_BLOCK, "create", None, v(20)),
        op(Action.MOVE_BLOCK, "block", v(14), v(15)),
    ]
    assert batches(operations, BULK) == [["meeting", "block"], ["create"]]
    apart = {Action.MOVE_BLOCK: BulkCall("b", 3), Action.MOVE_APPOINTMENT: BulkCall("a", 3)}
    assert batches(operations, apart) == [["meeting"], ["create"], ["block"]]


def test_a_gathered_move_is_not_before_a_write_that_makes_room_for_it() -> None:
    """Also for two providers, because they may share a time in one system."""
    other = replace(op(Action.REMOVE_BLOCK, "room", v(14), None), provider="q")
    operations = [
        op(Action.MOVE_BLOCK, "first", v(9), v(12)),
        other,
        op(Action.MOVE_BLOCK, "into the room", v(10), v(14)),
        op(Action.MOVE_APPOINTMENT, "apart", v(15), v(16)),
    ]
    expected = [["first"], ["room"], ["into the room", "apart"]]
    assert batches(operations, BULK) == expected


def test_two_writes_to_one_event_stay_in_order() -> None:
    operations = [
        op(Action.MOVE_BLOCK, "1", v(9), v(10)),
        op(Action.SET_STATUS, "2", v(12), v(12, status=Status.SHOWED)),
        op(Action.MOVE_APPOINTMENT, "2", v(12), v(20)),
    ]
    assert batches(operations, BULK) == [["1"], ["2"], ["2"]]


@given(MOVES)
def test_a_system_that_gathers_all_moves_sends_them_after_all_removals(
    drawn: list[tuple[str, int, int, int, int]],
) -> None:
    moves = [
        replace(
            op(
                (Action.MOVE_BLOCK, Action.MOVE_APPOINTMENT)[at % 2],
                f"{at}",
                v(start, start + 1 + length),
                v(to, to + 1 + other),
            ),
            provider=provider,
        )
        for at, (provider, start, length, to, other) in enumerate(drawn)
    ]
    removals = [op(Action.REMOVE_BLOCK, f"r{at}", v(at), None) for at in range(3)]
    ordered = write_order.order([*moves, *removals])
    calls = batches(ordered, dict.fromkeys(BULK, BulkCall("moves", 50)))
    assert calls[:3] == [["r0"], ["r1"], ["r2"]]
    assert calls[3:] == ([names(ordered[3:])] if moves else [])


def test_an_operation_key_depends_on_what_is_wanted() -> None:
    first = op(Action.MOVE_BLOCK, "1", v(9), v(10))
    again = op(Action.MOVE_BLOCK, "1", v(8), v(10))
    other = op(Action.MOVE_BLOCK, "1", v(9), v(11))
    assert (
        write_order.operation_key(first)
        == write_order.operation_key(again)
        != write_order.operation_key(other)
    )
