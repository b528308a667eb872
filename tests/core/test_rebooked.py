"""When a cancellation and a new booking are a reschedule: one named row per case."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.event_state.observation import apply_observation, mark_deleted
from syncd.core.matching.rebooked import (
    CalledOff,
    NearCycle,
    PossibleSuccessor,
    Rebookings,
    pair_rebookings,
    relocated_meetings,
)
from syncd.model import Event, Kind, TrackedEvent, Window
from tests.core.kit import DAY, NOW, at, off, origin, rec, v

CYCLE = NearCycle(timedelta(seconds=60), Window(at(0), at(48)))
MINUTE = timedelta(minutes=1)


def gone(event: str = "1", **more: Any) -> TrackedEvent:
    """Return an appointment that was cancelled now, by the platform's clock and ours."""
    more = {"customer": "ann", "service": "s", "off_at": NOW, "off_seen_at": NOW, **more}
    return rec("a", event, off(9), v(9), **more)


def new(event: str = "9", hour: float = 12, **more: Any) -> TrackedEvent:
    """Return an appointment that was booked now."""
    return rec(
        "a", event, v(hour), **{"customer": "ann", "service": "s", "created_at": NOW, **more}
    )


def pairs(
    ended: list[TrackedEvent],
    booked: list[TrackedEvent],
    *,
    opened: bool = False,
    seen_at: datetime = NOW,
    cycle: NearCycle | None = CYCLE,
) -> tuple[list[tuple[str, str]], list[tuple[str, list[str]]]]:
    found = pair_rebookings(
        Rebookings(
            [CalledOff(origin(f"m{r.id}", "a", r.id), r, frozenset({"b"})) for r in ended],
            [PossibleSuccessor(r, seen_at, opened) for r in booked],
            cycle,
        )
    )
    return (
        [(e.record.id, b.record.id) for e, b in found.certain],
        [(e.record.id, [b.record.id for b in after]) for e, after in found.doubtful],
    )


CERTAIN: tuple[list[object], list[object]] = ([("1", "9")], [])
NOTHING: tuple[list[object], list[object]] = ([], [])


@pytest.mark.parametrize(
    ("minutes", "found"),
    [(0, CERTAIN), (15, CERTAIN), (-15, CERTAIN), (16, NOTHING), (-16, NOTHING)],
)
def test_a_rebooking_is_within_fifteen_minutes_by_the_platforms_times(
    minutes: int, found: object
) -> None:
    assert pairs([gone()], [new(created_at=NOW + minutes * MINUTE)]) == found


@pytest.mark.parametrize(("off_at", "created_at"), [(None, NOW), (NOW, None), (None, None)])
@pytest.mark.parametrize(("seconds", "found"), [(0, CERTAIN), (70, CERTAIN), (120, NOTHING)])
def test_without_platform_times_a_rebooking_is_within_one_near_cycle(
    off_at: datetime | None, created_at: datetime | None, seconds: int, found: object
) -> None:
    old, booked = gone(off_at=off_at), new(created_at=created_at)
    for seen_at in (NOW + timedelta(seconds=seconds), NOW - timedelta(seconds=seconds)):
        assert pairs([old], [booked], seen_at=seen_at) == found


def test_without_times_and_without_a_near_cycle_nothing_is_guessed() -> None:
    assert pairs([gone(off_at=None)], [new()], cycle=None) == NOTHING


def test_an_old_appointment_that_is_first_seen_now_is_no_rebooking() -> None:
    assert pairs([gone(off_at=None)], [new(created_at=NOW - 60 * MINUTE)]) == NOTHING


def test_without_any_time_only_the_near_window_counts() -> None:
    next_week = new(hour=24 * 7, created_at=None)
    assert pairs([gone(off_at=None)], [next_week]) == NOTHING
    assert pairs([gone(off_at=None)], [new(created_at=None)]) == CERTAIN


@pytest.mark.parametrize("other", [{"customer": "bob"}, {"service": "t"}])
def test_another_person_or_service_is_another_meeting(other: dict[str, Any]) -> None:
    assert pairs([gone()], [new(**other)]) == NOTHING


def test_several_possible_rebookings_are_a_question() -> None:
    assert pairs([gone()], [new("8"), new("9")]) == ([], [("1", ["8", "9"])])
    both = [("1", ["9"]), ("2", ["9"])]
    assert pairs([gone("1"), gone("2")], [new()]) == ([], both)


def test_pairs_distinguished_by_their_times_are_no_question() -> None:
    later = NOW + 60 * MINUTE
    ended = [gone("1"), gone("2", off_at=later)]
    found = pairs(ended, [new("8"), new("9", created_at=later)])
    assert found == ([("1", "8"), ("2", "9")], [])


def test_a_decided_cancellation_is_not_paired_again() -> None:
    decided = replace(gone(), base=off(9))
    assert pairs([decided], [new()]) == CERTAIN
    assert pairs([decided], [new()], opened=True) == NOTHING


def event(hour: float, updated_at: datetime | None, *, on: bool = False) -> Event:
    value = v(hour) if on else off(hour)
    return Event("a", "p", "1", Kind.APPOINTMENT, value, updated_at=updated_at)


def seen(before: TrackedEvent | None, event: Event, at: datetime = NOW) -> TrackedEvent:
    return apply_observation(before, event, "f", at, timedelta(0))[0]


def test_the_first_time_of_cancellation_is_kept() -> None:
    was_on = rec("a", "1", v(9), v(9), updated_at=at(1))
    first = seen(was_on, event(9, at(2)))
    assert (first.off_at, first.off_seen_at) == (at(2), NOW)
    later = seen(first, event(10, at(5)), NOW + MINUTE)
    assert (later.off_at, later.off_seen_at) == (at(2), NOW)
    assert mark_deleted(later, NOW + 2 * MINUTE).off_seen_at == NOW
    again = seen(later, event(9, at(6), on=True), NOW + MINUTE)
    assert (again.off_at, again.off_seen_at) == (None, None)


def test_an_unchanged_update_time_is_not_the_time_of_cancellation() -> None:
    was_on = rec("a", "1", v(9), v(9), updated_at=at(1))
    assert seen(was_on, event(9, at(1))).off_at is None


def test_a_deletion_counts_from_its_first_absence() -> None:
    missed = rec("a", "1", v(9), v(9), absence_proofs=1, absent_since=at(3))
    assert mark_deleted(missed, NOW).off_seen_at == at(3)
    assert mark_deleted(rec("a", "1", v(9), v(9)), NOW).off_seen_at == NOW


def test_the_guard_knows_the_new_time_of_a_rebooked_meeting() -> None:
    assert relocated_meetings([gone(), new()]) == {("a", "1"): v(12)}
    assert relocated_meetings([gone(), new(), new("8")]) == {}


_TIMES = st.none() | st.datetimes(
    DAY.replace(tzinfo=None) - timedelta(days=1), DAY.replace(tzinfo=None) + timedelta(days=1)
).map(lambda t: t.replace(tzinfo=DAY.tzinfo))


@given(st.lists(_TIMES, max_size=4), st.lists(_TIMES, max_size=4))
def test_no_event_is_paired_twice_and_no_certain_pair_is_a_question(
    offs: list[datetime | None], mades: list[datetime | None]
) -> None:
    ended = [gone(f"o{i}", off_at=t) for i, t in enumerate(offs)]
    booked = [new(f"n{i}", created_at=t) for i, t in enumerate(mades)]
    certain, doubtful = pairs(ended, booked)
    olds, news = [old for old, _ in certain], [after for _, after in certain]
    assert len(set(olds)) == len(olds)
    assert len(set(news)) == len(news)
    asked = {after for _, found in doubtful for after in found}
    assert not asked & set(news)
    assert not {old for old, _ in doubtful} & set(olds)
