"""The meaning of an observation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.event_state.observation import (
    ObservationKind,
    SnapshotDiff,
    apply_observation,
    diff_snapshot,
    has_pending_change,
    mark_deleted,
)
from syncd.model import Event, Kind, TrackedEvent, Value
from tests.core.kit import NOW, at, off, rec, v

LAG = timedelta(seconds=30)
SOON = NOW + timedelta(seconds=10)
LATER = NOW + timedelta(seconds=40)


def event(value: Value) -> Event:
    return Event("a", "p", "e", Kind.APPOINTMENT, value)


def test_unchanged_rows_are_not_parsed() -> None:
    delta = diff_snapshot({"1": "x", "2": "x", "3": "x"}, {"1": "x", "2": "y", "4": "z"})
    assert delta.differ == ("2", "4")
    assert delta.unlisted == ("3",)


def test_rows_reported_as_unchanged_count_as_listed() -> None:
    known = {"1": "x", "2": "x", "3": "x"}
    assert diff_snapshot(known, {}, {"1", "2", "3"}) == SnapshotDiff((), ())
    assert diff_snapshot(known, {}, {"1", "2"}) == SnapshotDiff((), ("3",))
    assert diff_snapshot(known, {"3": "y"}, {"1", "2"}) == SnapshotDiff(("3",), ())
    assert diff_snapshot(known, {"2": "y"}, {"1", "2"}) == SnapshotDiff(("2",), ("3",))


WRITTEN = rec("a", "e", v(12), v(12), written=v(12), written_at=NOW, before_write=v(9))
QUEUED = rec("a", "e", v(9), v(9), written=v(12), written_at=NOW, before_write=v(9))
REMOVED = rec(
    "a", "e", None, None, end_accepted=True, written_at=NOW, before_write=v(9), created_by_us=True
)

TABLE = [
    ("nothing known", None, v(9), SOON, ObservationKind.NEW),
    ("as it was accepted", rec("a", "e", v(9), v(9)), v(9), SOON, ObservationKind.SAME),
    ("moved by somebody", rec("a", "e", v(9), v(9)), v(10), SOON, ObservationKind.CHANGED),
    ("our own write comes back", WRITTEN, v(12), SOON, ObservationKind.SAME),
    ("a late list shows the time before our write", WRITTEN, v(9), SOON, ObservationKind.STALE),
    (
        "past the lag bound the old time is a real change",
        WRITTEN,
        v(9),
        LATER,
        ObservationKind.CHANGED,
    ),
    (
        "a third value within the lag bound is a real change",
        WRITTEN,
        v(15),
        SOON,
        ObservationKind.CHANGED,
    ),
    ("a queued write shows", QUEUED, v(12), SOON, ObservationKind.ECHO),
    ("a queued write has not happened yet", QUEUED, v(9), SOON, ObservationKind.SAME),
    ("a person changed it before the queued write", QUEUED, v(15), SOON, ObservationKind.CHANGED),
    ("a late list still shows what we removed", REMOVED, v(9), SOON, ObservationKind.STALE),
    ("the block that we removed still exists", REMOVED, v(9), LATER, ObservationKind.CHANGED),
]


@pytest.mark.parametrize(("case", "record", "seen", "when", "news"), TABLE)
def test_an_observation_has_the_right_kind(
    case: str, record: TrackedEvent | None, seen: Value, when: object, news: ObservationKind
) -> None:
    after, found = apply_observation(record, event(seen), "g", when, LAG)  # type: ignore[arg-type]
    assert found is news, case
    if news is ObservationKind.STALE:
        assert after is record
    else:
        assert after.observed == seen
    if news in {ObservationKind.SAME, ObservationKind.ECHO}:
        assert not has_pending_change(after)
    if news in {ObservationKind.NEW, ObservationKind.CHANGED}:
        assert has_pending_change(after)


def _unread(wrote: Value) -> TrackedEvent:
    """Return the event of a write that no read has shown, so without a fingerprint."""
    record = rec("a", "e", wrote, wrote, written=wrote, written_at=NOW, before_write=v(9))
    return replace(record, fingerprint="")


def test_a_rounded_echo_becomes_the_base_and_is_no_change() -> None:
    wrote = Value(at(12.05), at(13.05))
    record = _unread(wrote)
    after, news = apply_observation(record, event(v(12, 13)), "g", SOON, LAG)
    assert news is ObservationKind.ECHO
    assert after.base == v(12, 13)
    assert not has_pending_change(after)


def test_a_second_rounding_is_a_persons_change() -> None:
    wrote = Value(at(12.05), at(13.05))
    record = _unread(wrote)
    rounded, _ = apply_observation(record, event(v(12, 13)), "g", SOON, LAG)
    up = Value(at(12) + timedelta(minutes=5), at(13) + timedelta(minutes=5))
    _, news = apply_observation(rounded, event(up), "g", SOON, LAG)
    assert news is ObservationKind.CHANGED


def test_a_rounding_of_what_a_read_showed_exactly_is_a_persons_change() -> None:
    wrote = Value(at(12.05), at(13.05))
    shown, _ = apply_observation(_unread(wrote), event(wrote), "g", SOON, LAG)
    _, news = apply_observation(shown, event(v(12, 13)), "h", SOON, LAG)
    assert news is ObservationKind.CHANGED


def test_a_proven_deletion_is_not_undone_by_a_late_list() -> None:
    gone = mark_deleted(rec("a", "e", v(9), v(9)), NOW)
    accepted = replace(gone, base=off(9), end_accepted=True)
    same, news = apply_observation(accepted, event(v(9)), "g", SOON, LAG)
    assert news is ObservationKind.STALE
    assert same.observed is None
    _, news = apply_observation(accepted, event(v(9)), "g", LATER, LAG)
    assert news is ObservationKind.CHANGED
