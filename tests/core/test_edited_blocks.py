"""Blocks of syncd that a person moved or removed, rule by rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.inputs import CalendarState
from syncd.core.merging.rules import Choice, Rules
from syncd.model import ConflictKind, ProviderState, Role, Value
from tests.core.kit import (
    SYSTEMS,
    block,
    booking,
    calendars,
    decided,
    off,
    origin,
    rec,
    serves,
    summary,
    twin,
    v,
)


def world(
    seen: Value | None, *, also: str = "", a: Value | None = None, edited_at: str = "b"
) -> ProviderState:
    """Return a meeting at 9 in a, with blocks in b and c; a person edited the one in b."""
    names = ["x", *also]
    blocks = {
        s: block(s, f"{s}1", seen if s == edited_at else v(9), base=v(9), written=None)
        for s in "bc"
    }
    return ProviderState(
        "p",
        (
            rec("a", "a1", a or v(9), v(9)),
            *(rec("a", f"a{n}", v(9), v(9)) for n in also),
            *blocks.values(),
        ),
        tuple(booking(n, v(9)) for n in names),
        (
            origin("x", "a", "a1"),
            *(origin(n, "a", f"a{n}") for n in also),
            *(serves(n, s, f"{s}1") for n in names for s in "bc"),
        ),
    )


def by(choice: Choice) -> Rules:
    return Rules(prefer=SYSTEMS, block_edited=choice)


BACK = [("move-block", "b", "14-15>09-10")]
AGAIN = [("create-block", "b", ">09-10")]
CASES = [
    ("restore puts a moved block back", Choice.RESTORE, world(v(14)), BACK),
    ("restore makes a removed block again", Choice.RESTORE, world(None), AGAIN),
    (
        "reschedule: the meeting follows",
        Choice.RESCHEDULE,
        world(v(14)),
        [("move-appointment", "a", "09-10>14-15"), ("move-block", "c", "09-10>14-15")],
    ),
    ("reschedule: nothing to follow where it was removed", Choice.RESCHEDULE, world(None), AGAIN),
    (
        "reschedule: a block of two meetings moves neither",
        Choice.RESCHEDULE,
        world(v(14), also="y"),
        BACK,
    ),
    (
        "reschedule: a cancelled meeting follows nothing",
        Choice.RESCHEDULE,
        world(v(14), a=off(9)),
        [("remove-block", "b", "14-15>"), ("remove-block", "c", "09-10>")],
    ),
    ("release leaves a moved block where it is", Choice.RELEASE, world(v(14)), []),
    ("release makes no removed block again", Choice.RELEASE, world(None), []),
    ("release of a block of two meetings frees both", Choice.RELEASE, world(None, also="y"), []),
]


@pytest.mark.parametrize(("name", "choice", "state", "writes"), CASES)
def test_an_edited_block_is_treated_by_the_rule(
    name: str, choice: Choice, state: ProviderState, writes: list[tuple[str, str, str]]
) -> None:
    assert summary(decided(state, rules=by(choice))) == writes, name


def test_a_followed_block_can_be_in_conflict_with_a_move() -> None:
    rules = replace(by(Choice.RESCHEDULE), moved_apart=Choice.HOLD)
    decision = decided(world(v(14), a=v(17)), rules=rules)
    (conflict,) = decision.conflicts
    assert [(c.system, c.value) for c in conflict.claims] == [("a", v(17)), ("b", v(14))]
    # The moved block stays where the person put it, and every claimed time is blocked.
    assert ("move-block", "b", "14-15>09-10") not in summary(decision)
    wanted = {(o.system, o.after) for o in decision.operations}
    assert {("b", v(17)), ("c", v(14)), ("c", v(17))} <= wanted


def test_a_block_in_conflict_serves_no_other_meeting() -> None:
    rules = replace(by(Choice.RESCHEDULE), moved_apart=Choice.HOLD)
    state = world(v(14), a=v(17))
    other = replace(state, records=(*state.records, rec("a", "a9", v(14))))
    decision = decided(other, rules=rules)
    assert [c.kind for c in decision.conflicts] == [ConflictKind.MOVED_APART]
    assert not [
        r for r in (*decision.changes.replicas, *decision.changes.unlinked) if r.event == "b1"
    ]
    assert ("create-block", "b", ">14-15") not in summary(decision)


def test_the_newest_of_a_moved_block_and_a_moved_meeting_wins() -> None:
    decision = decided(
        world(v(14), a=v(17)), rules=replace(by(Choice.RESCHEDULE), moved_apart=Choice.PREFER)
    )
    assert [b.agreed for b in decision.changes.bookings] == [v(17)]
    assert ("move-block", "b", "14-15>17-18") in summary(decision)


@pytest.mark.parametrize("ending", [off(9), None])
def test_a_moved_block_never_revives_a_cancelled_meeting(ending: Value | None) -> None:
    state = world(v(14))
    gone = replace(state, records=(rec("a", "a1", ending, v(9)), *state.records[1:]))
    rules = replace(by(Choice.RESCHEDULE), moved_and_cancelled=Choice.MOVE)
    assert summary(decided(gone, rules=rules)) == [
        ("remove-block", "b", "14-15>"),
        ("remove-block", "c", "09-10>"),
    ]


def test_a_meeting_in_a_read_only_calendar_does_not_follow_its_block() -> None:
    systems = calendars()
    systems["a"] = CalendarState("a", never_written=True)
    assert summary(decided(world(v(14)), rules=by(Choice.RESCHEDULE), calendars=systems)) == BACK


def released(seen: Value | None) -> ProviderState:
    """Return the state after the block in b was released."""
    state = world(seen)
    gone = block("b", "b1", seen, base=seen or off(9), written=None, end_accepted=seen is None)
    return replace(
        state,
        records=tuple(gone if r.id == "b1" else r for r in state.records),
        replicas=tuple(
            replace(r, role=Role.RELEASED) if r.event == "b1" else r for r in state.replicas
        ),
    )


@pytest.mark.parametrize("seen", [v(14), None])
def test_a_release_lasts_until_the_meeting_moves(seen: Value | None) -> None:
    state = released(seen)
    rules = by(Choice.RELEASE)
    assert summary(decided(state, rules=rules)) == []
    moved = replace(state, records=(rec("a", "a1", v(11), v(9)), *state.records[1:]))
    here = ("move-block", "b", "14-15>11-12") if seen else ("create-block", "b", ">11-12")
    assert here in summary(decided(moved, rules=rules))
    ended = replace(state, records=(rec("a", "a1", off(9), v(9)), *state.records[1:]))
    removals = [("remove-block", "b", "14-15>")] if seen else []
    assert summary(decided(ended, rules=rules)) == [*removals, ("remove-block", "c", "09-10>")]


def test_no_second_block_is_made_where_a_released_one_is() -> None:
    state = released(v(14))
    other = replace(
        state,
        records=(*state.records, rec("a", "a2", v(14), v(14))),
        bookings=(*state.bookings, booking("y", v(14))),
        replicas=(*state.replicas, origin("y", "a", "a2")),
    )
    writes = summary(decided(other, rules=by(Choice.RELEASE)))
    assert writes == [("create-block", "c", ">14-15")]


def test_a_twin_follows_a_block_in_the_third_system() -> None:
    state = ProviderState(
        "p",
        (
            rec("a", "a1", v(9), v(9)),
            rec("b", "b1", v(9), v(9)),
            block("c", "c1", v(14), base=v(9), written=None),
        ),
        (booking("x", v(9)),),
        (origin("x", "a", "a1"), twin("x", "b", "b1"), serves("x", "c", "c1")),
    )
    assert summary(decided(state, rules=by(Choice.RESCHEDULE))) == [
        ("move-appointment", "a", "09-10>14-15"),
        ("move-appointment", "b", "09-10>14-15"),
    ]
