"""Open the files beside a state: never through a link, and only plain files.

Whoever runs a command as root becomes the owner of the state before (`syncd.cli.privileges`); these
checks are the second line of defence, and keep a pipe or a link from being mistaken for a state.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from syncd.store.errors import StateError

_REMEDY = "Look at what put it there, and remove it."
_BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database, by suffix."""


def open_plain(path: Path, flags: int) -> int:
    """Open a plain file without following a link, or make it with mode 0600.

    Never waits, as opening a pipe would. Raises `StateError` for anything but a plain file of this
    user's, and OSError.
    """
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:  # a link; a socket or a pipe
            _check(path, path.lstat())
        raise
    try:
        _check(path, os.fstat(handle))
    except StateError:
        os.close(handle)
        raise
    return handle


def state_exists(path: Path) -> bool:
    """Return whether a database is there, without opening it.

    (To close a file gives up all locks that this process has on it: SQLite's, too.) Raises
    `StateError` if it, or one of the files that SQLite keeps beside it, is not a plain file.
    """
    try:
        for suffix in _BESIDE:
            beside = path.with_name(path.name + suffix)
            if (found := _look(beside)) is not None:
                _check(beside, found)
        found = _look(path)
    except OSError as error:
        raise StateError(
            str(path),
            f"it cannot be looked at ({error.strerror})",
            "Give the user that runs syncd access to the file and to its folder.",
        ) from error
    if found is not None:
        _check(path, found)
    return found is not None


def file_exists_error(target: Path) -> StateError:
    """The error for a backup that would replace a file."""
    return StateError(
        str(target), "this file is there already", "Name another one, or say --force."
    )


def _look(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _check(path: Path, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise StateError(
            str(path),
            "it is a link, which syncd does not follow here",
            "Remove it; if it leads to your own state, name that file itself.",
        )
    if not stat.S_ISREG(found.st_mode):
        raise StateError(str(path), "it cannot be opened, as it is not a plain file", _REMEDY)
    if os.geteuid() == 0 and found.st_uid != 0:
        raise StateError(
            str(path),
            f"it belongs to user {found.st_uid}, but its folder belongs to root",
            "Let both belong to the user that runs syncd (chown), or both to root.",
        )
