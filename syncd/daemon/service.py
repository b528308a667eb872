"""The service life cycle: open the control socket, schedule the jobs, reload, and stop cleanly."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from pathlib import Path

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger

from syncd.config.listen import ListenAddress
from syncd.config.problems import ConfigError
from syncd.core.polling.rate import PollIntervals
from syncd.daemon.clock_jumps import Every, follow_clock
from syncd.daemon.control_socket import Command, control_socket
from syncd.daemon.http_status import serve_status
from syncd.daemon.jobs import EngineApi, Jobs
from syncd.daemon.monitor import Monitor
from syncd.daemon.nightly_backup import Backups
from syncd.daemon.sd_notify import Notifier
from syncd.engine.report.run_report import Report
from syncd.store import StateError
from syncd.systems.stopping import IN_FLIGHT

log = structlog.get_logger(__name__)

DRAIN_TIMEOUT = IN_FLIGHT
"""Seconds that requests in flight may take after SIGTERM; the journal keeps those still open."""

STUCK_AFTER = 3600.0
"""Seconds after which a running job counts as stuck: then the watchdog is not pinged any more."""


@dataclass(frozen=True, slots=True)
class JobIntervals:
    """How often windows and free slots are read; ``resync_at`` is a time of day in ``zone``.

    The nightly backup is due at ``resync_at`` too; ``backups`` is the time between two checks
    whether a backup is due.
    """

    near: timedelta
    far: timedelta
    resync_at: time
    zone: tzinfo
    slots: timedelta = timedelta(minutes=15)
    backups: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The result of reading the configuration again; the engine has the same ``stopping`` event.

    ``close_previous`` closes the connections of the previous engine, once its job has ended.
    """

    engine: EngineApi
    intervals: JobIntervals
    close_previous: Callable[[], Awaitable[None]]


Reload = Callable[[], Reloaded]
"""Reads the configuration again, and returns the new engine and intervals.

If the function raises ConfigError, StateError or OSError, the old configuration stays in force.
"""


async def serve(
    engine: EngineApi,
    intervals: JobIntervals,
    state: Path,
    env: Mapping[str, str],
    *,
    reload: Reload | None = None,
    handle_signals: bool = True,
    monitor: Monitor | None = None,
    listen: ListenAddress | None = None,
) -> int:
    """Run until SIGTERM or SIGINT (or until ``engine.stopping`` is set); return the exit code.

    The caller must hold the state's lock. Starts with a resync. SIGHUP reads the configuration
    again. ``monitor`` records every job; its status endpoints are served at ``listen``.
    """
    notifier = Notifier(env)

    def show(text: str) -> None:
        # After STOPPING=1 the status line of the last job would be misleading.
        if not engine.stopping.is_set():
            notifier.status(text)

    def on_report(report: Report) -> None:
        show(_status_line(report, monitor))
        if monitor is not None:
            try:
                monitor.record_report(report)
            except Exception:
                # The job is done: a failure to record it must not end the service.
                log.exception("job not recorded")

    def on_failure(job: str) -> None:
        show(f"the last job ({job}) failed: see the log")
        if monitor is not None:
            monitor.failed(job)

    jobs = _jobs(engine, on_report, on_failure, monitor)
    backups = Backups(state, intervals.resync_at, intervals.zone, engine.stopping.is_set)
    stop_now = asyncio.Event()
    # UTC: with a zone, APScheduler before 3.11.3 runs nothing in the hour that the clocks skip.
    scheduler = AsyncIOScheduler(timezone=UTC)
    _schedule(scheduler, jobs, intervals, datetime.now(UTC), backups)
    if monitor is not None:
        monitor.reschedule = lambda stretched: _reschedule(scheduler, stretched)
    reload_requested = asyncio.Event()
    with _signals(engine.stopping, stop_now, reload_requested, on=handle_signals):
        async with control_socket(state, commands_of(jobs)), _page(monitor, listen):
            scheduler.start()
            _feed_watchdog(scheduler, notifier, jobs)
            tasks = [
                asyncio.create_task(_first_jobs(jobs, backups)),
                asyncio.create_task(jobs.follow_late_results()),
                asyncio.create_task(follow_clock(scheduler)),
                asyncio.create_task(
                    _follow_reloads(
                        reload_requested, reload, jobs, scheduler, notifier, monitor, backups
                    )
                ),
            ]
            notifier.ready()
            log.info("ready", state=str(state))
            await engine.stopping.wait()
            notifier.stopping()
            scheduler.pause()
            await _drain(jobs, stop_now)
            # Only now: the shutdown of the scheduler cancels running jobs.
            scheduler.shutdown(wait=False)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    log.info("stopped")
    return 0


def commands_of(jobs: Jobs) -> dict[str, Command]:
    """Return the commands that the control socket accepts, by name."""
    return {
        "resync": jobs.on_request,
        "undo": jobs.on_undo,
        "resolve": jobs.on_resolve,
        "acknowledge": jobs.on_acknowledge,
        "forget-person": jobs.on_forget_person,
        "probe": jobs.on_probe,
        "cleanup": jobs.on_cleanup,
        "pause": jobs.on_pause,
        "unpause": jobs.on_unpause,
    }


def _jobs(
    engine: EngineApi,
    on_report: Callable[[Report], None],
    on_failure: Callable[[str], None],
    monitor: Monitor | None,
) -> Jobs:
    if monitor is None:
        return Jobs(engine, on_report, on_failure)
    providers_due = monitor.scheduler.providers_due
    return Jobs(engine, on_report, on_failure, monitor.reset_backoff, providers_due)


async def _first_jobs(jobs: Jobs, backups: Backups) -> None:
    """Run the first resync, then the backup of a night in which no daemon ran."""
    await jobs.resync_and_compact()
    await backups.backup()


async def _drain(jobs: Jobs, stop_now: asyncio.Event) -> None:
    """Wait for requests in flight, until a second signal or the timeout."""
    idle = asyncio.create_task(jobs.idle())
    interrupted = asyncio.create_task(stop_now.wait())
    done, _ = await asyncio.wait(
        {idle, interrupted}, timeout=DRAIN_TIMEOUT, return_when=asyncio.FIRST_COMPLETED
    )
    if idle not in done:
        log.warning("stopped with a request in flight; the next start looks up its outcome")
    for task in (idle, interrupted):
        task.cancel()
    await asyncio.gather(idle, interrupted, return_exceptions=True)


async def _follow_reloads(
    requested: asyncio.Event,
    reload: Reload | None,
    jobs: Jobs,
    scheduler: AsyncIOScheduler,
    notifier: Notifier,
    monitor: Monitor | None,
    backups: Backups,
) -> None:
    """On each request read the configuration; if it is valid, replace the engine. Never return."""
    while True:
        await requested.wait()
        requested.clear()
        if reload is None:
            continue
        notifier.reloading()
        try:
            reloaded = reload()
        except (ConfigError, StateError, OSError) as error:
            log.error("configuration refused; the old one stays in force", reason=str(error))  # noqa: TRY400 - the reason is enough
            notifier.status(
                "the new configuration is invalid, the old one stays in force: see the log"
            )
            notifier.ready()
            continue
        await jobs.replace_engine(reloaded.engine)
        await reloaded.close_previous()
        backups.at, backups.zone = reloaded.intervals.resync_at, reloaded.intervals.zone
        _schedule(scheduler, jobs, reloaded.intervals, datetime.now(UTC), backups)
        if monitor is not None:
            _reschedule(scheduler, monitor.intervals)
        log.info("configuration reloaded")
        notifier.ready()
        await jobs.resync_and_compact()


def _schedule(
    scheduler: AsyncIOScheduler,
    jobs: Jobs,
    intervals: JobIntervals,
    now: datetime,
    backups: Backups | None = None,
) -> None:
    """Schedule the jobs at these intervals; replace jobs that are scheduled already."""
    scheduled: dict[str, tuple[Callable[[], Awaitable[None]], BaseTrigger]] = {
        "near": (jobs.near, _every(intervals.near)),
        "far": (jobs.far, _every(intervals.far)),
        "everything": (jobs.resync_and_compact, _nightly(intervals, now)),
        "slots": (jobs.slots, _every(intervals.slots)),
    }
    if backups is not None:
        scheduled["backup"] = (backups.backup, _every(intervals.backups))
    for name, (job, trigger) in scheduled.items():
        # After the host slept, a missed job runs once, however often it was due.
        scheduler.add_job(
            job,
            trigger,
            id=name,
            replace_existing=True,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=3600,
        )
    # APScheduler warns of each job that still runs when it is due again: normal here.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def _reschedule(scheduler: AsyncIOScheduler, intervals: PollIntervals) -> None:
    """Schedule the polls at the intervals that the rate limits allow."""
    for name, interval in (("near", intervals.near), ("far", intervals.interval)):
        scheduler.reschedule_job(name, trigger=_every(interval))


@asynccontextmanager
async def _page(monitor: Monitor | None, listen: ListenAddress | None) -> AsyncIterator[None]:
    if monitor is None:
        yield
        return
    try:
        async with serve_status(monitor.page(), listen):
            yield
    finally:
        await monitor.aclose()


def _every(interval: timedelta) -> Every:
    seconds = interval.total_seconds()
    # Jitter of a tenth, so that many installations do not call in the same second.
    return Every(seconds=seconds, jitter=min(30.0, seconds / 10), timezone=UTC)


def _nightly(intervals: JobIntervals, now: datetime) -> CalendarIntervalTrigger:
    """Return a daily trigger at the wall time ``resync_at``, starting with the next occurrence.

    If a clock change repeats that time, the first occurrence counts; if it skips that time, the
    job does not run that night. A CronTrigger with jitter (APScheduler 3.11.3) fires endlessly in
    a repeated hour.
    """
    at, local = intervals.resync_at, now.astimezone(intervals.zone)
    # A jitter past midnight would count as the run of the next day, which would then have none.
    max_jitter = 24 * 3600 - 1 - (at.hour * 3600 + at.minute * 60 + at.second)
    return CalendarIntervalTrigger(
        days=1,
        hour=at.hour,
        minute=at.minute,
        second=at.second,
        start_date=local.date() + timedelta(days=local.time() >= at),
        timezone=intervals.zone,
        jitter=min(60, max_jitter),
    )


def _feed_watchdog(scheduler: AsyncIOScheduler, notifier: Notifier, jobs: Jobs) -> None:
    """Ping the watchdog from the scheduler, so that a dead scheduler is noticed too."""
    if notifier.watchdog is None:
        return

    async def feed() -> None:
        since, now = jobs.busy_since, asyncio.get_running_loop().time()
        if since is None or now - since < STUCK_AFTER:
            notifier.alive()

    scheduler.add_job(
        feed,
        Every(seconds=notifier.watchdog),
        id="alive",
        next_run_time=datetime.now(UTC),
        coalesce=True,
        misfire_grace_time=None,
    )


@contextmanager
def _signals(
    stopping: asyncio.Event, stop_now: asyncio.Event, reload: asyncio.Event, *, on: bool
) -> Iterator[None]:
    if not on:
        yield
        return
    loop = asyncio.get_running_loop()

    def stop() -> None:
        (stop_now if stopping.is_set() else stopping).set()

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload.set}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


def _status_line(report: Report, monitor: Monitor | None) -> str:
    """Return a line for `systemctl status`; it includes systems that this job did not ask."""
    silent = frozenset[str]() if monitor is None else monitor.silent
    down = [n for n, s in report.systems.items() if str(s.state) != "ok" or n in silent]
    parts = [f"{len(report.systems) - len(down)} of {len(report.systems)} systems respond"]
    if report.guarded:
        stops = [*map(str, report.stopped)] or report.guarded
        parts.append("stopped by the guard: " + ", ".join(stops))
    if report.conflicts:
        parts.append(f"held conflicts: {report.conflicts}")
    return "; ".join(parts)
