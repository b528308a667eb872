"""`syncd run`: run the daemon."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from zoneinfo import ZoneInfo

import structlog
import typer

from syncd.app import App, build
from syncd.cli.options import ConfigOption, settings_of
from syncd.config.problems import ConfigError, Problem
from syncd.config.secrets import Secret
from syncd.config.settings import Settings
from syncd.daemon.heartbeat import Heartbeat
from syncd.daemon.lock import StateLock
from syncd.daemon.logging import set_up
from syncd.daemon.malloc import return_large_blocks
from syncd.daemon.monitor import Monitor
from syncd.daemon.poll_scheduler import read_intervals
from syncd.daemon.service import JobIntervals, Reloaded, serve
from syncd.machine import RealClock
from syncd.model import Operation

log = structlog.get_logger(__name__)


def run(context: typer.Context, *, config: ConfigOption = None) -> None:
    """Keep all systems in sync until SIGTERM or Ctrl-C; the systemd service runs this.

    Starts with a full resync. Then reads the near window every minute and the whole window every 15
    minutes, or as configured. SIGHUP (systemctl reload) reloads the configuration; if the new one
    is invalid, the old one stays in force. Exit: 0 stopped on request, 2 configuration error,
    6 another syncd process holds the state.
    """
    settings = settings_of(context, config)
    start_log(settings)
    return_large_blocks()
    with StateLock(settings.syncd.state_path, role="daemon"):
        code = asyncio.run(_run(settings, lambda: settings_of(context, config)))
    raise typer.Exit(code)


async def _run(settings: Settings, load_settings: Callable[[], Settings]) -> int:
    state = settings.syncd.state_path
    app = build(settings)
    app.engine.patient = False
    _log_pauses(app)
    monitor = monitor_of(settings, app)
    app.engine.select_due = monitor.scheduler.due

    def record_write(operation: Operation, outcome: str) -> None:
        _log_write(operation, outcome)
        monitor.wrote(operation, outcome)

    def reload() -> Reloaded:
        nonlocal app
        fresh, old = load_settings(), app
        if fresh.syncd.state_path != state:
            reason = "a reload cannot change the path of the state"
            remedy = "Restart the service to use the new path, or restore the old path."
            raise ConfigError([Problem(fresh.path, "syncd.state", None, reason, remedy)])
        start_log(fresh)
        app = build(fresh, store=old.store, on_write=record_write, stopping=old.engine.stopping)
        app.engine.patient = False
        app.engine.select_due = monitor.scheduler.due
        _log_pauses(app)
        monitor.reconfigure(app.systems, read_intervals(fresh))
        return Reloaded(app.engine, job_intervals(fresh), old.close_systems)

    app.engine.on_write = record_write
    try:
        return await serve(
            app.engine,
            job_intervals(settings),
            state,
            os.environ,
            reload=reload,
            monitor=monitor,
            listen=settings.syncd.listen,
        )
    finally:
        await app.aclose()


def monitor_of(settings: Settings, app: App) -> Monitor:
    """Return the monitor of the daemon: metrics, health, heartbeat and poll schedule."""
    heartbeat = settings.syncd.heartbeat
    return Monitor(
        app.systems,
        app.store,
        settings.syncd.state_path,
        read_intervals(settings),
        RealClock(),
        Heartbeat(heartbeat.reveal() if heartbeat else None),
    )


def start_log(settings: Settings) -> None:
    """Set up logging as configured, and log the warnings about the configuration."""
    set_up(
        settings_secrets(settings), style=settings.syncd.log.format, level=settings.syncd.log.level
    )
    for problem in settings.warnings:
        log.warning("configuration", key=problem.key, reason=problem.reason, remedy=problem.remedy)


def _log_pauses(app: App) -> None:
    """Log at the start which systems, providers and calendars are not written to."""
    if app.engine.pauses.observe:
        log.warning("observe mode: nothing is written to any system")
    for each in app.engine.pauses.current:
        since = each.since.isoformat()
        log.info("is paused", kind=each.kind, id=each.id, since=since, who=each.who)


def job_intervals(settings: Settings) -> JobIntervals:
    """Return the configured intervals at which the windows are read."""
    config = settings.syncd
    return JobIntervals(
        config.near.every, config.far.every, config.resync_at, ZoneInfo(config.zone)
    )


def _log_write(operation: Operation, outcome: str) -> None:
    log.info(
        "write",
        outcome=outcome,
        action=str(operation.action),
        system=operation.system,
        provider=operation.provider,
        event_id=operation.event,
        reason=operation.reason,
    )


def settings_secrets(settings: Settings) -> list[str]:
    """Return all credentials, to be masked in the log."""
    tables = (settings.syncd, *settings.systems.values())
    return [value.reveal() for table in tables for _, value in table if isinstance(value, Secret)]
