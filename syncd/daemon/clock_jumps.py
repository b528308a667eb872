"""Keep the jobs running when the host's clock is set, or after the host slept.

The scheduler uses the host's clock. If that clock was ahead and is corrected, the scheduler runs
nothing until the planned time of the next poll comes again, perhaps years later. If the clock is
set forward, the scheduler lists every missed poll, one by one.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.interval import IntervalTrigger

if TYPE_CHECKING:
    from apscheduler.job import Job
    from apscheduler.schedulers.asyncio import AsyncIOScheduler
    from apscheduler.triggers.base import BaseTrigger

log = structlog.get_logger(__name__)

CHECK_INTERVAL = 1.0
"""Seconds between two checks of the clock."""

_SLACK = timedelta(seconds=5)
_TWO_DAYS = timedelta(days=2)


class Every(IntervalTrigger):  # type: ignore[misc]  # APScheduler has no types
    """An interval trigger that skips all missed runs at once instead of listing each."""

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """Return the next run after ``previous``, or after ``now`` if runs were missed."""
        if previous is not None and previous + self.interval < now:
            previous = None
        next_run: datetime | None = super().get_next_fire_time(previous, now)
        return next_run


async def follow_clock(scheduler: AsyncIOScheduler, every: float = CHECK_INTERVAL) -> None:
    """Reschedule each job that is planned too late because the clock was set back; never return.

    The clock is checked every ``every`` seconds.
    """
    while True:
        await asyncio.sleep(every)
        now = datetime.now(UTC)
        late = [job for job in scheduler.get_jobs() if _is_late(job, now)]
        for job in late:
            scheduler.reschedule_job(job.id, trigger=_restarted(job.trigger, now))
        if late:
            log.warning("the clock was set back", jobs=sorted(job.id for job in late))


def _is_late(job: Job, now: datetime) -> bool:
    if job.next_run_time is None:
        return False
    longest = _TWO_DAYS
    if isinstance(job.trigger, IntervalTrigger):
        longest = job.trigger.interval + timedelta(seconds=job.trigger.jitter or 0) + _SLACK
    return bool(job.next_run_time - now > longest)


def _restarted(trigger: BaseTrigger, now: datetime) -> BaseTrigger:
    """Return the same trigger, starting now."""
    if isinstance(trigger, IntervalTrigger):
        seconds = trigger.interval.total_seconds()
        return Every(seconds=seconds, jitter=trigger.jitter, timezone=UTC)
    if isinstance(trigger, CalendarIntervalTrigger):
        trigger.start_date = now.astimezone(trigger.timezone).date() + timedelta(days=1)
    return trigger
