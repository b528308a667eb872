"""Promise 8 and rate limits: an account with few calls slows down no other system."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest

from syncd.daemon.jobs import Jobs
from syncd.daemon.monitor import Monitor
from syncd.daemon.poll_scheduler import read_intervals
from syncd.engine.reading.running_events import Depth
from syncd.engine.report.run_report import RunExit
from syncd.lab.sandbox.consistency import disagreements, event_summaries
from syncd.lab.sandbox.limits import RateLimit
from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from syncd.model import WaitReason
from tests.end_to_end.virtual import VirtualSite, play

NEAR = 10.0
"""Seconds between two near polls in the demo's configuration."""


class Daemon:
    """The daemon's polls, at the intervals that it plans."""

    def __init__(self, site: VirtualSite) -> None:
        """Start before the first read."""
        settings = site.app.settings
        self.site = site
        self.monitor = Monitor(
            site.app.systems,
            site.app.store,
            settings.syncd.state_path,
            read_intervals(settings),
            site.clock,
        )
        site.app.engine.patient = False
        site.app.engine.select_due = self.monitor.scheduler.due
        heard, failed = self.monitor.record_report, self.monitor.failed
        self.work = Jobs(
            site.app.engine, heard, failed, providers_due=self.monitor.scheduler.providers_due
        )

    async def poll(self) -> None:
        """Run near polls, and far slices when they are due, without end."""
        far = self.site.clock.monotonic()
        while True:
            await asyncio.sleep(self.monitor.intervals.near.total_seconds())
            if self.site.clock.monotonic() - far >= self.monitor.intervals.interval.total_seconds():
                far = self.site.clock.monotonic()
                await self.work.far()
            else:
                await self.work.near()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Sync everything, then poll inside the context."""
        await self.work.resync_and_compact()
        assert wrong(self.site) == []
        tasks = [
            asyncio.create_task(self.poll()),
            asyncio.create_task(self.work.follow_late_results()),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def near(self) -> Mapping[str, float]:
        """Return the seconds between two near reads of each system."""
        return {name: self.monitor.intervals.of(name).near.total_seconds() for name in SYSTEM_NAMES}


def wrong(site: VirtualSite) -> list[str]:
    """Return the disagreements between the systems."""
    seen = event_summaries(site.world.sandbox.systems, site.world.owners)
    return [str(each) for each in disagreements(seen, SYSTEM_NAMES, site.clock.now())]


def not_clinic(system: str, depth: Depth, providers: Sequence[str], *, late: bool) -> Sequence[str]:
    """Return a time that is not one of the clinic's."""
    del depth, late
    return () if system == "clinic" else providers


async def carried(site: VirtualSite, system: str, start: datetime, within: float) -> float:
    """Wait until Alice's time is busy in a system; return the seconds that this took."""
    began = site.clock.monotonic()
    async with asyncio.timeout(within):
        while not any(  # noqa: ASYNC110 - virtual time
            (s.system, s.provider, s.start) == (system, "alice", start)
            for s in event_summaries(site.world.sandbox.systems, site.world.owners)
        ):
            await asyncio.sleep(0.05)
    return site.clock.monotonic() - began


@pytest.mark.parametrize("calls", [1, 8])
def test_a_change_between_two_systems_is_carried_at_their_pace_beside_a_tight_account(
    tmp_path: Path, calls: int
) -> None:
    async def scene(site: VirtualSite) -> None:
        daemon = Daemon(site)
        clinic = site.world.sandbox.systems["clinic"]
        async with daemon.at_work():
            clinic.limit = RateLimit(calls, 60, 100_000)
            await asyncio.sleep(15 * NEAR)
            paces = daemon.near()
            assert (paces["crm"], paces["legacy"]) == (NEAR, NEAR)
            assert paces["clinic"] >= 3 * NEAR
            for hour in (18, 19, 20):
                start = site.world.at(1, hour)
                site.world.book("crm", "alice", start)
                assert await carried(site, "legacy", start, 60) <= NEAR + 1
            clinic.limit = None

    play(tmp_path, scene)


@pytest.mark.prove
def test_a_system_with_few_calls_is_synced_at_its_own_pace(
    tmp_path: Path,
) -> None:
    async def scene(site: VirtualSite) -> None:
        daemon = Daemon(site)
        clinic = site.world.sandbox.systems["clinic"]
        async with daemon.at_work():
            clinic.limit = RateLimit(30, 60, 100_000)
            await asyncio.sleep(15 * NEAR)
            pace = daemon.near()["clinic"]
            assert pace > NEAR
            before, began = site.calls("clinic"), site.clock.monotonic()
            await asyncio.sleep(300)
            minutes = (site.clock.monotonic() - began) / 60
            assert (site.calls("clinic") - before) / minutes <= 15
            start = site.world.at(1, 18)
            site.world.book("crm", "alice", start)
            await carried(site, "legacy", start, NEAR + 1)
            assert {each.why for each in site.app.engine.waiting.all({("alice", "clinic")})} <= {
                WaitReason.RATE_LIMITED
            }
            await carried(site, "clinic", start, pace + 2 * NEAR)
            start = site.world.at(1, 20)
            site.world.book("clinic", "alice", start)
            await carried(site, "crm", start, pace + 2 * NEAR)
            await asyncio.sleep(pace)
            assert wrong(site) == []

    play(tmp_path, scene)


def test_a_poll_that_leaves_out_a_tight_system_is_whole(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        daemon = Daemon(site)
        await daemon.work.resync_and_compact()
        site.app.engine.select_due = not_clinic
        calls = site.calls("clinic")
        report = await site.app.engine.poll(near=True)
        assert site.calls("clinic") == calls
        assert (report.whole, report.exit) == (True, RunExit.DONE)
        site.world.book("crm", "alice", site.world.at(1, 18))
        report = await site.app.engine.poll(near=True)
        assert [(w.operation.system, w.why) for w in report.waiting] == [
            ("clinic", WaitReason.RATE_LIMITED)
        ]

    play(tmp_path, scene)
