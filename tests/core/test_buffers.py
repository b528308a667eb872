"""Buffers widen blocks and nothing else: one named row per case."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from syncd.core.inputs import CalendarState
from syncd.core.merging.rules import Choice, Rules
from syncd.core.propagation import write_order
from syncd.core.propagation.rejected_writes import quarantine, slot_taken
from syncd.model import (
    Action,
    Booking,
    Buffer,
    ConflictKind,
    Kind,
    Operation,
    ProviderState,
    Replica,
    Role,
    Status,
    StoredConflict,
    TrackedEvent,
    Value,
)
from tests.core.kit import (
    NOW,
    SYSTEMS,
    at,
    block,
    booking,
    calendars,
    decided,
    origin,
    rec,
    serves,
    twin,
    v,
)

HALF = Buffer(timedelta(minutes=30), timedelta(minutes=15))
"""Half an hour before, a quarter of an hour after."""


def buffered(buffer: Buffer = HALF, **more: Any) -> dict[str, CalendarState]:
    """Return three calendars; service s of system a has a buffer."""
    systems = calendars(**more)
    return {**systems, "a": replace(systems["a"], buffers={"s": buffer} if buffer else {})}


def meeting(event: str, value: Value, system: str = "a", service: str = "s") -> TrackedEvent:
    """Return an appointment without a pending change."""
    return rec(system, event, value, value, service=service)


def state(
    records: list[TrackedEvent], bookings: list[Booking], replicas: list[Replica], **more: Any
) -> ProviderState:
    """Return the stored state of provider p."""
    return ProviderState("p", tuple(records), tuple(bookings), tuple(replicas), **more)


def writes(operations: tuple[Operation, ...]) -> list[tuple[str, str, float, float]]:
    """Return action, system, start and end in hours."""

    def hour(value: Value | None, end: bool) -> float:
        instant = (value.end if end else value.start) if value else at(0)
        return (instant - at(0)) / timedelta(hours=1)

    return sorted(
        (str(o.action), o.system, hour(o.after, end=False), hour(o.after, end=True))
        for o in operations
    )


ONE = state([meeting("m", v(10))], [booking("k", v(10))], [origin("k", "a", "m")])


def test_blocks_in_the_other_systems_cover_the_buffers() -> None:
    assert writes(decided(ONE, calendars=buffered()).operations) == [
        ("create-block", "b", 9.5, 11.25),
        ("create-block", "c", 9.5, 11.25),
    ]


def test_a_service_without_a_buffer_has_plain_blocks() -> None:
    other = replace(ONE, records=(meeting("m", v(10), service="t"),))
    assert {w[2:] for w in writes(decided(other, calendars=buffered()).operations)} == {(10, 11)}


def test_a_meeting_of_a_system_without_buffers_has_plain_blocks() -> None:
    other = state([meeting("m", v(10), "b")], [booking("k", v(10))], [origin("k", "b", "m")])
    assert {w[2:] for w in writes(decided(other, calendars=buffered()).operations)} == {(10, 11)}


def test_only_the_third_system_of_a_twin_meeting_gets_the_buffer() -> None:
    two = state(
        [meeting("m", v(10)), meeting("w", v(10), "b", "x")],
        [booking("k", v(10))],
        [origin("k", "a", "m"), twin("k", "b", "w")],
    )
    assert writes(decided(two, calendars=buffered()).operations) == [
        ("create-block", "c", 9.5, 11.25)
    ]


def test_the_longest_buffer_of_several_calendars_counts_on_each_side() -> None:
    two = state(
        [meeting("m", v(10)), meeting("w", v(10), "b", "x")],
        [booking("k", v(10))],
        [origin("k", "a", "m"), twin("k", "b", "w")],
    )
    systems = buffered()
    other = Buffer(timedelta(0), timedelta(hours=1))
    systems["b"] = replace(systems["b"], buffers={"x": other})
    assert writes(decided(two, calendars=systems).operations) == [("create-block", "c", 9.5, 12)]


def test_a_moved_meeting_moves_its_block_with_the_buffer_and_its_twin_without() -> None:
    moved = state(
        [
            rec("a", "m", v(14), v(10), service="s"),
            meeting("w", v(10), "b", "x"),
            block("c", "c1", v(9.5, 11.25)),
        ],
        [booking("k", v(10))],
        [origin("k", "a", "m"), twin("k", "b", "w"), serves("k", "c", "c1")],
    )
    assert writes(decided(moved, calendars=buffered()).operations) == [
        ("move-appointment", "b", 14, 15),
        ("move-block", "c", 13.5, 15.25),
    ]


CLOSED = state(
    [meeting("m", v(10)), block("b", "b1", v(9.5, 11.25)), block("c", "c1", v(9.5, 11.25))],
    [booking("k", v(10))],
    [origin("k", "a", "m"), serves("k", "b", "b1"), serves("k", "c", "c1")],
)


def test_blocks_that_cover_their_buffers_need_no_write() -> None:
    assert decided(CLOSED, calendars=buffered()).operations == ()


@pytest.mark.parametrize(
    ("buffer", "span"),
    [
        (Buffer(), (10, 11)),
        (Buffer(timedelta(hours=1)), (9, 11)),
        (Buffer(after=timedelta(hours=13, minutes=30)), (10, 24.5)),
    ],
    ids=["taken away", "longer", "past the end of the day"],
)
def test_blocks_follow_when_the_buffer_changes(buffer: Buffer, span: tuple[float, float]) -> None:
    assert writes(decided(CLOSED, calendars=buffered(buffer)).operations) == [
        ("move-block", "b", *span),
        ("move-block", "c", *span),
    ]


def test_cancelling_a_meeting_removes_its_wide_blocks() -> None:
    off = replace(v(10), status=Status.CANCELLED)
    gone = replace(CLOSED, records=(rec("a", "m", off, v(10), service="s"), *CLOSED.records[1:]))
    assert [w[:2] for w in writes(decided(gone, calendars=buffered()).operations)] == [
        ("remove-block", "b"),
        ("remove-block", "c"),
    ]


def test_back_to_back_meetings_have_blocks_that_overlap() -> None:
    two = state(
        [meeting("m", v(10)), meeting("n", v(11))],
        [booking("k", v(10)), booking("l", v(11))],
        [origin("k", "a", "m"), origin("l", "a", "n")],
    )
    assert [w for w in writes(decided(two, calendars=buffered()).operations) if w[1] == "b"] == [
        ("create-block", "b", 9.5, 11.25),
        ("create-block", "b", 10.5, 12.25),
    ]


def test_guests_of_a_class_share_one_wide_block() -> None:
    names = "klm"
    group = state(
        [meeting(f"e{n}", v(10)) for n in names],
        [booking(n, v(10)) for n in names],
        [origin(n, "a", f"e{n}") for n in names],
    )
    systems = buffered()
    systems["a"] = replace(systems["a"], seats={"s": 5})
    made = decided(group, calendars=systems).operations
    assert [(o.system, o.bookings) for o in made] == [
        ("b", ("k", "l", "m")),
        ("c", ("k", "l", "m")),
    ]


def test_meetings_whose_wide_times_are_equal_share_one_block() -> None:
    two = state(
        [meeting("m", v(10)), meeting("n", v(9.5, 11.25), "b", "x")],
        [booking("k", v(10)), booking("l", v(9.5, 11.25))],
        [origin("k", "a", "m"), origin("l", "b", "n")],
    )
    made = [o for o in decided(two, calendars=buffered()).operations if o.system == "c"]
    assert [o.bookings for o in made] == [("k", "l")]


def test_a_block_of_somebody_else_without_buffer_does_not_replace_ours() -> None:
    theirs = rec("b", "x1", v(10), v(10), kind=block("b", "", None).kind)
    wide = rec("c", "x2", v(9.5, 11.25), v(9.5, 11.25), kind=theirs.kind)
    more = replace(ONE, records=(*ONE.records, theirs, wide))
    linked = replace(
        more,
        bookings=(*more.bookings, booking("f", v(10), kind=theirs.kind)),
        replicas=(*more.replicas, origin("f", "b", "x1")),
    )
    made = writes(decided(linked, calendars=buffered()).operations)
    assert ("create-block", "b", 9.5, 11.25) in made
    assert ("create-block", "c", 9.5, 11.25) not in made


@pytest.mark.parametrize("choice", [Choice.RESTORE, Choice.RESCHEDULE, Choice.RELEASE])
def test_a_persons_edit_of_a_wide_block_applies_to_the_meetings_time(choice: Choice) -> None:
    moved = block("b", "b1", v(13.5, 15.25), base=v(9.5, 11.25))
    edited = replace(CLOSED, records=(CLOSED.records[0], moved, CLOSED.records[2]))
    rules = Rules(prefer=SYSTEMS, block_edited=choice)
    decision = decided(edited, calendars=buffered(), rules=rules)
    expected: dict[Choice, list[tuple[str, str, float, float]]] = {
        Choice.RESTORE: [("move-block", "b", 9.5, 11.25)],
        Choice.RESCHEDULE: [
            ("move-appointment", "a", 14, 15),
            ("move-block", "c", 13.5, 15.25),
        ],
        Choice.RELEASE: [],
    }
    assert writes(decision.operations) == expected[choice]
    stored = {r.id: r for r in decision.changes.records}
    if choice is not Choice.RESTORE:
        # The stored block still has the value that its calendar shows.
        assert stored["b1"].base == stored["b1"].observed == v(13.5, 15.25)


def refusal() -> StoredConflict:
    """Return the refusal of a wide block by system b."""
    wide = Operation(
        Action.CREATE_BLOCK, "b", "p", block("b", "", None).kind, None, None, v(9.5, 11.25), ("k",)
    )
    return StoredConflict("h", slot_taken(wide, "taken", TAKEN), NOW, "run")


TAKEN = state(
    [*ONE.records, meeting("n", v(11), "b", "x")],
    [booking("k", v(10)), booking("l", v(11))],
    [origin("k", "a", "m"), origin("l", "b", "n")],
)


def test_a_system_that_refuses_the_wide_block_gets_the_plain_one() -> None:
    decision = decided(replace(TAKEN, conflicts=(refusal(),)), calendars=buffered())
    early_writes = [w for w in writes(decision.operations) if w[2] < 11]
    assert early_writes == [("create-block", "b", 10, 11), ("create-block", "c", 9.5, 11.25)]
    (conflict,) = [c for c in decision.conflicts if c.kind is ConflictKind.SLOT_TAKEN]
    assert not conflict.held
    assert "covers no buffer" in conflict.note


def test_the_wide_block_is_tried_again_when_its_neighbour_is_gone() -> None:
    alone = replace(ONE, conflicts=(refusal(),))
    made = writes(decided(alone, calendars=buffered()).operations)
    assert ("create-block", "b", 9.5, 11.25) in made


def test_a_block_refused_for_the_meetings_own_time_keeps_its_buffer() -> None:
    """Simulator, once seed 30011: a buffer was opened that made no room for the refused block."""
    state_ = state(
        [*ONE.records, meeting("n", v(10, 10.5), "c", "x")],
        [booking("k", v(10)), booking("l", v(10, 10.5))],
        [origin("k", "a", "m"), origin("l", "c", "n")],
    )
    short = Operation(
        Action.CREATE_BLOCK, "b", "p", Kind.BLOCK, None, None, v(10, 10.5), bookings=("l",)
    )
    refused = StoredConflict("h", quarantine(short, write_order.operation_key(short)), NOW, "run")
    decision = decided(replace(state_, conflicts=(refused,)), calendars=buffered())
    assert ("create-block", "b", 9.5, 11.25) in writes(decision.operations)


def test_a_released_block_is_not_made_again_in_its_wide_form() -> None:
    replicas = (CLOSED.replicas[0], Replica("k", "b", "b1", Role.RELEASED), CLOSED.replicas[2])
    gone = replace(CLOSED.records[1], observed=None, end_accepted=True, base=None)
    released = replace(
        CLOSED, records=(CLOSED.records[0], gone, CLOSED.records[2]), replicas=replicas
    )
    assert decided(released, calendars=buffered()).operations == ()
