"""Keep the jobs going when the host's clock is set, or the host slept.

The scheduler goes by that clock. After a clock that was ahead is put right, it would run nothing
until the time for which it had planned the next poll comes once more, perhaps years later; after a
clock was set forward, it would list every poll that was missed, one by one.
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

CHECKED = 1.0
"""Seconds between two checks."""

_SLACK = timedelta(seconds=5)
_TWO_DAYS = timedelta(days=2)


class Every(IntervalTrigger):  # type: ignore[misc]  # APScheduler has no types
    """An interval in which any number of missed runs is skipped at once."""

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """Return the next run after ``previous``, or from now on if that was long ago."""
        if previous is not None and previous + self.interval < now:
            previous = None
        found: datetime | None = super().get_next_fire_time(previous, now)
        return found


async def follow_clock(scheduler: AsyncIOScheduler, every: float = CHECKED) -> None:
    """Plan each job anew that is due later than it can be by the clock as it is now."""
    while True:
        await asyncio.sleep(every)
        now = datetime.now(UTC)
        late = [job for job in scheduler.get_jobs() if _is_late(job, now)]
        for job in late:
            scheduler.reschedule_job(job.id, trigger=_renewed(job.trigger, now))
        if late:
            log.warning("the clock was set back", jobs=sorted(job.id for job in late))


def _is_late(job: Job, now: datetime) -> bool:
    if job.next_run_time is None:
        return False
    longest = _TWO_DAYS
    if isinstance(job.trigger, IntervalTrigger):
        longest = job.trigger.interval + timedelta(seconds=job.trigger.jitter or 0) + _SLACK
    return bool(job.next_run_time - now > longest)


def _renewed(trigger: BaseTrigger, now: datetime) -> BaseTrigger:
    """The same trigger, begun now."""
    if isinstance(trigger, IntervalTrigger):
        seconds = trigger.interval.total_seconds()
        return Every(seconds=seconds, jitter=trigger.jitter, timezone=UTC)
    if isinstance(trigger, CalendarIntervalTrigger):
        trigger.start_date = now.astimezone(trigger.timezone).date() + timedelta(days=1)
    return trigger
