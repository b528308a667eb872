"""The service's life: door open, ready, jobs by the clock, and an end that loses nothing."""

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

from syncd.config.listen import Address
from syncd.config.problems import ConfigError
from syncd.core.poll_rate import PollIntervals
from syncd.daemon.clock_jumps import Every, follow_clock
from syncd.daemon.control_socket import Command, control_socket
from syncd.daemon.http_status import served
from syncd.daemon.jobs import EngineApi, Jobs
from syncd.daemon.monitor import Monitor
from syncd.daemon.nightly_backup import Backups
from syncd.daemon.sd_notify import Notifier
from syncd.engine.report import Report
from syncd.store import StateError
from syncd.systems.stopping import IN_FLIGHT

log = structlog.get_logger(__name__)

DRAIN = IN_FLIGHT
"""Seconds that requests in flight may take after SIGTERM; what is then open is in the journal."""

STUCK = 3600.0
"""A cycle that takes longer (seconds) is stuck, and the watchdog is left to bark."""


@dataclass(frozen=True, slots=True)
class JobIntervals:
    """How often windows and free slots are read; ``resync_at`` is a time of day in ``zone``.

    The nightly backup is due at that time too; ``backups`` is how often somebody looks.
    """

    near: timedelta
    far: timedelta
    resync_at: time
    zone: tzinfo
    slots: timedelta = timedelta(minutes=15)
    backups: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a configuration that was read again makes: its engine has the same ``stopping``.

    ``farewell`` gives back what the engine before it held, once that has ended its job.
    """

    engine: EngineApi
    pace: JobIntervals
    farewell: Callable[[], Awaitable[None]]


Reload = Callable[[], Reloaded]
"""Reads the configuration. Raises ConfigError, StateError or OSError; then the old one goes on."""


async def serve(
    engine: EngineApi,
    pace: JobIntervals,
    state: Path,
    env: Mapping[str, str],
    *,
    reload: Reload | None = None,
    handle_signals: bool = True,
    monitor: Monitor | None = None,
    listen: Address | None = None,
) -> int:
    """Run until SIGTERM or SIGINT (or until ``engine.stopping`` is set); return the exit code.

    The caller holds the state's lock. Begins with a resync. SIGHUP reads the configuration again.
    ``monitor`` hears of every job, and its page is served at ``listen``.
    """
    notifier = Notifier(env)

    def show(text: str) -> None:
        # After STOPPING the last job's line would tell of a service that is no more.
        if not engine.stopping.is_set():
            notifier.status(text)

    def told(report: Report) -> None:
        show(_line(report, monitor))
        if monitor is not None:
            try:
                monitor.record_report(report)
            except Exception:
                # The work is done; that it could not be counted does not undo it.
                log.exception("job not counted")

    def failed(job: str) -> None:
        show(f"the last job ({job}) failed: see the log")
        if monitor is not None:
            monitor.failed(job)

    work = _work(engine, told, failed, monitor)
    backups = Backups(state, pace.resync_at, pace.zone, engine.stopping.is_set)
    hurry = asyncio.Event()
    # UTC: with a zone, APScheduler before 3.11.3 sleeps through the hour that the clocks skip.
    scheduler = AsyncIOScheduler(timezone=UTC)
    _schedule(scheduler, work, pace, datetime.now(UTC), backups)
    if monitor is not None:
        monitor.repace = lambda paces: _repace(scheduler, paces)
    again = asyncio.Event()
    with _signals(engine.stopping, hurry, again, on=handle_signals):
        async with control_socket(state, commands_of(work)), _page(monitor, listen):
            scheduler.start()
            _keep_alive(scheduler, notifier, work)
            tasks = [
                asyncio.create_task(_begin(work, backups)),
                asyncio.create_task(work.follow_late()),
                asyncio.create_task(follow_clock(scheduler)),
                asyncio.create_task(
                    _reload_when(again, reload, work, scheduler, notifier, monitor, backups)
                ),
            ]
            notifier.ready()
            log.info("ready", state=str(state))
            await engine.stopping.wait()
            notifier.stopping()
            scheduler.pause()
            await _drain(work, hurry)
            # Only now: shutting the scheduler down cancels what it still runs.
            scheduler.shutdown(wait=False)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    log.info("stopped")
    return 0


def commands_of(work: Jobs) -> dict[str, Command]:
    """What can be asked for through the daemon's socket."""
    return {
        "resync": work.on_request,
        "undo": work.on_undo,
        "resolve": work.on_resolve,
        "acknowledge": work.on_acknowledge,
        "forget-person": work.on_forget_person,
        "probe": work.on_probe,
        "cleanup": work.on_cleanup,
        "pause": work.on_pause,
        "unpause": work.on_unpause,
    }


def _work(
    engine: EngineApi,
    told: Callable[[Report], None],
    failed: Callable[[str], None],
    monitor: Monitor | None,
) -> Jobs:
    if monitor is None:
        return Jobs(engine, told, failed)
    return Jobs(engine, told, failed, monitor.insist, monitor.rounds.providers_due)


async def _begin(work: Jobs, backups: Backups) -> None:
    """The resync at the start; then the backup of a night in which nobody was at work."""
    await work.everything()
    await backups.backup()


async def _drain(work: Jobs, hurry: asyncio.Event) -> None:
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


async def _reload_when(
    asked: asyncio.Event,
    reload: Reload | None,
    work: Jobs,
    scheduler: AsyncIOScheduler,
    notifier: Notifier,
    monitor: Monitor | None,
    backups: Backups,
) -> None:
    """Each time it is asked for: check the new configuration first, then go over to it."""
    while True:
        await asked.wait()
        asked.clear()
        if reload is None:
            continue
        notifier.reloading()
        try:
            successor = reload()
        except (ConfigError, StateError, OSError) as error:
            log.error("configuration refused; the old one stays in force", reason=str(error))  # noqa: TRY400 - it says all
            notifier.status(
                "the new configuration is refused, the old one is in force: see the log"
            )
            notifier.ready()
            continue
        await work.exchange(successor.engine)
        await successor.farewell()
        backups.at, backups.zone = successor.pace.resync_at, successor.pace.zone
        _schedule(scheduler, work, successor.pace, datetime.now(UTC), backups)
        if monitor is not None:
            _repace(scheduler, monitor.paces)
        log.info("configuration reloaded")
        notifier.ready()
        await work.everything()


def _schedule(
    scheduler: AsyncIOScheduler,
    work: Jobs,
    pace: JobIntervals,
    now: datetime,
    backups: Backups | None = None,
) -> None:
    """Put the jobs at this pace, in the place of those that are there."""
    jobs: dict[str, tuple[Callable[[], Awaitable[None]], BaseTrigger]] = {
        "near": (work.near, _every(pace.near)),
        "far": (work.far, _every(pace.far)),
        "everything": (work.everything, _nightly(pace, now)),
        "slots": (work.slots, _every(pace.slots)),
    }
    if backups is not None:
        jobs["backup"] = (backups.backup, _every(pace.backups))
    for name, (job, trigger) in jobs.items():
        # A host that slept runs a job that it missed once, however often it was due.
        scheduler.add_job(
            job,
            trigger,
            id=name,
            replace_existing=True,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=3600,
        )
    # It warns of each job that is still running when the next is due: that is by design here.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def _repace(scheduler: AsyncIOScheduler, paces: PollIntervals) -> None:
    """Read as often as the accounts can bear."""
    for name, span in (("near", paces.near), ("far", paces.interval)):
        scheduler.reschedule_job(name, trigger=_every(span))


@asynccontextmanager
async def _page(monitor: Monitor | None, listen: Address | None) -> AsyncIterator[None]:
    if monitor is None:
        yield
        return
    try:
        async with served(monitor.page(), listen):
            yield
    finally:
        await monitor.aclose()


def _every(span: timedelta) -> Every:
    seconds = span.total_seconds()
    # Spread over a tenth, so that many installations do not call at the same second.
    return Every(seconds=seconds, jitter=min(30.0, seconds / 10), timezone=UTC)


def _nightly(pace: JobIntervals, now: datetime) -> CalendarIntervalTrigger:
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


def _keep_alive(scheduler: AsyncIOScheduler, notifier: Notifier, work: Jobs) -> None:
    """Let the scheduler itself feed the watchdog: one that is dead or deaf does not."""
    if notifier.watchdog is None:
        return

    async def feed() -> None:
        since, now = work.busy_since, asyncio.get_running_loop().time()
        if since is None or now - since < STUCK:
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
    stopping: asyncio.Event, hurry: asyncio.Event, again: asyncio.Event, *, on: bool
) -> Iterator[None]:
    if not on:
        yield
        return
    loop = asyncio.get_running_loop()

    def stop() -> None:
        (hurry if stopping.is_set() else stopping).set()

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: again.set}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


def _line(report: Report, monitor: Monitor | None) -> str:
    """One line for `systemctl status`, of the systems that this job did not ask, too."""
    silent = frozenset[str]() if monitor is None else monitor.silent
    down = [n for n, s in report.systems.items() if str(s.state) != "ok" or n in silent]
    parts = [f"{len(report.systems) - len(down)} of {len(report.systems)} systems answer"]
    if report.guarded:
        stops = [*map(str, report.stopped)] or report.guarded
        parts.append("stopped by the guard: " + ", ".join(stops))
    if report.conflicts:
        parts.append(f"conflicts held: {report.conflicts}")
    return "; ".join(parts)
