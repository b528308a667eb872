"""Days on which syncd does something right that the oracle must not judge a violation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.lab.simulate.runner import play
from syncd.lab.simulate.scenario import EventKind, draw_scenario
from tests.lab.simulate.days import at, day
from tests.lab.simulate.plants_of_hosts import a_further_host_s_event_is_written_to


@pytest.mark.prove
def test_an_unknown_status_word_may_be_learned_later() -> None:
    outcome = play(
        day(
            at(1, EventKind.BOOK, "crm", slot=70),
            at(4.1, EventKind.UNKNOWN_WORDS, "clinic", number=6),
            at(4.2, EventKind.TWIN_AS, "clinic", slot=1),
        )
    )
    assert outcome.broken == []
    carried = [line for line in outcome.trace if "crm syncd: alice appointment" in line]
    assert len(carried) == 1, "it is carried as any other change"


@pytest.mark.prove
@pytest.mark.parametrize(("booked", "left_out"), [(1, 5), (3, 1)])
def test_no_meeting_is_completed_before_syncd_can_know_its_length(
    booked: float, left_out: float
) -> None:
    steps = [
        at(booked, EventKind.BOOK, "crm", slot=74, number=1),
        at(left_out, EventKind.LEAVE_OUT_SYSTEM, "crm", slot=1),
        at(8, EventKind.COMPLETE, "crm"),
        at(12, EventKind.PUT_BACK, "crm", slot=1),
    ]
    outcome = play(replace(day(*sorted(steps)), account=(("completing_changes_end", True),)))
    assert outcome.broken == []
    completed = any("by hand: complete" in line for line in outcome.trace)
    assert completed is (booked < left_out), "what was known before is kept"


_HOSTED = (at(1, EventKind.BOOK, "clinic", slot=70), at(2, EventKind.ADD_HOST, "clinic"))


@pytest.mark.prove
def test_a_meeting_follows_the_block_of_its_first_host() -> None:
    booked = at(4, EventKind.BOOK, "legacy", slot=72, number=1)
    edited = at(4.01, EventKind.EDIT_OURS, "legacy", slot=34, number=2)
    outcome = play(day(*_HOSTED, booked, edited, block_edited="reschedule"))
    assert any("clinic syncd: alice appointment" in line for line in outcome.trace)
    assert outcome.broken == []


@pytest.mark.prove
def test_following_a_further_host_s_block_breaks_a_promise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a_further_host_s_event_is_written_to(monkeypatch)
    edited = at(4.01, EventKind.EDIT_OURS, "legacy", slot=34, number=1)
    outcome = play(day(*_HOSTED, edited, block_edited="reschedule"))
    assert any("for a host who is not its first" in line for line in outcome.broken)


@pytest.mark.prove
@pytest.mark.parametrize("seed", [17, 36, 38, 47, 62, 65, 71, 101])
def test_days_with_complaints_that_once_broke_a_promise_hold(seed: int) -> None:
    assert play(draw_scenario(seed)).broken == []
