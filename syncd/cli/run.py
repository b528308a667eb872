"""`syncd run`: the daemon."""

from __future__ import annotations

import asyncio
import os
from zoneinfo import ZoneInfo

import structlog
import typer

from syncd.cli.options import ConfigOption, settings_of
from syncd.config.secrets import Secret
from syncd.config.settings import Settings
from syncd.daemon.heartbeat import Heartbeat
from syncd.daemon.lock import StateLock
from syncd.daemon.logging import set_up
from syncd.daemon.monitor import Monitor, spans_of
from syncd.daemon.service import Pace, serve
from syncd.model import Operation
from syncd.wiring import App, RealClock, build

log = structlog.get_logger(__name__)


def run(context: typer.Context, *, config: ConfigOption = None) -> None:
    """Keep all systems in step until SIGTERM or Ctrl-C: what the systemd service runs.

    Begins with a full resync; then reads the near window every minute and the whole one every 15,
    as the configuration says. Exit: 0 ended as asked, 2 configuration, 6 another syncd is at work.
    """
    settings = settings_of(context, config)
    set_up(secrets_of(settings), style=settings.syncd.log.format, level=settings.syncd.log.level)
    for problem in settings.warnings:
        log.warning("configuration", key=problem.key, reason=problem.reason, remedy=problem.remedy)
    with StateLock(settings.syncd.state_path, role="daemon"):
        code = asyncio.run(_run(settings))
    raise typer.Exit(code)


async def _run(settings: Settings) -> int:
    general = settings.syncd
    pace = Pace(general.near.every, general.far.every, general.resync_at, ZoneInfo(general.zone))
    app = build(settings)
    monitor = monitor_of(settings, app)

    def wrote(operation: Operation, what: str) -> None:
        _wrote(operation, what)
        monitor.wrote(operation, what)

    app.engine.on_write = wrote
    try:
        return await serve(
            app.engine,
            pace,
            general.state_path,
            os.environ,
            monitor=monitor,
            listen=general.listen,
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
        spans_of(settings),
        RealClock(),
        Heartbeat(heartbeat.reveal() if heartbeat else None),
    )


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


def secrets_of(settings: Settings) -> list[str]:
    """All credentials, to be masked in the log."""
    tables = (settings.syncd, *settings.systems.values())
    return [said.reveal() for table in tables for _, said in table if isinstance(said, Secret)]
