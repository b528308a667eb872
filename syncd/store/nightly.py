"""Nightly backups: a folder of checked copies beside the state, of which the newest are kept.

Only files that are named as this module names them are ever removed, and only after a newer copy
was checked. Reading what is there imports no SQLAlchemy: `syncd status` does it.
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
"""Added to the database's file name."""

MAX_BACKUPS = 7

MAX_FUTURE = timedelta(hours=1)
"""A backup that is dated later than this from now was made while the clock was wrong."""

_NAME = re.compile(r"nightly-(\d{8}T\d{6})Z\.db")
_UNFINISHED = re.compile(r"\.nightly-\d{8}T\d{6}Z\.db\.new-\d+(-journal|-wal|-shm)?")
_TIME = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True, order=True)
class KeptBackup:
    """A backup that was whole and checked when it was made."""

    made_at: datetime
    path: Path


def backup_folder(state: Path) -> Path:
    """Where the nightly backups of a state are."""
    return state.with_name(state.name + BACKUP_SUFFIX)


def kept_backups(state: Path) -> list[KeptBackup]:
    """The backups that are there, oldest first; none where the folder cannot be read."""
    found: list[KeptBackup] = []
    with suppress(OSError):
        for entry in os.scandir(backup_folder(state)):
            name = _NAME.fullmatch(entry.name)
            if name is not None and entry.is_file(follow_symlinks=False):
                with suppress(ValueError):
                    made_at = datetime.strptime(name[1], _TIME).replace(tzinfo=UTC)
                    found.append(KeptBackup(made_at, Path(entry.path)))
    return sorted(found)


def last_backup(state: Path, now: datetime) -> KeptBackup | None:
    """The newest backup, leaving out those that are dated in the future."""
    return max(
        (each for each in kept_backups(state) if each.made_at <= now + MAX_FUTURE), default=None
    )


def is_backup_due(state: Path, since: datetime, now: datetime) -> bool:
    """Whether there is a state, and no backup that was made at that time or later."""
    newest = last_backup(state, now)
    return state.exists() and (newest is None or newest.made_at < since)


def make_backup(
    state: Path, now: datetime, stopped: Callable[[], bool] = lambda: False
) -> KeptBackup:
    """Make a checked backup, and remove the oldest of those that are too many.

    Raises `StateError`; then all that was there is still there. ``stopped`` is asked now and then
    whether to give up.
    """
    # `syncd status` needs no SQLAlchemy.
    from syncd.store.backup import create_backup  # noqa: PLC0415

    folder = backup_folder(state)
    _prepare(folder)
    made = KeptBackup(now, folder / f"nightly-{now:{_TIME}}Z.db")
    create_backup(state, made.path, overwrite=True, stopped=stopped)
    _prune(state, made, now)
    return made


def _prepare(folder: Path) -> None:
    """Have a folder of mode 0700 that is no link."""
    try:
        if not os.path.lexists(folder):
            folder.mkdir(mode=0o700)
        found = folder.stat(follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode):
            raise StateError(
                str(folder),
                "the nightly backups go into this folder, and it is not one",
                "Move it away; syncd makes the folder by itself.",
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise StateError(
            str(folder),
            f"the folder for nightly backups cannot be used ({error.strerror})",
            "Let the user that runs syncd write to it, on a disk with room.",
        ) from error


def _prune(state: Path, made: KeptBackup, now: datetime) -> None:
    """Remove what is too many: wrongly dated ones first, then the oldest, never the new one."""
    others = [each for each in kept_backups(state) if each.path != made.path]
    others.sort(key=lambda each: (each.made_at <= now + MAX_FUTURE, each.made_at))
    surplus = [each.path for each in others[: max(0, len(others) - (MAX_BACKUPS - 1))]]
    with suppress(OSError):
        # What a power cut left of a backup that was never whole: nobody else makes one now.
        names = [entry.name for entry in os.scandir(made.path.parent)]
        surplus += [made.path.parent / name for name in names if _UNFINISHED.fullmatch(name)]
    for path in surplus:
        with suppress(OSError):
            path.unlink()
