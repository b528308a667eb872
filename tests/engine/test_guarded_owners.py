"""Test that meetings handed over to another user count towards the guard's limits."""

from __future__ import annotations

import pytest

from syncd.core.ownership import events as owner_changes
from syncd.engine.report.run_report import RunExit
from syncd.model import ConflictKind
from tests.core.kit import v
from tests.engine.conftest import Rig
from tests.engine.test_owners import give
from tests.engine.test_promises import settle

MEETINGS = 30


async def booked(rig: Rig) -> list[str]:
    """Book many meetings of p."""
    events = [rig.a.book("p", v(24 + n)) for n in range(MEETINGS)]
    await settle(rig)
    return events


async def in_slices(rig: Rig, events: list[str], to: str) -> list[RunExit]:
    """Hand over twelve meetings in two slices, each below the limit."""
    found = []
    for part in (events[:6], events[6:12]):
        give(rig, part, to)
        found.append((await rig.engine.resync()).exit)
        rig.clock.pass_(minutes=2)
    return found


@pytest.mark.parametrize("to", ["q", "z"])
async def test_hand_overs_in_slices_are_summed_and_stopped(rig: Rig, to: str) -> None:
    events = await booked(rig)
    assert await in_slices(rig, events, to) == [RunExit.DONE, RunExit.GUARDED]
    assert [len(s.blocks("p")) for s in (rig.b, rig.c)] == [MEETINGS - 6] * 2
    kinds = {held.conflict.kind for held in rig.store.open_conflicts("p")}
    assert kinds == {ConflictKind.GUARD}


async def test_slices_that_are_further_apart_than_a_far_interval_are_not_summed(
    rig: Rig,
) -> None:
    events = await booked(rig)
    give(rig, events[:6], "z")
    await rig.engine.resync()
    rig.clock.pass_(hours=3)
    give(rig, events[6:12], "z")
    assert (await rig.engine.resync()).exit is RunExit.DONE


async def test_a_meeting_that_is_handed_back_counts_no_more(rig: Rig) -> None:
    events = await booked(rig)
    give(rig, events[:6], "z")
    await rig.engine.resync()
    give(rig, events[:6], "p")
    await rig.engine.resync()
    give(rig, events[6:12], "z")
    assert (await rig.engine.resync()).exit is RunExit.DONE


async def test_what_was_deleted_while_its_user_was_merged_counts_once_the_user_is_back(
    rig: Rig,
) -> None:
    events = await booked(rig)
    give(rig, events, "q")
    rig.a.missing = {"p"}
    await rig.engine.resync()
    for event in events[:12]:
        rig.a.delete(event)
    give(rig, events[12:], "p")
    rig.a.missing = set()
    rig.clock.pass_(minutes=6)
    assert (await rig.engine.resync()).exit is RunExit.GUARDED
    assert [len(s.blocks("p")) for s in (rig.b, rig.c)] == [MEETINGS] * 2


async def test_planted_unnoted_hand_overs_are_not_stopped(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner_changes, "note_handed_over", lambda *_given: None)
    events = await booked(rig)
    assert await in_slices(rig, events, "q") == [RunExit.DONE, RunExit.DONE]
