"""The judge of the demo must itself be able to say no."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from syncd.sandbox.consistency import EventSummary, disagreements

NOW = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
TEN = NOW.replace(hour=10)
HOUR = timedelta(hours=1)
SYSTEMS = ("crm", "clinic", "legacy")

MEETING = EventSummary(TEN, TEN + HOUR, "crm", "alice", "appointment")
BLOCKS = [
    EventSummary(TEN, TEN + HOUR, system, "alice", "block", ours=True)
    for system in ("clinic", "legacy")
]


def test_a_meeting_that_is_blocked_everywhere_else_is_agreed_on() -> None:
    assert disagreements([MEETING, *BLOCKS], SYSTEMS, NOW) == []


def test_a_time_that_is_open_in_one_system_is_named() -> None:
    said = disagreements([MEETING, BLOCKS[0]], SYSTEMS, NOW)
    assert said == ["alice: 2026-06-01 10:00-11:00 UTC is busy elsewhere, but free in legacy"]


def test_a_leave_of_days_is_named_with_the_day_on_which_it_ends() -> None:
    said = disagreements([replace(BLOCKS[0], end=TEN + 24 * HOUR)], SYSTEMS, NOW)
    assert said == [
        "alice: 2026-06-01 10:00 to 2026-06-02 10:00 UTC is blocked in clinic, but not busy elsewhere"
    ]


def test_a_block_that_stays_after_a_cancellation_is_named() -> None:
    off = replace(MEETING, busy=False)
    said = disagreements([off, *BLOCKS], SYSTEMS, NOW)
    assert len(said) == 2
    assert all("but not busy elsewhere" in line for line in said)


def test_a_block_of_another_interval_is_no_agreement() -> None:
    late = replace(BLOCKS[1], start=TEN + HOUR, end=TEN + 2 * HOUR)
    said = disagreements([MEETING, BLOCKS[0], late], SYSTEMS, NOW)
    assert len(said) == 2


def test_a_second_block_for_one_interval_is_named() -> None:
    said = disagreements([MEETING, *BLOCKS, BLOCKS[1]], SYSTEMS, NOW)
    assert said == ["alice: 2026-06-01 10:00-11:00 UTC is blocked 2 times in legacy"]


def test_a_block_in_the_same_system_as_its_only_reason_is_one_too_many() -> None:
    extra = EventSummary(TEN, TEN + HOUR, "crm", "alice", "block", ours=True)
    assert disagreements([MEETING, *BLOCKS, extra], SYSTEMS, NOW)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_human_block_is_a_reason_and_never_too_much(system: str) -> None:
    human = EventSummary(TEN, TEN + HOUR, system, "bob", "block")
    others = [
        EventSummary(TEN, TEN + HOUR, s, "bob", "block", ours=True) for s in SYSTEMS if s != system
    ]
    assert disagreements([human, *others], SYSTEMS, NOW) == []
    assert disagreements([human], SYSTEMS, NOW)


def test_what_has_ended_is_nobodys_concern() -> None:
    assert disagreements([MEETING], SYSTEMS, TEN + HOUR) == []
