"""Rate limits that platforms state in unusual places: waited for, and kept across restarts."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import cycle
from pathlib import Path

import pytest

from syncd.engine.report.run_report import RunExit, SystemStatus
from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.lab.sandbox.limit_replies import REPLY_PLACES, LimitReply
from syncd.lab.sandbox.limits import RateLimit
from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from syncd.systems.learned_limits import LearnedLimits
from tests.end_to_end.virtual import VirtualSite, play


def limit(site: VirtualSite, name: str, most: int, seconds: float = 5.0) -> RateLimit:
    found = site.world.sandbox.systems[name].gateway_limit = RateLimit(most, seconds)
    return found


@pytest.mark.prove
@pytest.mark.parametrize(
    ("place", "status"),
    [*zip(REPLY_PLACES, cycle((403, 400, 401, 500))), ("Message", 401), ("Message", 500)],
)
def test_a_rate_limit_in_any_form_is_not_lost_access(
    tmp_path: Path, place: str, status: int
) -> None:
    async def scene(site: VirtualSite) -> None:
        for name, platform in site.world.sandbox.systems.items():
            platform.limit_reply = LimitReply(place, status)
            limit(site, name, 4)
        report = await site.resync()
        assert report.exit is RunExit.DONE, report.systems
        for name in SYSTEM_NAMES:
            assert site.app.systems[name].traffic.limits[0] == (4, 5.0)
            # One burst teaches it; reads and writes under way at that moment are refused, too.
            refused = site.world.sandbox.systems[name].gateway_limit
            assert refused is not None
            assert refused.refused <= 12

    play(tmp_path, scene)


@pytest.mark.parametrize("name", SYSTEM_NAMES)
def test_a_resync_waits_for_a_short_rate_limit_and_continues(tmp_path: Path, name: str) -> None:
    async def scene(site: VirtualSite) -> None:
        platform = site.world.sandbox.systems[name]
        platform.limit_reply = LimitReply("Message", 403)
        limit(site, name, 8, 60.0)
        report = await site.resync()
        assert report.exit is RunExit.DONE, report.systems
        waits = [text for text in site.texts if "allows no more calls" in text]
        assert waits
        assert all(f"{name} allows no more calls for" in text for text in waits)

    play(tmp_path, scene)


def test_a_resync_does_not_wait_for_a_days_quota(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        platform = site.world.sandbox.systems["clinic"]
        platform.limit = RateLimit(1000, 10.0, daily=5)
        began = site.clock.monotonic()
        report = await site.resync()
        assert (report.exit, report.systems["clinic"].state) == (
            RunExit.UNANSWERED,
            SystemStatus.DOWN,
        )
        assert site.clock.monotonic() - began < 60

    play(tmp_path, scene)


def test_a_signal_ends_the_wait_at_once(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        limit(site, "crm", 3, 60.0)
        began = site.clock.monotonic()
        run = asyncio.create_task(site.resync())
        await asyncio.sleep(30)  # the patience of a call is 15 s, and the window 60
        assert any("allows no more calls" in text for text in site.texts)
        site.app.engine.stopping.set()
        await run
        assert site.clock.monotonic() - began < 31

    play(tmp_path, scene)


def test_the_daemon_does_not_wait_within_a_job(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        site.app.engine.patient = False
        platform = site.world.sandbox.systems["crm"]
        platform.faults.add(Fault(FaultKind.RATE_LIMITED))
        limit(site, "crm", 25, 60.0)
        began = site.clock.monotonic()
        report = await site.resync()
        assert report.exit is RunExit.UNANSWERED
        assert site.clock.monotonic() - began < 30

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("name", "killed"),
    [
        # The gate tries each system, and both ends of a process.
        pytest.param(name, killed, marks=() if killed is (name == "crm") else pytest.mark.prove)
        for name in SYSTEM_NAMES
        for killed in (False, True)
    ],
)
def test_the_next_process_uses_learned_limits(tmp_path: Path, name: str, killed: bool) -> None:
    async def scene(site: VirtualSite) -> None:
        found = limit(site, name, 6)
        site.world.sandbox.systems[name].limit_reply = LimitReply("Message", 403)
        await site.resync()
        learned = found.refused
        assert learned > 0
        for _ in range(3):
            await site.restart(killed=killed)
            assert (await site.resync()).exit is RunExit.DONE
        assert found.refused == learned

    play(tmp_path, scene)


def test_a_learned_limit_is_dropped_a_day_after_it_was_last_stated(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        limit(site, "crm", 6)
        await site.resync()
        await site.restart()
        await site.resync()
        assert site.app.systems["crm"].traffic.limits == ((6, 5.0),)
        await site.clock.sleep(timedelta(days=1, minutes=1).total_seconds())
        await site.restart()
        assert site.app.systems["crm"].traffic.limits == ((100, 5.0),)

    play(tmp_path, scene)


def test_a_wait_that_was_asked_for_binds_the_next_process(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        await site.resync()
        found = limit(site, "crm", 1, 90.0)
        site.app.engine.patient = False
        await site.resync()
        await site.restart()
        site.app.engine.patient = False
        refused, calls = found.refused, site.calls("crm")
        report = await site.resync()
        assert report.systems["crm"].state is SystemStatus.DOWN
        assert (found.refused, site.calls("crm")) == (refused, calls)

    play(tmp_path, scene)


def test_a_reload_keeps_the_call_count_and_continues_at_once(tmp_path: Path) -> None:
    """The replacement of an engine is built before the old engine has ended, in the same process.

    It must not assume a full window of calls, as it does after another process died.
    """

    async def scene(site: VirtualSite) -> None:
        await site.resync()
        LearnedLimits(site.app.systems["crm"].facts).learn_refused_rate(60, 3600.0)
        await site.resync()
        calls, old = site.calls("crm"), site.app
        site.app = site.start(old.store)
        await old.close_systems()
        site.app.engine.patient = False
        report = await site.resync()
        assert report.systems["crm"].state is SystemStatus.OK, report.systems["crm"].cause
        facts = site.app.systems["crm"].facts
        assert LearnedLimits(facts).earlier([(60, 3600.0)])[0] == calls

    play(tmp_path, scene)


def test_a_quiet_cycle_stores_nothing_of_limits(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        for platform in site.world.sandbox.systems.values():
            platform.limit = RateLimit(90, 10.0, daily=200_000)
        await site.resync()
        for name in SYSTEM_NAMES:
            assert not site.app.systems[name].facts.unsaved()
        stored: list[object] = []
        note = site.app.store.save_health
        site.app.store.save_health = lambda *facts: stored.extend(facts)  # type: ignore[method-assign]
        for _ in range(20):
            await site.clock.sleep(60)
            await site.app.engine.poll(near=True)
        site.app.store.save_health = note  # type: ignore[method-assign]
        assert stored == []

    play(tmp_path, scene)
