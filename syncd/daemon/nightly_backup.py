"""The nightly backup as a job of the daemon: run in a thread, with a failure logged once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, tzinfo
from pathlib import Path

import structlog

from syncd.store import StateError
from syncd.store.backup.nightly import is_backup_due, make_backup

log = structlog.get_logger(__name__)


class Backups:
    """Makes a backup of the state if none was made since the last night.

    A missed backup (the machine was off, or the disk full) is made at the next check. A backup can
    run at the same time as a job, because SQLite copies a consistent state.
    """

    def __init__(
        self,
        state: Path,
        at: time,
        zone: tzinfo,
        stopping: Callable[[], bool],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Plan backups at the time of day ``at`` in ``zone``; ``now`` returns UTC."""
        self._state = state
        self._stopping = stopping
        self._now = now
        self._failing = False
        self._busy = False
        self.at, self.zone = at, zone

    async def backup(self) -> None:
        """Make a backup if one is due. Log only the first of several failures."""
        now = self._now()
        if self._busy or self._stopping():
            return
        self._busy = True
        try:
            await asyncio.to_thread(self._make, now)
        except StateError as error:
            if not self._failing and not self._stopping():
                log.error("backup failed", reason=error.reason, remedy=error.remedy)  # noqa: TRY400
            self._failing = True
        except Exception:
            if not self._failing:
                log.exception("backup failed")
            self._failing = True
        finally:
            self._busy = False

    def _make(self, now: datetime) -> None:
        if is_backup_due(self._state, last_night(now, self.at, self.zone), now):
            backup = make_backup(self._state, now, self._stopping)
            self._failing = False
            log.info("backup made", file=str(backup.path), bytes=backup.path.stat().st_size)


def last_night(now: datetime, at: time, zone: tzinfo) -> datetime:
    """Return the last instant (UTC), up to ``now``, when the time in ``zone`` was ``at``."""
    local = now.astimezone(zone)
    for days in (0, 1):
        # In UTC: on a night with a clock change, wall times cannot be compared.
        moment = datetime.combine(local.date() - timedelta(days=days), at, zone).astimezone(UTC)
        if moment <= now:
            return moment
    return now - timedelta(days=1)
