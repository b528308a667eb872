"""Double bookings, and what classes and spare equipment allow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.conflicts.double_bookings import MAX_PAIRS
from syncd.core.conflicts.resolution import Resolution, ResolutionKind
from syncd.core.decision import Decision, DecisionInput
from syncd.core.inputs import CalendarState
from syncd.core.merging.rules import Choice, Rules
from syncd.core.reconcile import reconcile_with_answer
from syncd.model import Conflict, ConflictKind, Kind, ProviderState, TrackedEvent, Value
from tests.core.kit import (
    DAY,
    NOW,
    SYSTEMS,
    booking,
    calendars,
    decided,
    off,
    origin,
    rec,
    summary,
    v,
)


def state(*values: tuple[str, Value], kind: Kind = Kind.APPOINTMENT) -> ProviderState:
    """Return meetings of service s, numbered in the order of their opening."""
    records: list[TrackedEvent] = [
        rec(s, f"{s}{n}", value, value, service="s", kind=kind)
        for n, (s, value) in enumerate(values)
    ]
    return ProviderState(
        "p",
        tuple(records),
        tuple(booking(f"n{n}", value, kind=kind) for n, (_, value) in enumerate(values)),
        tuple(origin(f"n{n}", s, f"{s}{n}") for n, (s, _) in enumerate(values)),
    )


def doubles(world: ProviderState, *, seats: int = 1, capacity: int = 1) -> list[Conflict]:
    with_seats = calendars()
    with_seats["a"] = CalendarState("a", seats={"s": seats})
    conflicts = decided(world, calendars=with_seats, capacity=capacity).conflicts
    return [c for c in conflicts if c.kind is ConflictKind.DOUBLE_BOOKED]


CASES = [
    ("across systems", state(("a", v(9, 11)), ("b", v(10))), 1, 1, ["n0+n1"]),
    ("inside one", state(("a", v(9, 11)), ("a", v(10))), 1, 1, ["n0+n1"]),
    ("touching ends do not overlap", state(("a", v(9)), ("b", v(10))), 1, 1, []),
    ("a cancelled one takes no time", state(("a", v(9)), ("b", off(9))), 1, 1, []),
    ("past meetings do not count", state(("a", v(3, 5)), ("b", v(4, 5))), 1, 1, []),
    (
        "three in a row: each pair that overlaps",
        state(("a", v(9, 11)), ("b", v(10, 12)), ("c", v(11, 13))),
        1,
        1,
        ["n0+n1", "n1+n2"],
    ),
    ("a class with seats", state(("a", v(9)), ("a", v(9)), ("a", v(9))), 3, 1, []),
    ("a class that is overfull", state(("a", v(9)), ("a", v(9)), ("a", v(9))), 2, 1, ["n0+n2"]),
    (
        "a class against another meeting is one pair, not ten",
        state(("a", v(9)), ("a", v(9)), ("b", v(9))),
        2,
        1,
        ["n0+n2"],
    ),
    ("seats are of one time only", state(("a", v(9)), ("a", v(9, 11))), 5, 1, ["n0+n1"]),
    ("two of a kind may be used at once", state(("a", v(9)), ("b", v(9))), 1, 2, []),
    (
        "a third is one too many",
        state(("a", v(9)), ("b", v(9)), ("c", v(9))),
        1,
        2,
        ["n0+n2", "n1+n2"],
    ),
    (
        "two overlapping blocks are no double booking",
        state(("a", v(9)), ("b", v(9)), kind=Kind.BLOCK),
        1,
        1,
        [],
    ),
]


@pytest.mark.parametrize(("name", "world", "seats", "capacity", "pairs"), CASES)
def test_meetings_that_overlap_are_found(
    name: str, world: ProviderState, seats: int, capacity: int, pairs: list[str]
) -> None:
    found = doubles(world, seats=seats, capacity=capacity)
    assert sorted(c.subject for c in found) == pairs, name


def test_each_of_hundreds_at_one_time_is_in_a_pair_but_not_in_hundreds() -> None:
    world = state(*((("a", "b")[n % 2], v(9, 11)) for n in range(300)))
    pairs = [c.subject.split("+") for c in doubles(world)]
    assert {meeting for pair in pairs for meeting in pair} == {f"n{n}" for n in range(300)}
    assert len(pairs) < 300 * MAX_PAIRS


def test_a_reported_conflict_stays_one_entry() -> None:
    world = state(("a", v(9, 11)), ("b", v(10)))
    first = decided(world)
    (opened,) = first.changes.opened
    again = decided(replace(world, conflicts=(opened,)))
    assert (again.changes.opened, again.changes.closed) == ([], [])


def moved_on_top() -> ProviderState:
    """Return a meeting that was moved on top of another one; its twin is not updated yet."""
    world = state(("a", v(9)), ("c", v(14)))
    twin = origin("n0", "b", "b9")
    return replace(
        world,
        records=(rec("a", "a0", v(14), v(9)), world.records[1], rec("b", "b9", v(9), v(9))),
        replicas=(*world.replicas, twin),
    )


def appointment_writes(decision: Decision) -> list[tuple[str, str, str]]:
    """Return the writes to appointments."""
    return [w for w in summary(decision) if w[0] == "move-appointment"]


TOLD = [("move-appointment", "b", "09-10>14-15")]
HOLD = Rules(prefer=SYSTEMS, double_booked=Choice.HOLD)


def test_a_reported_double_booking_is_propagated_and_a_held_one_waits() -> None:
    assert appointment_writes(decided(moved_on_top())) == TOLD
    assert appointment_writes(decided(moved_on_top(), rules=HOLD)) == []


@pytest.mark.parametrize(
    ("way", "writes"), [(ResolutionKind.KEEP_BOTH, TOLD), (ResolutionKind.DISMISS, [])]
)
def test_accepted_double_bookings_are_written_and_dismissed_ones_are_not(
    way: ResolutionKind, writes: list[tuple[str, str, str]]
) -> None:
    world = moved_on_top()
    (entry,) = decided(world, rules=HOLD).changes.opened
    world = replace(world, conflicts=(entry,))
    case = DecisionInput(calendars(), HOLD, NOW, DAY, "run")
    decision, _ = reconcile_with_answer(world, case, lambda: "n", {entry.id: Resolution(way)})
    assert appointment_writes(decision) == writes
    # It also holds in later cycles, for example if the calendar was down at first.
    (quiet,) = decision.changes.opened
    assert appointment_writes(decided(replace(world, conflicts=(quiet,)), rules=HOLD)) == writes
