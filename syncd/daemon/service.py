"""The service's life: door open, ready, jobs by the clock, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from pathlib import Path

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.interval import IntervalTrigger

from syncd.daemon.door import door
from syncd.daemon.notify import Notifier
from syncd.daemon.work import Work, Worker
from syncd.engine.report import Report

log = structlog.get_logger(__name__)

DRAIN = 20.0
"""Seconds that requests in flight may take after SIGTERM; what is then open is in the journal."""

STUCK = 3600.0
"""A cycle that takes longer (seconds) is stuck, and the watchdog is left to bark."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the windows are read; ``resync_at`` is a time of day in ``zone``."""

    near: timedelta
    far: timedelta
    resync_at: time
    zone: tzinfo


async def serve(
    engine: Worker,
    pace: Pace,
    state: Path,
    env: Mapping[str, str],
    *,
    handle_signals: bool = True,
) -> int:
    """Run until SIGTERM or SIGINT (or until ``engine.stopping`` is set); return the exit code.

    The caller holds the state's lock. Begins with a resync.
    """
    notifier = Notifier(env)

    def show(text: str) -> None:
        # After STOPPING the last job's line would tell of a service that is no more.
        if not engine.stopping.is_set():
            notifier.status(text)

    work = Work(
        engine,
        told=lambda report: show(_line(report)),
        failed=lambda job: show(f"the last job ({job}) failed: see the log"),
    )
    hurry = asyncio.Event()
    scheduler = _schedule(work, pace, datetime.now(UTC))
    with _signals(engine.stopping, hurry, on=handle_signals):
        async with door(state, {"resync": work.on_request, "resolve": work.on_resolve}):
            scheduler.start()
            alive = asyncio.create_task(_stay_alive(notifier, work))
            first = asyncio.create_task(work.everything())
            notifier.ready()
            log.info("ready", state=str(state))
            await engine.stopping.wait()
            notifier.stopping()
            scheduler.pause()
            await _drain(work, hurry)
            # Only now: shutting the scheduler down cancels what it still runs.
            scheduler.shutdown(wait=False)
            for task in (alive, first):
                task.cancel()
            await asyncio.gather(alive, first, return_exceptions=True)
    log.info("stopped")
    return 0


async def _drain(work: Work, hurry: asyncio.Event) -> None:
    """Let the request in flight end; a second signal, or too long a wait, ends that."""
    idle = asyncio.create_task(work.idle())
    hurried = asyncio.create_task(hurry.wait())
    done, _ = await asyncio.wait(
        {idle, hurried}, timeout=DRAIN, return_when=asyncio.FIRST_COMPLETED
    )
    if idle not in done:
        log.warning("ended with a request in flight; the journal holds it")
    for task in (idle, hurried):
        task.cancel()
    await asyncio.gather(idle, hurried, return_exceptions=True)


def _schedule(work: Work, pace: Pace, now: datetime) -> AsyncIOScheduler:
    # UTC: with a zone, APScheduler before 3.11.3 sleeps through the hour that the clocks skip.
    scheduler = AsyncIOScheduler(timezone=UTC)
    for job, trigger in (
        (work.near, _every(pace.near)),
        (work.far, _every(pace.far)),
        (work.everything, _nightly(pace, now)),
    ):
        # A host that slept runs a job that it missed once, however often it was due.
        scheduler.add_job(job, trigger, coalesce=True, max_instances=1, misfire_grace_time=3600)
    # It warns of each job that is still running when the next is due: that is by design here.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    return scheduler


def _every(span: timedelta) -> IntervalTrigger:
    seconds = span.total_seconds()
    # Spread over a tenth, so that many installations do not call at the same second.
    return IntervalTrigger(seconds=seconds, jitter=min(30.0, seconds / 10), timezone=UTC)


def _nightly(pace: Pace, now: datetime) -> CalendarIntervalTrigger:
    """Once a day by the wall clock, first when that time comes next.

    In a night in which it happens twice, the first counts; in one that skips it, there is none.
    A CronTrigger with jitter (3.11.3) fires without end in the hour that happens twice.
    """
    at, local = pace.resync_at, now.astimezone(pace.zone)
    # A delay past midnight would count as the next day's run, and that day would have none.
    left = 24 * 3600 - 1 - (at.hour * 3600 + at.minute * 60 + at.second)
    return CalendarIntervalTrigger(
        days=1,
        hour=at.hour,
        minute=at.minute,
        second=at.second,
        start_date=local.date() + timedelta(days=local.time() >= at),
        timezone=pace.zone,
        jitter=min(60, left),
    )


async def _stay_alive(notifier: Notifier, work: Work) -> None:
    if notifier.watchdog is None:
        return
    loop = asyncio.get_running_loop()
    while True:
        if work.busy_since is None or loop.time() - work.busy_since < STUCK:
            notifier.alive()
        await asyncio.sleep(notifier.watchdog)


@contextmanager
def _signals(stopping: asyncio.Event, hurry: asyncio.Event, *, on: bool) -> Iterator[None]:
    if not on:
        yield
        return
    loop = asyncio.get_running_loop()

    def stop() -> None:
        (hurry if stopping.is_set() else stopping).set()

    def reload() -> None:
        log.warning("SIGHUP is ignored: restart the service to read the configuration again")

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


def _line(report: Report) -> str:
    """One line for `systemctl status`."""
    down = [name for name, s in report.systems.items() if str(s.state) != "ok"]
    parts = [f"{len(report.systems) - len(down)} of {len(report.systems)} systems answer"]
    if report.guarded:
        parts.append("stopped by the guard: " + ", ".join(report.guarded))
    if report.conflicts:
        parts.append(f"conflicts held: {report.conflicts}")
    return "; ".join(parts)
