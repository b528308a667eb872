"""Packed required blocks are unpacked unchanged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.availability.exposure import RequiredBlocks
from syncd.engine.availability.packed_blocks import PackedBlocks

HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 6, 1, 9, 0, 0, 1, tzinfo=UTC)

Interval = tuple[datetime, datetime]


def hours(number: int) -> Interval:
    """Return the interval that begins this many hours after the first."""
    return BEGIN + number * HOUR, BEGIN + (number + 1) * HOUR


decisions = st.lists(
    st.dictionaries(
        st.sampled_from("abcdef"),
        st.dictionaries(st.sampled_from(["crm", "clinic"]), st.integers(0, 4).map(hours)),
        max_size=6,
    ),
    max_size=40,
)
"""What was decided, one after the other: by booking, where it is to be closed in which system."""


def wanted_of(decided: dict[str, dict[str, Interval]]) -> dict[str, dict[Interval, set[str]]]:
    """Return the decided blocks by system and interval."""
    found: dict[str, dict[Interval, set[str]]] = {"crm": {}, "clinic": {}}
    for booking, systems in decided.items():
        for system, interval in systems.items():
            found[system].setdefault(interval, set()).add(booking)
    return found


def as_sets(wanted: RequiredBlocks) -> dict[str, dict[Interval, set[str]]]:
    """Return required blocks with sets of bookings, for comparison without order."""
    return {
        system: {interval: set(who) for interval, who in intervals.items()}
        for system, intervals in wanted.items()
    }


def joined(wanted: RequiredBlocks) -> set[tuple[str, Interval, str]]:
    """Return required blocks as a set of (system, interval, booking)."""
    return {
        (s, i, who)
        for s, intervals in wanted.items()
        for i, ids in intervals.items()
        for who in ids
    }


@given(decisions)
def test_the_last_decision_on_each_booking_is_kept(
    steps: list[dict[str, dict[str, Interval]]],
) -> None:
    packed = PackedBlocks()
    now: dict[str, dict[str, Interval]] = {"a": {"crm": hours(0)}, "b": {"clinic": hours(1)}}
    packed.put("alice", wanted_of(now))
    for step in steps:
        packed.put_part("alice", step.keys(), wanted_of(step))
        now |= step
        wanted = wanted_of(now)
        assert joined(packed.of("alice")) == joined(wanted)
        mine = {booking for booking in "abc" if booking in step}
        alone = {
            system: {i: who & mine for i, who in intervals.items() if who & mine}
            for system, intervals in wanted.items()
        }
        kept = as_sets(packed.of_some("alice", mine))
        assert {s: {i: who & mine for i, who in kept[s].items()} for s in kept} == alone


def test_a_whole_decision_replaces_all_parts() -> None:
    packed = PackedBlocks()
    packed.put("alice", {"crm": {hours(0): {"a"}}})
    packed.put_part("alice", {"a"}, {"crm": {hours(1): {"a"}}})
    packed.put("alice", {"crm": {hours(2): {"b"}}})
    assert as_sets(packed.of("alice")) == {"crm": {hours(2): {"b"}}}


def test_an_unknown_provider_raises_key_error() -> None:
    assert "alice" not in PackedBlocks()
    with pytest.raises(KeyError):
        PackedBlocks().of("alice")
