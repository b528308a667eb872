"""A move whose time passed while it waited is made only if it happened or a person wants it."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from syncd.core.conflicts.resolution import Resolution, ResolutionKind
from syncd.core.decision import Decision, DecisionInput
from syncd.core.merging.rules import Choice, Rules
from syncd.core.reconcile import reconcile_with_answer
from syncd.model import (
    Claim,
    Conflict,
    ConflictKind,
    ProviderState,
    StoredConflict,
    TrackedEvent,
    Value,
)
from tests.core.kit import (
    DAY,
    NOW,
    SYSTEMS,
    at,
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

PAST, RUNNING, NEXT = v(4), v(5, 7), v(12)
TWIN = rec("b", "b1", v(9), v(9))


def waiting(agreed: Value, *, a: Value | None = None, rule: str = "") -> ProviderState:
    """Return a meeting at 9 in a and b with another agreed value, which a may have caused."""
    there = a is not None
    shown = a or v(9)
    return ProviderState(
        "p",
        (rec("a", "a1", shown, shown), TWIN),
        (replace(booking("x", agreed, revision=1), rule=rule),),
        (origin("x", "a", "a1", int(there)), twin("x", "b", "b1")),
    )


def held_with(
    state: ProviderState, other: Value, *, asked: Value | None = None, now: Value | None = None
) -> ProviderState:
    """Return the same in conflict with a meeting of c; ``now``: the present time of that one."""
    meant = state.bookings[0].agreed if asked is None else asked
    claims = (Claim("a", "a1", meant), Claim("c", "c1", other))
    conflict = Conflict(ConflictKind.DOUBLE_BOOKED, "p", "x+y", claims, "in", held=True)
    stands = now or other
    return replace(
        state,
        records=(*state.records, rec("c", "c1", stands, stands)),
        bookings=(*state.bookings, booking("y", stands)),
        replicas=(*state.replicas, origin("y", "c", "c1")),
        conflicts=(StoredConflict("d", conflict, DAY, "run"),),
    )


def appointment_writes(decision: Decision) -> list[tuple[str, str, str]]:
    return [w for w in summary(decision) if w[0] == "move-appointment"]


CASES = [
    ("the time has passed, and no system shows it", waiting(PAST), []),
    ("the meeting is still running", waiting(RUNNING), ["a", "b"]),
    ("it took place there in another calendar", waiting(PAST, a=PAST), ["b"]),
    ("that calendar rounds", waiting(v(4.05, 5.05), a=v(4, 5)), ["b"]),
    ("a person decided so", waiting(PAST, rule="resolved: at 2026-06-01T04:00Z"), ["a", "b"]),
    ("held until it had passed", held_with(waiting(PAST), v(4.5, 5.5)), []),
    ("held until the other one was over", held_with(waiting(RUNNING), v(4, 5.5)), []),
    (
        "held until it had passed, in the one calendar without it",
        held_with(waiting(PAST, a=PAST), v(4.5, 5.5)),
        [],
    ),
    (
        "held until the other meeting moved",
        held_with(waiting(NEXT), v(12), now=v(15)),
        ["a", "b"],
    ),
    (
        "held once, and moved since to a time that is free",
        held_with(waiting(NEXT), v(4.5, 5.5), asked=PAST),
        ["a", "b"],
    ),
    (
        "reported only: nothing was held",
        replace(
            held_with(waiting(RUNNING), v(4, 5.5)),
            conflicts=tuple(
                replace(h, conflict=replace(h.conflict, held=False))
                for h in held_with(waiting(RUNNING), v(4, 5.5)).conflicts
            ),
        ),
        ["a", "b"],
    ),
]


@pytest.mark.parametrize(("name", "state", "systems"), CASES)
def test_a_move_that_waited_is_made_only_before_its_time(
    name: str, state: ProviderState, systems: list[str]
) -> None:
    decision = decided(state, rules=Rules(prefer=SYSTEMS, double_booked=Choice.HOLD))
    assert [system for _, system, _ in appointment_writes(decision)] == systems, name


def test_a_late_move_keeps_both_values_and_their_blocks() -> None:
    decision = decided(waiting(PAST))
    kinds = {c.kind for c in decision.conflicts}
    assert kinds == {ConflictKind.SLOT_TAKEN}
    first = decision.conflicts[0]
    assert [(c.system, c.value) for c in first.claims] == [("agreed", PAST), ("a", v(9))]
    assert (first.held, "too late to move in a" in first.note) == (True, True)
    # Nothing is freed, and no block is made for the past time.
    assert summary(decision) == [("create-block", "c", ">09-10")]


def opened(state: ProviderState, **more: object) -> ProviderState:
    """Return the state after the late move is in the queue, as conflicts h0 and so on."""
    found = decided(state, **more).changes.opened
    held = tuple(replace(h, id=f"h{n}") for n, h in enumerate(found))
    return replace(state, conflicts=held)


HELD = {"a cause that is gone": held_with(waiting(PAST, a=PAST), v(4.5, 5.5)), "": waiting(PAST)}


@pytest.mark.parametrize("state", HELD.values(), ids=HELD)
def test_a_reported_conflict_stays_one_entry(state: ProviderState) -> None:
    again = decided(opened(state))
    assert (again.changes.opened, again.changes.closed, appointment_writes(again)) == ([], [], [])


@pytest.mark.parametrize("silent", ["", "a", "b", "ab"])
def test_the_time_shown_by_a_silent_system_stays_blocked(
    silent: str,
) -> None:
    """Simulator, once seed 20025: the time was open if the system was slow to answer."""
    state = opened(waiting(PAST))
    closed = replace(
        state,
        records=(*state.records, block("c", "c1", v(9))),
        replicas=(*state.replicas, serves("x", "c", "c1")),
    )
    decision = decided(closed, calendars=calendars(without=silent))
    assert (summary(decision), decision.changes.opened, decision.changes.closed) == ([], [], [])


@pytest.mark.parametrize("seen", [PAST, off(9)])
def test_a_late_move_is_decided_again_when_the_meeting_is_seen_elsewhere(seen: Value) -> None:
    state = opened(waiting(PAST))
    news = replace(state, records=(rec("a", "a1", seen, v(9)), TWIN))
    decision = decided(news)
    assert len(decision.changes.closed) == len(state.conflicts)
    after = [o.after for o in decision.operations if o.system == "b" and o.event == "b1"]
    assert [value and (value.interval, value.busy) for value in after] == [
        (PAST.interval, True) if seen.busy else (v(9).interval, False)
    ]


@pytest.mark.parametrize(
    ("choice", "value"), [(Choice.REVERT, v(9)), (Choice.NEXT_FREE, v(6)), (Choice.HOLD, None)]
)
def test_the_rule_for_refused_times_applies_to_late_moves(
    choice: Choice, value: Value | None
) -> None:
    decision = decided(opened(waiting(PAST)), rules=Rules(prefer=SYSTEMS, slot_taken=choice))
    assert next((b.agreed for b in decision.changes.bookings), None) == value


def answered(said: Resolution) -> Decision:
    state = opened(replace(waiting(PAST), records=(rec("a", "a1", v(9), v(9)),)))
    numbers = count(1)
    case = DecisionInput(calendars(), Rules(prefer=SYSTEMS), NOW, DAY, "run")
    decision, counted = reconcile_with_answer(
        state, case, lambda: f"n{next(numbers)}", {"h0": said}
    )
    assert counted == {"h0"}
    return decision


MADE = ["move-appointment a 09-10>04-05"]
ANSWERS = [
    ("the meeting stays", Resolution(ResolutionKind.TAKE, "a"), []),
    ("the move is made", Resolution(ResolutionKind.TAKE, "b"), MADE),
    ("another time", Resolution(ResolutionKind.AT, at=at(14)), ["move-appointment a 09-10>14-15"]),
    ("the late time itself", Resolution(ResolutionKind.AT, at=at(4)), MADE),
    (
        "any other past time",
        Resolution(ResolutionKind.AT, at=at(3)),
        ["move-appointment a 09-10>03-04"],
    ),
]


@pytest.mark.parametrize(("name", "said", "writes"), ANSWERS)
def test_a_person_decides_where_a_late_move_goes(
    name: str, said: Resolution, writes: list[str]
) -> None:
    assert [" ".join(w) for w in appointment_writes(answered(said))] == writes, name


def test_a_time_chosen_by_a_person_is_written_even_if_late() -> None:
    (agreed,) = answered(Resolution(ResolutionKind.AT, at=at(14))).changes.bookings
    late = replace(waiting(PAST), bookings=(replace(agreed, agreed=PAST),))
    assert [w[1] for w in appointment_writes(decided(late))] == ["a", "b"]


def test_a_correction_of_a_past_meeting_is_propagated() -> None:
    # A person corrects the time of a past meeting, so both calendars must show it.
    seen: tuple[TrackedEvent, ...] = (rec("a", "a1", v(4), v(3)), rec("b", "b1", v(3), v(3)))
    state = ProviderState(
        "p", seen, (booking("x", v(3)),), (origin("x", "a", "a1"), twin("x", "b", "b1"))
    )
    assert summary(decided(state)) == [("move-appointment", "b", "03-04>04-05")]
