"""Events derived from a record with other hosts: they are sources and are never written to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.conflicts.resolution import InvalidResolutionError, Resolution, ResolutionKind
from syncd.core.decision import Decision, DecisionInput
from syncd.core.inputs import CalendarState
from syncd.core.merging.rules import Rules
from syncd.core.reconcile import reconcile_with_answer
from syncd.model import (
    ConflictKind,
    OwnerChange,
    OwnerProof,
    ProviderState,
    Status,
    StoredConflict,
    TrackedEvent,
    Value,
    derived_id,
    is_derived,
    part_of,
    record_id,
    same_record,
)
from tests.core.kit import NOW, booking, calendars, decided, off, origin, rec, summary, twin, v

SHARE = "x@users/u2"


def state(
    shown: Value | None, base: Value | None, other: Value, was: Value, event: str = SHARE
) -> ProviderState:
    """Return a meeting of several hosts in b that is also in a; c has none of it."""
    return ProviderState(
        "p",
        (rec("b", event, shown, base, customer="kim"), rec("a", "t", other, was, customer="kim")),
        (booking("m", was),),
        (origin("m", "b", event), twin("m", "a", "t")),
    )


@pytest.mark.parametrize(
    ("event", "record", "part"),
    [
        ("x", "x", ""),
        ("x@users/u2", "x", "users/u2"),
        ("x@rooms/yoga room", "x", "rooms/yoga room"),
        ("x@equipment/laser@users/odd", "x", "equipment/laser@users/odd"),
        ("uid@example.com", "uid@example.com", ""),
        ("uid@example.com@users/u2", "uid@example.com", "users/u2"),
    ],
)
def test_an_id_names_its_record_and_the_derived_provider(
    event: str, record: str, part: str
) -> None:
    assert (record_id(event), part_of(event)) == (record, part)
    assert is_derived(event) is bool(part)
    assert not part or derived_id(record, part) == event
    assert same_record(event, record) is bool(part)


MOVED_APART = ConflictKind.MOVED_APART
CANNOT_CANCEL = ConflictKind.CANNOT_CANCEL
NO_SHOW = v(9, status=Status.NOSHOW)


@pytest.mark.parametrize(
    ("shown", "other", "kind"),
    [
        (v(9), v(11), MOVED_APART),
        (v(9), off(9), CANNOT_CANCEL),
        (v(9), v(9, status=Status.SHOWED), None),
        (v(9), v(9), None),
        (v(11), v(11), None),
        (off(9), v(9), None),
    ],
)
@pytest.mark.parametrize("event", [SHARE, "x@rooms/yoga room"])
def test_a_derived_event_is_never_written_to_and_a_contradiction_is_held(
    event: str, shown: Value, other: Value, kind: ConflictKind | None
) -> None:
    decision = decided(state(shown, v(9), other, v(9), event))
    assert [c.kind for c in decision.conflicts] == ([kind] if kind else [])
    assert all(c.held for c in decision.conflicts)
    assert not [o for o in decision.operations if o.event == event]
    if kind is not None:
        # Every claimed time is blocked where no event has it.
        assert ("create-block", "c", ">09-10") in summary(decision)


@pytest.mark.parametrize("other", [v(11), off(9)])
def test_a_contradiction_stays_held_while_the_meetings_system_is_silent(other: Value) -> None:
    first = decided(state(v(9), v(9), other, v(9)))
    changed = first.changes
    known = ProviderState(
        "p",
        (*changed.records, rec("b", SHARE, v(9), v(9), customer="kim")),
        tuple(changed.bookings),
        (
            replace(origin("m", "b", SHARE), synced_revision=0),
            replace(twin("m", "a", "t"), synced_revision=1),
        ),
        conflicts=tuple(changed.opened),
    )
    silent = decided(known, calendars=calendars(without="b"))
    assert not [o for o in silent.operations if o.action.startswith("remove")]
    assert ("create-block", "c", ">09-10") in summary(silent)
    assert not silent.changes.closed


def answered(first: Decision, answer: Resolution) -> Decision:
    (conflict,) = first.conflicts
    open_conflict = StoredConflict("h", conflict, NOW, "run")
    records = {r.id: r for r in first.changes.records}
    records.setdefault(SHARE, rec("b", SHARE, v(9), v(9), customer="kim"))
    known = ProviderState(
        "p",
        tuple(records.values()),
        tuple(first.changes.bookings),
        (origin("m", "b", SHARE), twin("m", "a", "t", settled=1)),
        conflicts=(open_conflict,),
    )
    case = DecisionInput(calendars(), Rules(), NOW, NOW, "run")
    return reconcile_with_answer(known, case, iter("abcdefgh").__next__, {"h": answer})[0]


def test_a_person_may_undo_a_further_hosts_move_but_not_move_the_record() -> None:
    first = decided(state(v(9), v(9), v(11), v(9)))
    back = answered(first, Resolution(ResolutionKind.TAKE, "b"))
    assert ("move-appointment", "a", "11-12>09-10") in summary(back)
    assert not back.conflicts
    for answer in (
        Resolution(ResolutionKind.TAKE, "a"),
        Resolution(ResolutionKind.AT, at=v(13).start),
    ):
        with pytest.raises(InvalidResolutionError, match="other hosts"):
            answered(first, answer)
    apart = answered(first, Resolution(ResolutionKind.KEEP_BOTH))
    assert not [o for o in apart.operations if o.system == "b" and o.event == SHARE]


def test_a_booking_follows_its_record_when_the_first_host_changes() -> None:
    """The record belongs to another provider now, and this one is a further host."""
    change = OwnerChange("b", "x", "p", "u9", "q", OwnerProof.HANDED_OVER, v(9), NOW, NOW)
    former = ProviderState(
        "p",
        (rec("b", SHARE, v(9), customer="kim"),),
        (booking("m", v(9)),),
        (origin("m", "b", "x"),),
        owner_changes=(change,),
    )
    decision = decided(former)
    assert [(r.booking, r.event) for r in decision.changes.replicas] == [("m", SHARE)]
    assert decision.changes.bookings == []
    assert decision.changes.owners_resolved == [change]


def vanished(event: str) -> TrackedEvent:
    return rec("b", event, None, v(9), customer="kim", before_write=v(9))


def test_of_several_meetings_each_booking_follows_its_own_record() -> None:
    """All have one customer and service, so only the record distinguishes them."""
    both = ProviderState(
        "p",
        (
            vanished("x@users/u2"),
            vanished("y@users/u2"),
            rec("b", "x", v(9), customer="kim"),
            rec("b", "y", v(12), customer="kim"),
        ),
        (booking("m", v(9)), booking("n", v(12))),
        (origin("m", "b", "x@users/u2"), origin("n", "b", "y@users/u2")),
    )
    decision = decided(both)
    assert not decision.conflicts
    links = {(r.booking, r.event) for r in decision.changes.replicas if r.role.is_meeting}
    assert links == {("m", "x"), ("n", "y")}


def test_two_events_of_one_record_are_no_double_booking() -> None:
    known = ProviderState(
        "p",
        (rec("b", "x", v(9), v(9), customer="kim"), rec("b", SHARE, v(9), v(9), customer="kim")),
        (booking("m", v(9)), booking("n", v(9))),
        (origin("m", "b", "x"), origin("n", "b", SHARE)),
    )
    assert decided(known, calendars={"b": CalendarState("b")}).conflicts == ()
    other = replace(known, records=(known.records[0], rec("b", "z", v(9), v(9), customer="kim")))
    other = replace(other, replicas=(origin("m", "b", "x"), origin("n", "b", "z")))
    (conflict,) = decided(other, calendars={"b": CalendarState("b")}).conflicts
    assert conflict.kind is ConflictKind.DOUBLE_BOOKED
