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
from syncd.daemon.lock import StateLock
from syncd.daemon.logging import set_up
from syncd.daemon.service import Pace, serve
from syncd.model import Operation
from syncd.wiring import build

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
    pace = Pace(
        general.near.every,
        general.far.every,
        general.resync_at,
        ZoneInfo(general.zone),
        general.slots.every,
    )
    app = build(settings, on_write=_wrote)
    try:
        return await serve(app.engine, pace, general.state_path, os.environ)
    finally:
        await app.aclose()


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
    return [
        said.reveal()
        for system in settings.systems.values()
        for _, said in system
        if isinstance(said, Secret)
    ]
