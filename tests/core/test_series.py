"""A series is moved and all its instances get new ids: which new one is which old one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from syncd.core.conflicts.resolution import Resolution, ResolutionKind
from syncd.core.decision import Decision
from syncd.core.inputs import GuardLimits
from syncd.core.mass_change.guard import GuardHistory, check_changes, tally
from syncd.core.matching.series import pair_instances
from syncd.core.reconcile import reconcile_with_answer
from syncd.model import (
    UNNAMED_SERIES,
    Conflict,
    ConflictKind,
    ProviderState,
    StoredConflict,
    TrackedEvent,
    Window,
)
from tests.core.kit import DAY, NOW, booking, case, decided, origin, rec, summary, v

WEEK = 7 * 24


def gone(name: str, hour: float, series: str = "M", **more: Any) -> TrackedEvent:
    """Return an instance of Ann's series that vanished from its accepted time."""
    more = {"customer": "ann", "service": "cut", **more}
    return rec("a", f"{series}{name}", None, v(hour), before_write=v(hour), series=series, **more)


def new(name: str, hour: float, series: str = "M", **more: Any) -> TrackedEvent:
    """Return an unknown instance."""
    more = {"customer": "ann", "service": "cut", **more}
    return rec("a", f"{series}{name}", v(hour), series=series, **more)


def paired(old: list[TrackedEvent], fresh: list[TrackedEvent]) -> list[tuple[str, str]]:
    """Return the pairs, which need no question, in any order of the input."""
    found = pair_instances(old, fresh)
    assert not found.questions
    backwards = pair_instances(old[::-1], fresh[::-1])
    assert sorted(map(ids, backwards.pairs)) == sorted(map(ids, found.pairs))
    return sorted(map(ids, found.pairs))


def ids(pair: tuple[TrackedEvent, TrackedEvent]) -> tuple[str, str]:
    return (pair[0].id, pair[1].id)


def weekly(count: int, hour: float = 10, *, first: int = 0) -> list[float]:
    return [hour + WEEK * (first + n) for n in range(count)]


CASES: dict[str, tuple[list[float], list[float], list[int | None]]] = {
    "moved by an hour": (weekly(4), weekly(4, 11), [0, 1, 2, 3]),
    "ids alone changed": (weekly(4), weekly(4), [0, 1, 2, 3]),
    "moved by its own step": (weekly(4), weekly(4, first=1), [0, 1, 2, 3]),
    "grown at the end": (weekly(3), weekly(5, 11), [0, 1, 2]),
    "grown at the front": (weekly(3, first=2), weekly(5, 11), [2, 3, 4]),
    "shrunk at the end": (weekly(4), weekly(2, 11), [0, 1, None, None]),
    "the first is past the window": (weekly(4), weekly(3, 11, first=1), [None, 0, 1, 2]),
    "one is missing inside": (weekly(4), [11, 11 + 2 * WEEK, 11 + 3 * WEEK], [0, None, 1, 2]),
    "one moved by itself": (weekly(4), [11, 11 + WEEK, 40 + 2 * WEEK, 11 + 3 * WEEK], [0, 1, 2, 3]),
    "one moved past the next": (
        weekly(4),
        [11, 11 + WEEK, 11 + 3 * WEEK, 40 + 3 * WEEK],
        [0, 1, 3, 2],
    ),
    "one moved by itself while it grew": (
        weekly(4),
        [11, 11 + WEEK, 40 + 2 * WEEK, 11 + 3 * WEEK, 11 + 4 * WEEK],
        [0, 1, 2, 3],
    ),
    "the clocks change inside": (
        weekly(4),
        [82, 82 + WEEK, 81 + 2 * WEEK, 82 + 3 * WEEK],
        [0, 1, 2, 3],
    ),
    "the clocks change halfway": (
        weekly(4),
        [11, 11 + WEEK, 10 + 2 * WEEK, 10 + 3 * WEEK],
        [0, 1, 2, 3],
    ),
    "another rhythm": (weekly(3), [10, 34, 58], [0, 1, 2]),
    "another rhythm, and fewer": (weekly(4), [12, 60], [0, 1, None, None]),
}


@pytest.mark.parametrize("name", CASES)
def test_instances_are_paired_by_their_position_in_the_series(name: str) -> None:
    before, after, expected = CASES[name]
    old = [gone(f"-o{n}", hour) for n, hour in enumerate(before)]
    fresh = [new(f"-n{n}", hour) for n, hour in enumerate(after)]
    wanted = [(f"M-o{n}", f"M-n{to}") for n, to in enumerate(expected) if to is not None]
    assert paired(old, fresh) == wanted
    for order in permutations(fresh, len(fresh)) if len(fresh) < 5 else ():
        assert sorted(map(ids, pair_instances(old, order).pairs)) == wanted


@pytest.mark.parametrize(
    "name",
    ["moved by an hour", "moved by its own step", "grown at the end", "the clocks change inside"],
)
def test_a_series_may_return_under_another_master_id(name: str) -> None:
    before, after, expected = CASES[name]
    old = [gone(f"-{n}", hour) for n, hour in enumerate(before)]
    fresh = [new(f"-{n}", hour, "N") for n, hour in enumerate(after)]
    assert paired(old, fresh) == [(f"M-{n}", f"N-{to}") for n, to in enumerate(expected)]


def test_two_moved_series_of_one_person_are_not_mixed() -> None:
    old = [
        gone(str(n), h, s)
        for s, hour in (("M", 10), ("N", 34))
        for n, h in enumerate(weekly(3, hour))
    ]
    fresh = [
        new(f"{n}'", h, s)
        for s, hour in (("M", 34), ("N", 10))
        for n, h in enumerate(weekly(3, hour))
    ]
    assert paired(old, fresh) == [(r.id, f"{r.id}'") for r in old]


def test_two_series_with_new_master_ids_are_not_mixed() -> None:
    old = [
        gone(str(n), h, s)
        for s, hour in (("M", 10), ("N", 34))
        for n, h in enumerate(weekly(3, hour))
    ]
    fresh = [
        new(str(n), h, s)
        for s, hour in (("O", 10), ("P", 34))
        for n, h in enumerate(weekly(3, hour))
    ]
    assert paired(old, fresh) == [
        (f"{a}{n}", f"{b}{n}") for a, b in (("M", "O"), ("N", "P")) for n in range(3)
    ]


def test_series_of_different_persons_are_not_mixed() -> None:
    old = [gone(str(n), h) for n, h in enumerate(weekly(3))]
    fresh = [new(str(n), h, "N", customer="bob") for n, h in enumerate(weekly(3, 11))]
    assert pair_instances(old, fresh).pairs == ()
    unnamed = [replace(r, series=UNNAMED_SERIES) for r in old]
    assert pair_instances(unnamed, [replace(r, series=UNNAMED_SERIES) for r in fresh]).pairs == ()


def test_instances_without_a_master_id_are_paired_by_person_and_service() -> None:
    old = [gone(str(n), h, UNNAMED_SERIES) for n, h in enumerate(weekly(3))]
    fresh = [new(f"{n}'", h, UNNAMED_SERIES) for n, h in enumerate(weekly(3, 11))]
    assert paired(old, fresh) == [(r.id, f"{r.id}'") for r in old]


def test_the_original_start_is_the_position_of_an_exception() -> None:
    starts = [DAY + timedelta(hours=h) for h in weekly(3)]
    old = [
        gone(name, hour, original_start=start)
        for name, hour, start in zip("012", (10, 12 + 2 * WEEK, 10 + 2 * WEEK), starts, strict=True)
    ]
    fresh = [new(f"-{n}", hour) for n, hour in enumerate((5, 80, 90))]
    assert paired(old, fresh) == [("M0", "M-0"), ("M1", "M-1"), ("M2", "M-2")]


def test_a_meeting_that_becomes_a_series_keeps_its_booking() -> None:
    single = rec("a", "s", None, v(10), before_write=v(10), customer="ann", service="cut")
    fresh = [new(str(n), h) for n, h in enumerate(weekly(3))]
    assert paired([single], fresh) == [("s", "M0")]


def test_a_series_that_could_be_several_others_is_one_question() -> None:
    old = [gone(str(n), h) for n, h in enumerate(weekly(3))]
    fresh = [
        new(str(n), h, s)
        for s, hour in (("N", 11), ("O", 34))
        for n, h in enumerate(weekly(3, hour))
    ]
    found = pair_instances(old, fresh)
    assert found.pairs == ()
    (question,) = found.questions
    assert [r.id for r in question.old] == ["M0", "M1", "M2"]
    assert {r.id for r in question.new} == {r.id for r in fresh}


def state(old: list[TrackedEvent], fresh: list[TrackedEvent]) -> ProviderState:
    """Return Ann's series after it vanished, with a booking for each instance."""
    return ProviderState(
        "p",
        (*old, *fresh),
        tuple(booking(f"b-{r.id}", r.base) for r in old if r.base),
        tuple(origin(f"b-{r.id}", "a", r.id) for r in old),
    )


def test_a_moved_series_is_relinked_without_a_question() -> None:
    old = [gone(f"-o{n}", h) for n, h in enumerate(weekly(4))]
    fresh = [new(f"-n{n}", h) for n, h in enumerate(weekly(4, 11))]
    decision = decided(state(old, fresh))
    assert decision.conflicts == ()
    linked = {(r.booking, r.event) for r in decision.changes.replicas if r.system == "a"}
    assert linked == {(f"b-M-o{n}", f"M-n{n}") for n in range(4)}
    assert [b.agreed.start.hour for b in decision.changes.bookings] == [11] * 4
    assert len(summary(decision)) == 8  # one block for each, in two other systems


def test_an_instance_that_is_over_is_not_cancelled() -> None:
    old = [gone("-o0", 2), gone("-o1", 2 + WEEK)]
    fresh = [new("-n0", 3), new("-n1", 3 + WEEK)]
    decision = decided(state(old, fresh))
    assert all(b.agreed.busy for b in decision.changes.bookings)
    assert decision.conflicts == ()


AMBIGUOUS = (
    [gone(str(n), h) for n, h in enumerate(weekly(3))],
    [
        new(str(n), h, s)
        for s, hour in (("N", 11), ("O", 34))
        for n, h in enumerate(weekly(3, hour))
    ],
)


def test_a_question_about_a_series_holds_all_its_instances() -> None:
    decision = decided(state(*AMBIGUOUS))
    (conflict,) = decision.conflicts
    assert conflict.kind is ConflictKind.AMBIGUOUS
    assert decision.changes.bookings == []  # none is called off, none opened
    blocks = {(action, system) for action, system, _ in summary(decision)}
    assert blocks == {("create-block", "b"), ("create-block", "c")}
    # Both their former and their possible new times are blocked.
    assert len(summary(decision)) == 2 * (3 + 6)


def answered(answer: Resolution) -> Decision:
    asked = state(*AMBIGUOUS)
    held = StoredConflict("c1", decided(asked).conflicts[0], NOW, "run")
    decision, counted = reconcile_with_answer(
        replace(asked, conflicts=(held,)), case(), iter("uvwxyz123456").__next__, {"c1": answer}
    )
    assert counted == {"c1"}
    return decision


@pytest.mark.parametrize("event", ["O0", "O2"])
def test_one_answer_holds_for_all_instances_of_a_series(event: str) -> None:
    decision = answered(Resolution(ResolutionKind.TAKE, "a", event))
    assert decision.conflicts == ()
    linked = {(r.booking, r.event) for r in decision.changes.replicas if r.system == "a"}
    assert {(f"b-M{n}", f"O{n}") for n in range(3)} <= linked
    opened = {event for booking, event in linked if not booking.startswith("b-")}
    assert opened == {"N0", "N1", "N2"}
    assert all(b.agreed.busy for b in decision.changes.bookings)


def test_the_answer_none_of_them_cancels_the_series() -> None:
    decision = answered(Resolution(ResolutionKind.KEEP_BOTH))
    off = {b.id for b in decision.changes.bookings if not b.agreed.busy}
    assert off == {"b-M0", "b-M1", "b-M2"}
    assert decision.conflicts == ()


COVERED = [Window(DAY, DAY + timedelta(days=120))]


def known(name: str, hour: float) -> TrackedEvent:
    return rec("a", name, v(hour), v(hour))


def stop(records: Sequence[TrackedEvent]) -> Conflict | None:
    """Return the guard's conflict for Ann's calendar, which was read in full."""
    return check_changes("p", "a", [tally("a", records, GuardHistory(NOW, COVERED))], GuardLimits())


def test_the_guard_counts_a_moved_series_as_one_meeting() -> None:
    old = [gone(f"-o{n}", h) for n, h in enumerate(weekly(15))]
    fresh = [new(f"-n{n}", h) for n, h in enumerate(weekly(15, 11))]
    others = [known(f"k{n}", 20 + n) for n in range(4)]
    assert stop([*old, *fresh, *others]) is None
    singles = [replace(r, series="") for r in (*old, *fresh)]
    assert stop([*singles, *others]) is not None
    many = [replace(r, series=f"S{n}") for n, r in enumerate(old)]
    assert stop([*many, *others]) is not None


@pytest.mark.parametrize("new_ids", [True, False])
def test_the_guard_stops_a_common_shift_of_a_calendar_of_series(new_ids: bool) -> None:
    records = []
    for series, later in (("M", 0), ("N", 3)):
        for n, h in enumerate(hour + later for hour in weekly(4)):
            if new_ids:
                records += [gone(f"-o{n}", h, series), new(f"-n{n}", h + 1, series)]
            else:
                records.append(rec("a", f"{series}{n}", v(h + 1), v(h), series=series))
    conflict = stop(records)
    assert conflict is not None
    assert "moved by +1:00 h" in conflict.note
