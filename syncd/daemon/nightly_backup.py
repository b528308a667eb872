"""The nightly backup as a job of the daemon: when one is due, made in a thread, told of once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, tzinfo
from pathlib import Path

import structlog

from syncd.store import StateError
from syncd.store.nightly import is_backup_due, make_backup

log = structlog.get_logger(__name__)


class Backups:
    """Makes a backup of the state when none was made since the last night.

    A night that was missed, because the machine was off or the disk was full, is made up for the
    next time that somebody looks. The backup is taken beside the jobs at work: SQLite copies the
    state as it was at one moment.
    """

    def __init__(
        self,
        state: Path,
        at: time,
        zone: tzinfo,
        stopping: Callable[[], bool],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is made yet. ``at`` is the time of day, in that zone."""
        self._state = state
        self._stopping = stopping
        self._now = now
        self._failing = False
        self._busy = False
        self.at, self.zone = at, zone

    async def backup(self) -> None:
        """Make one if it is due. A failure is logged when it begins, and tried again next time."""
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
            made = make_backup(self._state, now, self._stopping)
            self._failing = False
            log.info("backup made", file=str(made.path), bytes=made.path.stat().st_size)


def last_night(now: datetime, at: time, zone: tzinfo) -> datetime:
    """The last moment at which it was that time of day there."""
    local = now.astimezone(zone)
    for days in (0, 1):
        # Through UTC: on the night in which the clocks change, wall times are no distance.
        moment = datetime.combine(local.date() - timedelta(days=days), at, zone).astimezone(UTC)
        if moment <= now:
            return moment
    return now - timedelta(days=1)
