"""The jobs go on after the host's clock is set back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from time import process_time

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from syncd.daemon import service
from syncd.daemon.clock_jumps import follow_clock
from syncd.daemon.jobs import Jobs
from syncd.daemon.service import JobIntervals
from tests.daemon.kit import FakeEngine, until

YEARS = timedelta(days=3650)
PACE = JobIntervals(timedelta(seconds=0.1), timedelta(hours=1), time(3, 30), UTC)


@pytest.fixture
async def scheduler() -> AsyncIterator[AsyncIOScheduler]:
    """All jobs, planned by a clock that was ten years ahead, which was put right just now."""
    made = AsyncIOScheduler(timezone=UTC)
    engine = FakeEngine()
    made.engine = engine
    service._schedule(made, Jobs(engine), PACE, datetime.now(UTC) + YEARS)
    made.start()
    for job in made.get_jobs():
        job.modify(next_run_time=datetime.now(UTC) + YEARS)
    following = asyncio.create_task(follow_clock(made, every=0.01))
    yield made
    following.cancel()
    made.shutdown(wait=False)


async def test_polls_go_on_after_the_clock_was_set_back(scheduler: AsyncIOScheduler) -> None:
    await until(lambda: "near" in scheduler.engine.asked)


async def test_every_job_is_due_within_its_interval_again(scheduler: AsyncIOScheduler) -> None:
    await asyncio.sleep(0.05)
    left = {j.id: j.next_run_time - datetime.now(UTC) for j in scheduler.get_jobs()}
    assert left["far"] <= timedelta(hours=1.1)
    assert left["everything"] <= timedelta(days=2)


async def test_ten_years_of_missed_polls_run_once(scheduler: AsyncIOScheduler) -> None:
    job = scheduler.get_job("near")
    job.trigger.start_date = datetime.now(UTC) - YEARS
    began = process_time()
    job.modify(next_run_time=datetime.now(UTC) - YEARS)
    missed = job._get_run_times(datetime.now(UTC))
    assert len(missed) <= 2
    assert process_time() - began < 0.1
    await until(lambda: "near" in scheduler.engine.asked)
