"""Nightly backups: a folder of checked copies beside the state; the newest are kept.

Old files are only removed if they have the names of this module, and only after a newer copy was
checked. Listing them does not import SQLAlchemy, because `syncd status` does that.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from syncd.store.errors import StateError

BACKUP_SUFFIX = ".backups"
"""The suffix that is added to the database's file name."""

MAX_BACKUPS = 7
"""The number of nightly backups that are kept."""

MAX_FUTURE = timedelta(hours=1)
"""A backup with a date later than this from now was made while the clock was wrong."""

_NAME = re.compile(r"nightly-(\d{8}T\d{6})Z\.db")
_UNFINISHED = re.compile(r"\.nightly-\d{8}T\d{6}Z\.db\.new-\d+(-journal|-wal|-shm)?")
_TIME = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True, order=True)
class KeptBackup:
    """A nightly backup; it was complete and checked when it was made."""

    made_at: datetime
    path: Path


def backup_folder(state: Path) -> Path:
    """Return the path of the folder with a state's nightly backups."""
    return state.with_name(state.name + BACKUP_SUFFIX)


def kept_backups(state: Path) -> list[KeptBackup]:
    """Return the existing nightly backups, oldest first; none if the folder is unreadable."""
    backups: list[KeptBackup] = []
    with suppress(OSError):
        for entry in os.scandir(backup_folder(state)):
            name = _NAME.fullmatch(entry.name)
            if name is not None and entry.is_file(follow_symlinks=False):
                with suppress(ValueError):
                    made_at = datetime.strptime(name[1], _TIME).replace(tzinfo=UTC)
                    backups.append(KeptBackup(made_at, Path(entry.path)))
    return sorted(backups)


def last_backup(state: Path, now: datetime) -> KeptBackup | None:
    """Return the newest backup that is not dated in the future."""
    return max(
        (each for each in kept_backups(state) if each.made_at <= now + MAX_FUTURE), default=None
    )


def is_backup_due(state: Path, since: datetime, now: datetime) -> bool:
    """Return true if there is a state but no backup from ``since`` or later."""
    newest = last_backup(state, now)
    return state.exists() and (newest is None or newest.made_at < since)


def make_backup(
    state: Path, now: datetime, stopped: Callable[[], bool] = lambda: False
) -> KeptBackup:
    """Make a checked backup, and remove the oldest ones beyond `MAX_BACKUPS`.

    ``stopped`` is called during the copy; if it returns true, the backup is stopped. Raises
    `StateError`; then no backup was removed.
    """
    # Imported here because `syncd status` imports this module and must not import SQLAlchemy.
    from syncd.store.backup.backup import create_backup  # noqa: PLC0415

    folder = backup_folder(state)
    _prepare(folder)
    made = KeptBackup(now, folder / f"nightly-{now:{_TIME}}Z.db")
    create_backup(state, made.path, overwrite=True, stopped=stopped)
    _prune(state, made, now)
    return made


def _prepare(folder: Path) -> None:
    """Create the folder with mode 0700, or check that it is a folder and not a link."""
    try:
        if not os.path.lexists(folder):
            folder.mkdir(mode=0o700)
        info = folder.stat(follow_symlinks=False)
        if not stat.S_ISDIR(info.st_mode):
            raise StateError(
                str(folder),
                "the folder for nightly backups is not a folder",
                "Move that file away. syncd then creates the folder.",
            )
        if stat.S_IMODE(info.st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise StateError(
            str(folder),
            f"the folder for nightly backups cannot be used ({error.strerror})",
            "Give the user that runs syncd write access, and check the free disk space.",
        ) from error


def _prune(state: Path, made: KeptBackup, now: datetime) -> None:
    """Remove surplus backups: those with a future date first, then the oldest; not the new one."""
    others = [each for each in kept_backups(state) if each.path != made.path]
    others.sort(key=lambda each: (each.made_at <= now + MAX_FUTURE, each.made_at))
    surplus = [each.path for each in others[: max(0, len(others) - (MAX_BACKUPS - 1))]]
    with suppress(OSError):
        # Remove unfinished backups of a power cut. No other process makes a backup now.
        names = [entry.name for entry in os.scandir(made.path.parent)]
        surplus += [made.path.parent / name for name in names if _UNFINISHED.fullmatch(name)]
    for path in surplus:
        with suppress(OSError):
            path.unlink()
