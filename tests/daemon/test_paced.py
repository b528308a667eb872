"""The timers follow the plan: slices, stretched rounds, and a reloaded configuration."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from syncd.core.polling.rate import PollIntervals
from syncd.daemon import service
from syncd.daemon.jobs import Jobs
from syncd.daemon.service import JobIntervals, Reloaded, serve
from syncd.engine.report.run_report import SystemReport
from syncd.model import PollSlot, SystemState
from syncd.store.queries.poll_schedule import stored_poll_schedule
from tests.daemon.kit import FakeEngine, until
from tests.daemon.watched import SPANS, Studio, studio

__all__ = ["studio"]

RARE = JobIntervals(timedelta(hours=1), timedelta(hours=1), time(3, 30), UTC)
SIX = tuple("abcdef")
QUICK = replace(SPANS, near=timedelta(seconds=0.1), far=timedelta(seconds=0.6))


def quick(studio: Studio, *engines: FakeEngine) -> None:
    """Six providers, of whom each read of any takes seven calls: two slices."""
    studio.crm.providers = studio.web.providers = SIX
    studio.crm.limits = studio.web.limits = ((100_000, 60.0),)
    studio.monitor.reconfigure({"crm": studio.crm, "web": studio.web}, QUICK)
    for engine in engines:
        engine.mapping = dict.fromkeys(SIX, ("crm", "web"))


def slices(engine: FakeEngine) -> set[tuple[str, ...]]:
    """Who was read in far jobs, and in no other."""
    whose = zip([a for a in engine.asked if not a.startswith("resync")], engine.read, strict=True)
    return {tuple(read or ()) for job, read in whose if job == "far"}


async def test_the_daemon_reads_slice_after_slice(studio: Studio, tmp_path: Path) -> None:
    engine = FakeEngine()
    quick(studio, engine)
    running = asyncio.create_task(
        serve(engine, RARE, tmp_path / "s.db", {}, monitor=studio.monitor, handle_signals=False)
    )
    await until(lambda: engine.asked.count("far") >= 2)
    engine.stopping.set()
    await running
    first, second = sorted(slices(engine))
    assert (len(first), len(second)) == (3, 3)
    assert set(first) | set(second) == set(SIX)
    assert None in engine.read  # a near job reads everybody


async def test_after_a_reload_slices_are_read_as_before(studio: Studio, tmp_path: Path) -> None:
    old, new = FakeEngine(takes=0.2), FakeEngine()
    new.stopping = old.stopping
    quick(studio, old, new)

    async def close_previous() -> None:
        """Nothing to give back."""

    def reload() -> Reloaded:
        quick(studio)
        return Reloaded(new, RARE, close_previous)

    running = asyncio.create_task(
        serve(old, RARE, tmp_path / "s.db", {}, reload=reload, monitor=studio.monitor)
    )
    await until(lambda: old.at_work)
    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: new.asked.count("far") >= 2)
    new.stopping.set()
    await running
    assert {len(each) for each in slices(new)} == {3}


def test_a_far_job_is_due_once_for_each_slice() -> None:
    scheduler = AsyncIOScheduler(timezone=UTC)
    service._schedule(scheduler, Jobs(FakeEngine()), RARE, datetime.now(UTC))
    paces = PollIntervals(timedelta(minutes=2), timedelta(minutes=30), slices=5)
    service._reschedule(scheduler, paces)
    interval = {job.id: getattr(job.trigger, "interval", None) for job in scheduler.get_jobs()}
    assert (interval["near"], interval["far"]) == (timedelta(minutes=2), timedelta(minutes=6))


async def test_near_the_limits_polls_are_rarer_and_the_schedule_stays(
    studio: Studio,
) -> None:
    quick(studio)
    studio.monitor.reconfigure({"crm": studio.crm, "web": studio.web}, SPANS)
    told: list[PollIntervals] = []
    studio.monitor.reschedule = told.append
    studio.monitor.record_report(studio.report())
    assert (told[-1].far, told[-1].slices) == (SPANS.far, 5)
    rota = stored_poll_schedule(studio.store)
    assert [each.provider for each in rota] == list(SIX)
    assert all(each.slice < 5 for each in rota)
    studio.crm.limits = ((15, 60.0),)  # 7.5 may be planned: near takes 7
    studio.monitor.record_report(studio.report())
    assert (told[-1].far, told[-1].slices) == (SPANS.far, 5)  # the other system can bear it
    studio.web.limits = studio.crm.limits
    studio.monitor.record_report(studio.report())
    assert told[-1].near == SPANS.near
    assert (told[-1].far, told[-1].slices) == (SPANS.far * 6, 5)
    assert told[-1].interval == timedelta(minutes=18)
    assert stored_poll_schedule(studio.store) == rota
    assert isinstance(rota[0], PollSlot)


async def test_a_job_that_asked_a_silent_system_nothing_is_not_whole(studio: Studio) -> None:
    beats: list[int] = []
    studio.monitor._heartbeat.beat = lambda: beats.append(1)  # type: ignore[method-assign]
    studio.monitor.record_report(studio.report())
    studio.web.become(SystemState.DOWN, "is silent", "Wait.")
    report = studio.report(systems={"crm": SystemReport(), "web": SystemReport()})
    studio.monitor.record_report(report)
    assert beats == [1]
    assert service._status_line(report, studio.monitor) == "1 of 2 systems respond"
