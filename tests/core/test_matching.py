"""Which events are the same meeting."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

from syncd.core.matching.match import candidates_to_look_up, match_events
from syncd.core.matching.result import MatchResult
from syncd.model import Booking, Kind, Replica, TrackedEvent
from tests.core.kit import booking, off, origin, rec, twin, v

ANN, ANNS_LEAD, BOB = ("a", "ann"), ("b", "lead7"), ("a", "bob")
WHO = {
    ANN: frozenset({"h1"}),
    ANNS_LEAD: frozenset({"h1", "h2"}),
    BOB: frozenset({"h9"}),
}


def ann(event: str, value: object = None) -> TrackedEvent:
    return rec("a", event, v(9) if value is None else value, customer="ann")  # type: ignore[arg-type]


def lead(event: str) -> TrackedEvent:
    return rec("b", event, v(9), customer="lead7")


def run(
    unlinked: list[TrackedEvent],
    bookings: list[Booking] | None = None,
    linked: dict[str, list[TrackedEvent]] | None = None,
    links: list[Replica] | None = None,
    customers: object = None,
) -> MatchResult:
    return match_events(
        "p",
        unlinked,
        bookings or [],
        linked or {},
        {(r.system, r.event): r for r in links or []},
        WHO if customers is None else customers,  # type: ignore[arg-type]
    )


def test_an_unknown_appointment_opens_a_booking() -> None:
    assert [r.id for r in run([ann("1")]).opened] == ["1"]


def test_a_block_of_a_person_opens_a_booking() -> None:
    matched = run([rec("a", "1", v(9), kind=Kind.BLOCK)])
    assert [r.id for r in matched.opened] == ["1"]


def test_a_cancelled_appointment_opens_nothing() -> None:
    assert run([ann("1", off(9))]) == MatchResult()


def test_the_same_person_at_the_same_time_in_two_systems_is_one_meeting() -> None:
    for order in permutations([ann("1"), lead("2")]):
        matched = run(list(order))
        assert [r.id for r in matched.opened] == ["1"]
        assert [(t.first.id if t.first else None, t.record.id) for t in matched.twins] == [
            ("1", "2")
        ]


def test_a_later_entry_joins_the_existing_booking() -> None:
    known = rec("a", "1", v(9), v(9), customer="ann")
    matched = run([lead("2")], [booking("x", v(9))], {"x": [known]}, [origin("x", "a", "1")])
    assert [(t.booking, t.record.id) for t in matched.twins] == [("x", "2")]
    assert matched.opened == ()


def test_another_person_at_the_same_time_is_another_meeting() -> None:
    matched = run([rec("a", "1", v(9), customer="bob"), lead("2")])
    assert sorted(r.id for r in matched.opened) == ["1", "2"]
    assert matched.twins == ()


def test_the_same_person_an_hour_later_is_another_meeting() -> None:
    matched = run([ann("1", v(10)), lead("2")])
    assert len(matched.opened) == 2


def test_two_candidates_are_a_conflict_in_any_order() -> None:
    for order in permutations([ann("1"), ann("2"), lead("3")]):
        matched = run(list(order))
        assert matched.twins == ()
        assert [r.id for r in matched.opened] == ["1"], "the time must be closed all the same"
        assert sorted(r.id for r in matched.undecided) == ["2", "3"]
        assert len(matched.conflicts) == 1


def test_the_conflict_stays_the_same_once_a_candidate_has_a_booking() -> None:
    records = [ann("1"), ann("2"), lead("3")]
    (first,) = run(records).conflicts
    linked = replace(records[0], base=v(9))
    matched = run(records[1:], [booking("x", v(9))], {"x": [linked]}, [origin("x", "a", "1")])
    assert matched.opened == ()
    assert matched.conflicts == (first,)


def test_equal_appointments_of_one_system_are_two_meetings() -> None:
    assert len(run([ann("1"), ann("2")]).opened) == 2


def test_an_appointment_of_an_unknown_person_waits() -> None:
    matched = run([ann("1"), lead("2")], customers={ANN: frozenset({"h1"})})
    assert [r.id for r in matched.opened] == ["1"], "the time must be closed all the same"
    assert [r.id for r in matched.unknown_customer] == ["2"]


def test_persons_are_looked_up_only_for_candidates() -> None:
    far = rec("a", "3", v(15), customer="bob")
    assert [r.id for r in candidates_to_look_up([ann("1"), lead("2"), far], [], {})] == ["1", "2"]


def test_a_meeting_that_is_being_cancelled_gets_no_twin() -> None:
    gone = rec("a", "1", None, v(9), customer="ann")
    matched = run([lead("2")], [booking("x", v(9))], {"x": [gone]}, [origin("x", "a", "1")])
    assert matched.twins == ()
    assert [r.id for r in matched.opened] == ["2"]


def test_a_vanished_appointment_with_a_new_id_is_relinked() -> None:
    gone = rec("a", "1", None, v(9), customer="ann", service="s")
    back = rec("a", "2", v(12), customer="ann", service="s")
    matched = run([back], [booking("x", v(9))], {"x": [gone]}, [origin("x", "a", "1")])
    assert [(r.old.id, r.new.id) for r in matched.relinked] == [("1", "2")]
    assert matched.opened == ()


def test_an_entry_at_the_new_time_of_a_relinked_appointment_is_its_twin() -> None:
    gone = rec("a", "1", None, v(9), customer="ann", service="s")
    back = rec("a", "2", v(12), customer="ann", service="s")
    entered = rec("b", "3", v(12), customer="lead7")
    links = [origin("x", "a", "1")]
    matched = run([back, entered], [booking("x", v(9))], {"x": [gone]}, links)
    assert [(r.old.id, r.new.id) for r in matched.relinked] == [("1", "2")]
    assert [(t.booking, t.record.id) for t in matched.twins] == [("x", "3")]
    assert matched.opened == ()


def test_several_possible_successors_are_a_conflict() -> None:
    gone = rec("a", "1", None, v(9), customer="ann", service="s")
    back = [rec("a", i, v(12 + int(i)), customer="ann", service="s") for i in ("2", "3")]
    matched = run(back, [booking("x", v(9))], {"x": [gone]}, [origin("x", "a", "1")])
    assert matched.relinked == ()
    assert matched.opened == ()
    assert [c.subject for c in matched.conflicts] == ["x"]


def test_an_appointment_of_another_service_is_no_successor() -> None:
    gone = rec("a", "1", None, v(9), customer="ann", service="s")
    new = rec("a", "2", v(12), customer="ann", service="t")
    matched = run([new], [booking("x", v(9))], {"x": [gone]}, [twin("x", "a", "1")])
    assert matched.relinked == ()
    assert [r.id for r in matched.opened] == ["2"]
