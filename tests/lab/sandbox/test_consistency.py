"""The consistency check of the demo finds every kind of disagreement."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from syncd.lab.sandbox.consistency import DisagreementKind, EventSummary, disagreements

NOW = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
TEN = NOW.replace(hour=10)
HOUR = timedelta(hours=1)
SYSTEMS = ("crm", "clinic", "legacy")

MEETING = EventSummary(TEN, TEN + HOUR, "crm", "alice", "appointment")
BLOCKS = [
    EventSummary(TEN, TEN + HOUR, system, "alice", "block", ours=True)
    for system in ("clinic", "legacy")
]


def test_a_meeting_blocked_in_all_other_systems_is_consistent() -> None:
    assert disagreements([MEETING, *BLOCKS], SYSTEMS, NOW) == []


def test_an_interval_that_is_free_in_one_system_is_reported() -> None:
    (problem,) = disagreements([MEETING, BLOCKS[0]], SYSTEMS, NOW)
    assert [str(problem)] == [
        "alice: 2026-06-01 10:00-11:00 UTC is busy elsewhere, but free in legacy"
    ]


def test_a_block_over_several_days_is_reported_with_its_end_date() -> None:
    (problem,) = disagreements([replace(BLOCKS[0], end=TEN + 24 * HOUR)], SYSTEMS, NOW)
    assert str(problem).startswith(
        "alice: 2026-06-01 10:00 to 2026-06-02 10:00 UTC is blocked in clinic"
    )


def test_a_block_that_stays_after_a_cancellation_is_reported() -> None:
    off = replace(MEETING, busy=False)
    problems = disagreements([off, *BLOCKS], SYSTEMS, NOW)
    assert [each.kind for each in problems] == [DisagreementKind.BLOCKED] * 2


def test_a_block_of_another_interval_is_reported() -> None:
    late = replace(BLOCKS[1], start=TEN + HOUR, end=TEN + 2 * HOUR)
    problems = disagreements([MEETING, BLOCKS[0], late], SYSTEMS, NOW)
    assert len(problems) == 2


def test_a_second_block_for_one_interval_is_reported() -> None:
    (problem,) = disagreements([MEETING, *BLOCKS, BLOCKS[1]], SYSTEMS, NOW)
    assert str(problem) == "alice: 2026-06-01 10:00-11:00 UTC is blocked 2 times in legacy"


def test_a_block_in_the_system_of_its_only_meeting_is_reported() -> None:
    extra = EventSummary(TEN, TEN + HOUR, "crm", "alice", "block", ours=True)
    assert disagreements([MEETING, *BLOCKS, extra], SYSTEMS, NOW)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_block_made_by_a_person_must_be_blocked_elsewhere_and_is_never_excess(
    system: str,
) -> None:
    human = EventSummary(TEN, TEN + HOUR, system, "bob", "block")
    others = [
        EventSummary(TEN, TEN + HOUR, s, "bob", "block", ours=True) for s in SYSTEMS if s != system
    ]
    assert disagreements([human, *others], SYSTEMS, NOW) == []
    assert disagreements([human], SYSTEMS, NOW)


def test_events_that_have_ended_are_ignored() -> None:
    assert disagreements([MEETING], SYSTEMS, TEN + HOUR) == []
