"""`syncd run`: the daemon."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from zoneinfo import ZoneInfo

import structlog
import typer

from syncd.app import App, RealClock, build
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
from syncd.model import Operation

log = structlog.get_logger(__name__)


def run(context: typer.Context, *, config: ConfigOption = None) -> None:
    """Keep all systems in step until SIGTERM or Ctrl-C: what the systemd service runs.

    Begins with a full resync; then reads the near window every minute and the whole one every 15,
    as the configuration says. SIGHUP (systemctl reload) reads the configuration again; one that is
    wrong is refused, and the old one stays in force. Exit: 0 ended as asked, 2 configuration,
    6 another syncd is at work.
    """
    settings = settings_of(context, config)
    begin_log(settings)
    return_large_blocks()
    with StateLock(settings.syncd.state_path, role="daemon"):
        code = asyncio.run(_run(settings, lambda: settings_of(context, config)))
    raise typer.Exit(code)


async def _run(settings: Settings, read_again: Callable[[], Settings]) -> int:
    state = settings.syncd.state_path
    app = build(settings)
    app.engine.patient = False
    _log_pauses(app)
    monitor = monitor_of(settings, app)
    app.engine.paced = monitor.rounds.due

    def wrote(operation: Operation, what: str) -> None:
        _wrote(operation, what)
        monitor.wrote(operation, what)

    def reload() -> Reloaded:
        nonlocal app
        fresh, old = read_again(), app
        if fresh.syncd.state_path != state:
            reason = "the running service keeps its state where it is"
            remedy = "Restart the service to use another one, or put the old path back."
            raise ConfigError([Problem(fresh.path, "syncd.state", None, reason, remedy)])
        begin_log(fresh)
        app = build(fresh, store=old.store, on_write=wrote, stopping=old.engine.stopping)
        app.engine.patient = False
        app.engine.paced = monitor.rounds.due
        _log_pauses(app)
        monitor.reconfigure(app.systems, read_intervals(fresh))
        return Reloaded(app.engine, pace_of(fresh), old.close_systems)

    app.engine.on_write = wrote
    try:
        return await serve(
            app.engine,
            pace_of(settings),
            state,
            os.environ,
            reload=reload,
            monitor=monitor,
            listen=settings.syncd.listen,
        )
    finally:
        await app.aclose()


def monitor_of(settings: Settings, app: App) -> Monitor:
    """What watches a configured syncd."""
    heartbeat = settings.syncd.heartbeat
    return Monitor(
        app.systems,
        app.store,
        settings.syncd.state_path,
        read_intervals(settings),
        RealClock(),
        Heartbeat(heartbeat.reveal() if heartbeat else None),
    )


def begin_log(settings: Settings) -> None:
    """Log as the configuration says, and what is unwise about it."""
    set_up(
        settings_secrets(settings), style=settings.syncd.log.format, level=settings.syncd.log.level
    )
    for problem in settings.warnings:
        log.warning("configuration", key=problem.key, reason=problem.reason, remedy=problem.remedy)


def _log_pauses(app: App) -> None:
    """Say at the start what is not written to."""
    if app.engine.pauses.observe:
        log.warning("observe mode: nothing is written to any system")
    for each in app.engine.pauses.current:
        since = each.since.isoformat()
        log.info("is paused", kind=each.kind, id=each.id, since=since, who=each.who)


def pace_of(settings: Settings) -> JobIntervals:
    """How often the configuration wants the windows to be read."""
    said = settings.syncd
    return JobIntervals(said.near.every, said.far.every, said.resync_at, ZoneInfo(said.zone))


def _wrote(operation: Operation, what: str) -> None:
    log.info(
        "write",
        outcome=what,
        action=str(operation.action),
        system=operation.system,
        provider=operation.provider,
        event_id=operation.event,
        reason=operation.reason,
    )


def settings_secrets(settings: Settings) -> list[str]:
    """All credentials, to be masked in the log."""
    tables = (settings.syncd, *settings.systems.values())
    return [said.reveal() for table in tables for _, said in table if isinstance(said, Secret)]
