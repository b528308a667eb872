"""A resource's block affects only its own system, whoever owns the calendar there."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.inputs import CalendarState
from syncd.model import Kind, ProviderState
from tests.core.kit import booking, calendars, decided, origin, rec, summary, v


def test_a_resource_block_affects_only_its_own_system() -> None:
    closure = rec("b+rooms", "x", v(9), kind=Kind.BLOCK)
    rooms = CalendarState("b+rooms", can_hold_blocks=False, affects=frozenset({"b"}))
    decision = decided(
        ProviderState("p", records=(closure,)), calendars={**calendars(), "b+rooms": rooms}
    )
    assert summary(decision) == [("create-block", "b", ">09-10")]
    assert decision.exposures == 1


def test_a_meeting_during_a_resource_block_blocks_the_other_systems() -> None:
    closure = rec("b+rooms", "x", v(9), kind=Kind.BLOCK)
    meeting = rec("a", "m", v(9))
    rooms = CalendarState("b+rooms", can_hold_blocks=False, affects=frozenset({"b"}))
    decision = decided(
        ProviderState("p", records=(closure, meeting)),
        calendars={**calendars(), "b+rooms": rooms},
    )
    assert summary(decision) == [("create-block", "b", ">09-10"), ("create-block", "c", ">09-10")]


def test_a_rooms_own_calendar_is_never_blocked() -> None:
    meeting = rec("a", "m", v(9))
    systems = calendars()
    systems["b"] = replace(systems["b"], can_hold_blocks=False)
    decision = decided(ProviderState("p", records=(meeting,)), calendars=systems)
    assert summary(decision) == [("create-block", "c", ">09-10")]


def test_two_pieces_of_equipment_are_blocked_when_both_are_in_use() -> None:
    records = tuple(rec("a", name, v(start), v(start)) for name, start in (("m", 9), ("n", 9.5)))
    bookings = tuple(booking(f"b{r.id}", r.base) for r in records if r.base)
    links = tuple(origin(f"b{r.id}", "a", r.id) for r in records)
    state = ProviderState("p", records=records, bookings=bookings, replicas=links)
    systems = {s: c for s, c in calendars().items() if s != "c"}
    assert summary(decided(state, calendars=systems, capacity=2)) == [
        ("create-block", "b", ">09-10")
    ]
    assert len(decided(state, calendars=systems).operations) == 2
    assert decided(state, calendars=systems, capacity=3).operations == ()
