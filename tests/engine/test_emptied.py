"""Test that an empty list of a newly mapped calendar needs a second proof."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from syncd.model import Kind
from syncd.systems.errors import RateLimitedError, RejectedError
from syncd.systems.lookup_results import Found, LookupResult
from tests.core.kit import v
from tests.engine.conftest import Rig
from tests.engine.test_first_read import cycle, give_away, remap, removals


async def test_one_empty_list_of_a_new_mapping_releases_nothing(rig: Rig) -> None:
    """A list may be empty once, for example in an outage; by id the meeting is still there."""
    near, later = rig.a.book("p", v(9)), rig.a.book("p", v(9 + 20 * 24))
    await rig.engine.resync()
    remap(rig, {("p", "a"): "another"})
    rig.a.hidden = {near, later}
    await cycle(rig)
    assert not rig.engine.read_progress.is_complete("p", "a")
    rig.a.hidden = set()
    await rig.engine.poll(near=True)
    assert (removals(rig), len(rig.blocks()["b"])) == ([], 2)
    report = await rig.engine.resync()
    assert (removals(rig), report.converged) == ([], True)


@pytest.mark.parametrize("how", ["unknown", "refused", "by list"])
async def test_a_second_empty_list_is_the_proof_where_no_lookup_answers(rig: Rig, how: str) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    give_away(rig, event)
    remap(rig, {("p", "a"): "another"})
    rig.a.unknown = set() if how == "refused" else {event}
    rig.a.refuses = {event: RejectedError("a", "read")} if how == "refused" else {}
    only_lists = frozenset(Kind) if how == "by list" else frozenset[Kind]()
    lag = timedelta(minutes=1)
    rig.a.capabilities = replace(rig.a.capabilities, gone_by_list=only_lists, lag=lag)
    for _ in range(3):
        await cycle(rig)
    assert not rig.engine.read_progress.is_complete("p", "a")
    rig.clock.pass_(minutes=1)
    await cycle(rig)
    assert (removals(rig), rig.engine.read_progress.is_complete("p", "a")) == ([], True)
    await cycle(rig)
    assert sorted(removals(rig)) == ["b", "c"]


async def test_a_meeting_in_a_calendar_that_no_list_shows_is_released_at_once(rig: Rig) -> None:
    """The provider's user still owns the meeting, in the calendar that is no longer mapped."""
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    remap(rig, {("p", "a"): "another"})
    rig.a.hidden = {event}
    found = rig.a.read_one

    async def in_no_list(*given: Any) -> LookupResult:
        result = await found(*given)
        return replace(result, elsewhere=True) if isinstance(result, Found) else result

    rig.a.read_one = in_no_list  # type: ignore[method-assign, assignment]
    await cycle(rig)
    await cycle(rig)
    assert sorted(removals(rig)) == ["b", "c"]


async def test_a_resync_waits_for_the_second_empty_list_of_a_new_mapping(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    give_away(rig, event)
    remap(rig, {("p", "a"): "another"})
    rig.a.unknown = {event}
    rig.a.capabilities = replace(rig.a.capabilities, lag=timedelta(seconds=10))
    report = await rig.engine.resync()
    assert (report.converged, rig.blocks()["b"]) == (True, [])


async def test_a_meeting_that_moved_far_away_counts_although_its_new_list_is_empty(
    rig: Rig,
) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    remap(rig, {("p", "a"): "another"})
    rig.a.move(event, v(9 + 100 * 24))
    report = await rig.engine.resync()
    assert (report.converged, rig.blocks()["b"]) == (True, [])
    assert rig.store.records("a", [event])[0].observed == v(9 + 100 * 24)


async def test_a_failed_lookup_after_an_empty_list_of_a_new_mapping_releases_nothing(
    rig: Rig,
) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    remap(rig, {("p", "a"): "another"})
    rig.a.hidden = {event}
    rig.a.faults["read_one"] = [RateLimitedError("a", "read", wait=1)]
    await cycle(rig)
    rig.a.hidden = set()
    report = await rig.engine.resync()
    assert (removals(rig), report.converged) == ([], True)
