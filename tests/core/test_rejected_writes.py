"""Refused times: held, reverted, or moved to the nearest free time; and when they are retried."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.availability.free import FreeSearch, nearest_free
from syncd.core.inputs import CalendarState
from syncd.core.merging.rules import Choice, Rules
from syncd.core.propagation.rejected_writes import slot_taken
from syncd.model import (
    Availability,
    ConflictKind,
    Hours,
    Offer,
    OpeningHours,
    ProviderState,
    StoredConflict,
    Value,
    Window,
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
    origin,
    rec,
    serves,
    summary,
    twin,
    v,
)

HOUR = timedelta(hours=1)
BUSY_C = rec("c", "c1", v(15, 17), v(15, 17))


def moved() -> ProviderState:
    """Return a meeting of a and b that a moved from 9 to 14; c is busy from 15 to 17."""
    return ProviderState(
        "p",
        (rec("a", "a1", v(14), v(14)), rec("b", "b1", v(9), v(9)), BUSY_C),
        (booking("x", v(14), revision=1), booking("y", v(15, 17))),
        (origin("x", "a", "a1", 1), twin("x", "b", "b1"), origin("y", "c", "c1")),
    )


def refused(state: ProviderState) -> ProviderState:
    """Return the same state after b refused the new time."""
    move = next(o for o in decided(state).operations if o.event == "b1")
    conflict = slot_taken(move, "no", state)
    return replace(state, conflicts=(StoredConflict("h", conflict, NOW, "run"),))


def by(choice: Choice) -> Rules:
    return Rules(prefer=SYSTEMS, slot_taken=choice, search=FreeSearch(step=HOUR / 2))


def agreed(state: ProviderState, choice: Choice, **more: object) -> Value:
    decision = decided(state, rules=by(choice), **more)
    return next((b.agreed for b in decision.changes.bookings if b.id == "x"), v(14))


def appointments(state: ProviderState, choice: Choice) -> list[tuple[str, str, str]]:
    found = summary(decided(state, rules=by(choice)))
    return [w for w in found if w[0] == "move-appointment"]


def test_a_held_refusal_is_not_retried_and_every_claim_is_blocked() -> None:
    decision = decided(refused(moved()), rules=by(Choice.HOLD))
    (conflict,) = decision.conflicts
    assert [(c.system, c.value) for c in conflict.claims] == [("agreed", v(14)), ("b", v(9))]
    writes = summary(decision)
    assert not [w for w in writes if w[0] == "move-appointment"]
    assert {("create-block", "c", ">09-10"), ("create-block", "c", ">14-15")} <= set(writes)


def test_revert_moves_the_meeting_back_to_the_refusing_calendars_time() -> None:
    state = refused(moved())
    assert agreed(state, Choice.REVERT) == v(9)
    assert appointments(state, Choice.REVERT) == [("move-appointment", "a", "14-15>09-10")]
    decision = decided(state, rules=by(Choice.REVERT))
    (closed,) = decision.changes.closed
    assert closed.outcome == "decided by the rule slot_taken = revert"


def test_next_free_takes_the_nearest_time_that_is_free_in_all_systems() -> None:
    # 14:30 and 15:00 run into what c has at 15; so does nothing before.
    assert agreed(refused(moved()), Choice.NEXT_FREE) == v(13.5, 14.5)
    crowded = moved()
    lunch = rec("c", "c2", v(12, 14.5), v(12, 14.5))
    crowded = replace(crowded, records=(*crowded.records, lunch))
    assert agreed(refused(crowded), Choice.NEXT_FREE) == v(17)


def test_next_free_takes_a_time_that_every_asked_system_offers() -> None:
    def asked(system: str, until: float, *offers: tuple[float, float]) -> Availability:
        spans = tuple(Offer(*v(*offer).interval, calendar_id="s") for offer in offers)
        return Availability(system, "p", DAY, Window(DAY, v(until - 1, until).end), spans)

    def found(*free: Availability) -> Value:
        decision = decided(refused(moved()), rules=by(Choice.NEXT_FREE).with_availability(free))
        return next((b.agreed for b in decision.changes.bookings if b.id == "x"), v(14))

    assert found(asked("a", 20, (8, 18))) == v(13.5, 14.5)
    assert found(asked("a", 20, (8, 13.5), (16, 18))) == v(12.5, 13.5)
    assert found(asked("a", 20, (8, 18)), asked("b", 20, (16, 18))) == v(17)
    assert found(asked("a", 20)) == v(14)  # nothing is offered within reach: held
    assert found(asked("a", 9)) == v(13.5, 14.5)  # it was not asked of that time


def test_without_a_free_time_nearby_the_refusal_is_held() -> None:
    state = moved()
    full = rec("c", "c2", v(6, 23), v(6, 23))
    state = refused(replace(state, records=(*state.records, full)))
    assert agreed(state, Choice.NEXT_FREE) == v(14)
    kinds = {c.kind for c in decided(state, rules=by(Choice.NEXT_FREE)).conflicts}
    assert ConflictKind.SLOT_TAKEN in kinds


@pytest.mark.parametrize("choice", [Choice.REVERT, Choice.NEXT_FREE])
def test_a_rule_moves_a_meeting_once_before_a_person_is_asked(choice: Choice) -> None:
    state = moved()
    once = replace(state.bookings[0], rule=f"slot_taken = {choice}")
    state = refused(replace(state, bookings=(once, state.bookings[1])))
    assert agreed(state, choice) == v(14)


@pytest.mark.parametrize("choice", [Choice.REVERT, Choice.NEXT_FREE])
def test_a_meeting_that_cannot_be_moved_everywhere_is_held(choice: Choice) -> None:
    kept = calendars()
    kept["a"] = CalendarState("a", never_written=True)
    assert agreed(refused(moved()), choice, calendars=kept) == v(14)


def test_a_change_of_the_meeting_counts_before_any_rule() -> None:
    state = refused(moved())
    newer = rec("a", "a1", v(11), v(14))
    state = replace(state, records=(newer, *state.records[1:]))
    assert agreed(state, Choice.REVERT) == v(11)


def test_a_refused_time_is_tried_again_when_it_becomes_free() -> None:
    state = moved()
    other = rec("b", "b2", v(14), v(14))
    state = replace(
        state,
        records=(*state.records, other),
        bookings=(*state.bookings, booking("z", v(14))),
        replicas=(*state.replicas, origin("z", "b", "b2")),
    )
    state = refused(state)
    assert appointments(state, Choice.HOLD) == []
    gone = replace(state, records=(*state.records[:3], replace(other, observed=v(20))))
    assert appointments(gone, Choice.HOLD) == [("move-appointment", "b", "09-10>14-15")]


def test_our_own_block_at_a_refused_time_is_no_reason_to_retry() -> None:
    state = refused(moved())
    closing = block("b", "bb", v(14))
    state = replace(
        state,
        records=(*state.records, closing),
        replicas=(*state.replicas, serves("x", "b", "bb")),
    )
    assert appointments(state, Choice.HOLD) == []


def test_free_times_are_nearest_first_within_grid_distance_and_hours() -> None:
    search = FreeSearch(
        2 * HOUR, HOUR / 2, Hours((OpeningHours(frozenset(range(7)), 10 * 60, 16 * 60),))
    )
    found = nearest_free([v(14, 14.5).interval, v(11, 12).interval], v(13.5), search, NOW)
    assert [value.start for value in found] == [at(13), at(14.5), at(12.5), at(15), at(12)]
    assert nearest_free([], v(7), FreeSearch(2 * HOUR, HOUR), at(7.5))[0].start == at(8)
    assert all(value.end - value.start == HOUR for value in found)
