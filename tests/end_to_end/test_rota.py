"""The daemon's far jobs: a few calls at a time, and every provider is read."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.daemon.jobs import Jobs
from syncd.daemon.monitor import Monitor
from syncd.daemon.poll_scheduler import read_intervals
from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.lab.sandbox.scenario import PEOPLE, SYSTEM_NAMES
from syncd.machine import RealClock
from tests.end_to_end.conftest import Site

WHOLE = {"crm": 1, "clinic": 4, "legacy": 3}
"""The number of calls that read all providers at once: see docs/polling.md."""


class Service:
    """The daemon's jobs and their monitor, without the timer."""

    def __init__(self, site: Site) -> None:
        settings = site.app.settings
        spans = replace(
            read_intervals(settings), near=timedelta(minutes=1), far=timedelta(minutes=15)
        )
        self.site = site
        self.monitor = Monitor(
            site.app.systems, site.app.store, settings.syncd.state_path, spans, RealClock()
        )
        turn = self.monitor.scheduler.providers_due
        self.work = Jobs(
            site.app.engine, self.monitor.record_report, self.monitor.failed, providers_due=turn
        )

    async def calls_of_far(self) -> Mapping[str, int]:
        """Return the calls of the next far job, as the platforms count them."""
        before = self.site.calls()
        await self.work.far()
        return Counter(self.site.calls()) - Counter(before)


async def test_the_calls_of_a_far_round_are_spread_over_its_turns(site: Site) -> None:
    service = Service(site)
    await service.work.resync_and_compact()
    assert service.monitor.intervals.interval == timedelta(minutes=5)
    turns = [await service.calls_of_far() for _ in range(6)]
    assert turns == [{"crm": 1, "clinic": 2, "legacy": 1}] * 6
    assert all(turn[name] <= WHOLE[name] for turn in turns for name in SYSTEM_NAMES)


async def test_far_bookings_reach_the_other_systems_within_a_round(site: Site) -> None:
    service = Service(site)
    await service.work.resync_and_compact()
    for system, who in zip(SYSTEM_NAMES, PEOPLE, strict=True):
        site.world.book(system, who, site.world.at(30, 11))
    assert len(site.disagreements()) == 6
    await service.work.near()
    assert len(site.disagreements()) == 6
    open_ = []
    for _ in range(3):
        await service.work.far()
        open_.append(len(site.disagreements()))
    assert open_ == [4, 2, 0]


async def test_events_of_other_slices_do_not_count_as_deleted(site: Site) -> None:
    service = Service(site)
    await service.work.resync_and_compact()
    standing = site.blocks()
    for _ in range(6):
        turn = await service.calls_of_far()
        # Not one read by id: only lists.
        assert sum(turn.values()) == 4
    assert site.blocks() == standing
    assert site.disagreements() == []


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_slice_reports_a_system_that_is_down_and_the_next_round_recovers(
    site: Site, system: str
) -> None:
    service = Service(site)
    await service.work.resync_and_compact()
    site.world.sandbox.systems[system].faults.add(Fault(FaultKind.UNAUTHORISED, times=1000))
    await service.work.far()
    # The repeat of a 401 takes longer than others wait for it: the next poll knows what came of it.
    await asyncio.sleep(5)
    await service.work.near()
    assert service.monitor.silent == {system}
    assert not service.monitor.ready()[0]
    site.world.sandbox.systems[system].faults.clear()
    other = next(name for name in SYSTEM_NAMES if name != system)
    for who in PEOPLE:
        site.world.book(other, who, site.world.at(30, 12))
    site.app.reset_backoff()
    for _ in range(3):
        await service.work.far()
    assert service.monitor.silent == frozenset()
    assert site.disagreements() == []
