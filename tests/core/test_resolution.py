"""The meaning of a person's answer, for each kind of conflict."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from syncd.core.conflicts.resolution import InvalidResolutionError, Resolution, ResolutionKind
from syncd.core.decision import Decision, DecisionInput
from syncd.core.inputs import CalendarState
from syncd.core.merging.rules import Choice, Rules
from syncd.core.propagation import write_order
from syncd.core.propagation.rejected_writes import quarantine, slot_taken
from syncd.core.reconcile import reconcile_with_answer
from syncd.model import (
    Claim,
    Conflict,
    ConflictKind,
    ProviderState,
    Role,
    Status,
    StoredConflict,
    Value,
)
from tests.core.kit import (
    DAY,
    NOW,
    SYSTEMS,
    at,
    booking,
    calendars,
    decided,
    off,
    origin,
    rec,
    summary,
    twin,
    v,
)

HOLD = Rules(
    prefer=SYSTEMS,
    moved_apart=Choice.HOLD,
    moved_and_cancelled=Choice.HOLD,
    double_booked=Choice.HOLD,
)
WHO = {(s, w): frozenset({w}) for s in SYSTEMS for w in ("ann", "bob")}


def held(state: ProviderState, kept: dict[str, CalendarState] | None = None) -> ProviderState:
    """Return the state after its contradictions are in the queue, as conflict h (or h0, h1 …)."""
    decision = decided(state, rules=HOLD, customers=WHO, calendars=kept or calendars())
    opened = decision.changes.opened
    assert opened, "there is nothing to resolve"
    names = ["h"] if len(opened) == 1 else [f"h{n}" for n in range(len(opened))]
    return replace(
        state, conflicts=tuple(replace(o, id=n) for o, n in zip(opened, names, strict=True))
    )


def answer(
    state: ProviderState,
    said: Resolution,
    kept: dict[str, CalendarState] | None = None,
    name: str = "h",
) -> Decision:
    """Decide with the answer, which must be used."""
    decision, counted = answered(state, said, kept, name)
    assert counted == {name}
    return decision


def answered(
    state: ProviderState,
    said: Resolution,
    kept: dict[str, CalendarState] | None = None,
    name: str = "h",
) -> tuple[Decision, frozenset[str]]:
    numbers = count(1)
    case = DecisionInput(kept or calendars(), HOLD, NOW, DAY, "run", WHO)
    return reconcile_with_answer(state, case, lambda: f"new{next(numbers)}", {name: said})


def take(system: str, event: str = "") -> Resolution:
    return Resolution(ResolutionKind.TAKE, system, event)


def agreed(decision: Decision, name: str = "x") -> Value | None:
    return next((b.agreed for b in decision.changes.bookings if b.id == name), None)


def outcomes(decision: Decision) -> list[str]:
    return [h.outcome for h in decision.changes.closed]


def apart(a: Value | None = None, b: Value | None = None) -> ProviderState:
    """Return a twin meeting at 9 whose two sides differ."""
    return ProviderState(
        "p",
        (
            rec("a", "a1", v(12) if a is None else a, v(9)),
            rec("b", "b1", v(15) if b is None else b, v(9)),
        ),
        (booking("x", v(9)),),
        (origin("x", "a", "a1"), twin("x", "b", "b1")),
    )


APART = [
    ("one side", apart(), take("a"), v(12)),
    ("the other side", apart(), take("b"), v(15)),
    ("the cancelled side", apart(b=off(9)), take("b"), off(9)),
    ("the side that moved", apart(b=off(9)), take("a"), v(12)),
    ("another time", apart(), Resolution(ResolutionKind.AT, at=at(18)), v(18)),
    (
        "another time, although one is cancelled",
        apart(b=off(9)),
        Resolution(ResolutionKind.AT, at=at(18)),
        v(18),
    ),
]


@pytest.mark.parametrize(("name", "state", "said", "value"), APART)
def test_an_answer_becomes_the_agreed_value(
    name: str, state: ProviderState, said: Resolution, value: Value
) -> None:
    decision = answer(held(state), said)
    assert agreed(decision) == value, name
    assert outcomes(decision) == [f"resolved: {said}"]
    assert not [c for c in decision.conflicts if c.kind is not ConflictKind.GUARD]
    assert {n.rule for n in decision.changes.history if n.what == "agreed"} == {f"resolved: {said}"}
    told = {o.system: o.after for o in decision.operations if o.kind.value == "appointment"}
    shows = {"a": state.records[0].observed, "b": state.records[1].observed}
    assert told.keys() == {
        s for s, seen in shows.items() if seen != value and (value.busy or (seen and seen.busy))
    }


def test_keeping_both_makes_two_bookings_with_their_own_blocks() -> None:
    decision = answer(held(apart()), Resolution(ResolutionKind.KEEP_BOTH))
    assert agreed(decision) == v(12)
    assert agreed(decision, "new1") == v(15) or v(15) in [
        b.agreed for b in decision.changes.bookings
    ]
    assert {
        (r.booking != "x", r.event) for r in decision.changes.replicas if r.role.is_meeting
    } >= {(True, "b1")}
    assert {("create-block", "b", ">12-13"), ("create-block", "a", ">15-16")} <= set(
        summary(decision)
    )
    assert not [o for o in decision.operations if o.kind.value == "appointment"]


def test_a_dismissed_conflict_stays_open_and_is_not_reported_again() -> None:
    state = held(apart())
    decision = answer(state, Resolution(ResolutionKind.DISMISS))
    (quiet,) = decision.changes.opened
    assert (quiet.id, quiet.dismissed, quiet.closed_at) == ("h", True, None)
    again = decided(replace(state, conflicts=(quiet,)), rules=HOLD)
    assert (again.changes.opened, again.changes.closed) == ([], [])


def test_an_answer_to_a_changed_conflict_is_not_used() -> None:
    state = held(apart())
    changed = replace(state, records=(rec("a", "a1", v(13), v(9)), state.records[1]))
    decision, counted = answered(changed, take("a"))
    assert counted == frozenset()
    assert agreed(decision) is None
    assert outcomes(decision) == ["the events of this conflict changed"]


def test_an_answer_is_not_used_while_a_system_is_silent() -> None:
    kept = calendars(without="b")
    _, counted = answered(held(apart()), take("a"), kept)
    assert counted == frozenset()


def overlap() -> ProviderState:
    """Return x of a from 9 to 11, and y of b at 10, opened later."""
    return ProviderState(
        "p",
        (rec("a", "a1", v(9, 11), v(9, 11)), rec("b", "b1", v(10), v(10))),
        (
            replace(booking("x", v(9, 11)), opened_at=DAY),
            replace(booking("y", v(10)), opened_at=NOW),
        ),
        (origin("x", "a", "a1"), origin("y", "b", "b1")),
    )


def test_the_chosen_meeting_of_a_double_booking_stays_and_the_other_is_cancelled() -> None:
    decision = answer(held(overlap()), take("a"))
    assert agreed(decision, "y") == off(10)
    assert ("set-status", "b", "10-11>10-11") in summary(decision)
    other = answer(held(overlap()), take("b"))
    assert agreed(other, "x") == v(9, 11, Status.CANCELLED)


def test_the_later_meeting_of_a_double_booking_is_moved() -> None:
    decision = answer(held(overlap()), Resolution(ResolutionKind.AT, at=at(14)))
    assert (agreed(decision, "x"), agreed(decision, "y")) == (None, v(14))
    assert outcomes(decision) == ["resolved: at 2026-06-01T14:00Z"]


def test_an_accepted_double_booking_is_not_reported_again() -> None:
    (quiet,) = answer(held(overlap()), Resolution(ResolutionKind.KEEP_BOTH)).changes.opened
    assert quiet.dismissed


def several() -> ProviderState:
    """Return Ann's meeting at 9 in a, and two of hers at 9 in b."""
    return ProviderState(
        "p",
        (
            rec("a", "a1", v(9), v(9), customer="ann", service="s"),
            rec("b", "b1", v(9), customer="ann", service="s"),
            rec("b", "b2", v(9), customer="ann", service="s"),
        ),
        (booking("x", v(9)),),
        (origin("x", "a", "a1"),),
    )


def test_the_chosen_candidate_is_the_twin_and_the_other_opens_a_booking() -> None:
    state = held(several())
    with pytest.raises(InvalidResolutionError, match="several events of b") as several_:
        answered(state, take("b"))
    assert "--take b/b1 or --take b/b2" in several_.value.remedy
    links = {r.event: (r.booking, r.role) for r in answer(state, take("b", "b2")).changes.replicas}
    assert links["b2"] == ("x", Role.TWIN)
    assert links["b1"][1] is Role.ORIGIN


def test_no_candidate_is_the_twin_when_all_are_kept() -> None:
    decision = answer(held(several()), Resolution(ResolutionKind.KEEP_BOTH))
    links = {r.event: r.role for r in decision.changes.replicas if r.role.is_meeting}
    assert links == {"b1": Role.ORIGIN, "b2": Role.ORIGIN}


def came_back() -> ProviderState:
    """Return Ann's meeting that vanished from a, and two new ones of hers."""
    return ProviderState(
        "p",
        (
            rec("a", "a1", None, v(9), customer="ann", service="s"),
            rec("a", "a2", v(12), customer="ann", service="s"),
            rec("a", "a3", v(15), customer="ann", service="s"),
        ),
        (booking("x", v(9)),),
        (origin("x", "a", "a1"),),
    )


def test_the_chosen_successor_continues_the_booking() -> None:
    decision = answer(held(came_back()), take("a", "a3"))
    assert agreed(decision) == v(15)
    assert [b.agreed for b in decision.changes.bookings if b.id != "x"] == [v(12)]
    none = answer(held(came_back()), Resolution(ResolutionKind.KEEP_BOTH))
    assert agreed(none) == off(9)


def refused() -> ProviderState:
    """Return a meeting that a moved to 14, which b refused."""
    state = ProviderState(
        "p",
        (rec("a", "a1", v(14), v(14)), rec("b", "b1", v(9), v(9))),
        (booking("x", v(14), revision=1),),
        (origin("x", "a", "a1", 1), twin("x", "b", "b1")),
    )
    move = next(o for o in decided(state).operations if o.event == "b1")
    return replace(
        state, conflicts=(StoredConflict("h", slot_taken(move, "no", state), NOW, "run"),)
    )


def test_a_refused_move_is_reverted_retried_or_moved_elsewhere() -> None:
    back = answer(refused(), take("b"))
    assert agreed(back) == v(9)
    again = answer(refused(), take("a"))
    assert agreed(again) is None
    assert ("move-appointment", "b", "09-10>14-15") in summary(again)
    assert outcomes(again) == ["resolved: take a"]
    elsewhere = answer(refused(), Resolution(ResolutionKind.AT, at=at(17)))
    assert agreed(elsewhere) == v(17)
    both = answer(refused(), Resolution(ResolutionKind.KEEP_BOTH))
    assert sorted(b.agreed.start for b in both.changes.bookings) == [at(9)]


def test_a_quarantined_block_is_tried_again() -> None:
    state = ProviderState(
        "p", (rec("a", "a1", v(9), v(9)),), (booking("x", v(9)),), (origin("x", "a", "a1"),)
    )
    create = next(o for o in decided(state).operations if o.system == "b")
    stuck = quarantine(create, write_order.operation_key(create))
    state = replace(state, conflicts=(StoredConflict("h", stuck, NOW, "run"),))
    assert ("create-block", "b", ">09-10") not in summary(decided(state))
    assert ("create-block", "b", ">09-10") in summary(answer(state, take("a")))
    with pytest.raises(InvalidResolutionError, match="has no appointment"):
        answered(state, take("b"))


def test_an_appointment_that_cannot_be_cancelled_is_revived_or_dismissed() -> None:
    kept = calendars()
    kept["b"] = CalendarState("b", statuses={Status.SHOWED: Status.SHOWED})
    state = ProviderState(
        "p",
        (rec("a", "a1", off(9), v(9)), rec("b", "b1", v(9), v(9))),
        (booking("x", v(9)),),
        (origin("x", "a", "a1"), twin("x", "b", "b1")),
    )
    first = decided(state, calendars=kept)
    records = {r.id: r for r in (*state.records, *first.changes.records)}
    links = {r.event: r for r in (*state.replicas, *first.changes.replicas)}
    (conflict,) = first.changes.opened
    state = replace(
        state,
        records=tuple(records.values()),
        bookings=tuple(first.changes.bookings),
        replicas=tuple(links.values()),
        conflicts=(replace(conflict, id="h"),),
    )
    assert agreed(answer(state, take("b"), kept)) == v(9)
    with pytest.raises(InvalidResolutionError, match="cannot cancel appointments in b"):
        answered(state, take("a"), kept)


def test_a_guard_stop_cannot_be_resolved_as_a_conflict() -> None:
    guard = Conflict(
        ConflictKind.GUARD, "p", "a/p", (Claim("a", "a1", None),), "in", "much vanished"
    )
    state = replace(apart(), conflicts=(StoredConflict("h", guard, NOW, "run7"),))
    case = DecisionInput(calendars(), HOLD, NOW, DAY, "run", guards=(guard,))
    with pytest.raises(InvalidResolutionError) as unfit:
        reconcile_with_answer(state, case, lambda: "n", {"h": take("a")})
    assert "syncd resync --accept run7" in unfit.value.remedy


def test_a_read_only_meeting_cannot_be_moved_by_an_answer() -> None:
    kept = calendars()
    kept["a"] = CalendarState("a", never_written=True)
    with pytest.raises(InvalidResolutionError, match="a is read-only"):
        answered(held(apart(), kept), take("b"), kept)
