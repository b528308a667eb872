"""Open the state and the files beside it: only regular files, and never through a link.

A command that runs as root first becomes the owner of the state (`syncd.cli.privileges`). The
checks of this module are a second line of defence: a pipe or a link in the place of a state is
rejected.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from syncd.store.errors import StateError

_REMEDY = "Find out which program made this file, and remove the file."
_BESIDE = ("-wal", "-shm", "-journal")
"""The suffixes of the files that SQLite keeps beside a database."""


def open_plain(path: Path, flags: int) -> int:
    """Open a regular file without following a link, or create it with mode 0600.

    Never blocks, even on a pipe. Returns a file descriptor. Raises OSError, and `StateError` for
    anything but a regular file of this user.
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
    """Return true if a database exists, without opening it.

    The file is not opened because closing it would release all locks of this process on the file,
    including SQLite's. Raises `StateError` if the database, or a file that SQLite keeps beside it,
    is not a regular file.
    """
    try:
        for suffix in _BESIDE:
            beside = path.with_name(path.name + suffix)
            if (info := _lstat(beside)) is not None:
                _check(beside, info)
        info = _lstat(path)
    except OSError as error:
        raise StateError(
            str(path),
            f"it cannot be accessed ({error.strerror})",
            "Give the user that runs syncd access to the file and to its folder.",
        ) from error
    if info is not None:
        _check(path, info)
    return info is not None


def file_exists_error(target: Path) -> StateError:
    """Return the error for a backup whose target file exists already."""
    return StateError(
        str(target), "this file exists already", "Choose another file, or use --force."
    )


def _lstat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _check(path: Path, info: os.stat_result) -> None:
    if stat.S_ISLNK(info.st_mode):
        raise StateError(
            str(path),
            "it is a link, and syncd does not follow links here",
            "Remove the link. If it points to your own state, use the path of that file.",
        )
    if not stat.S_ISREG(info.st_mode):
        raise StateError(str(path), "it is not a regular file", _REMEDY)
    if os.geteuid() == 0 and info.st_uid != 0:
        raise StateError(
            str(path),
            f"it belongs to user {info.st_uid}, but its folder belongs to root",
            "Use chown so that both belong to the user that runs syncd, or both to root.",
        )
