"""Errors of a state: the reason and the remedy, for the operator."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class StateError(Exception):
    """The state cannot be used, and nothing was changed.

    ``place`` is the path or URL of the state, ``reason`` says what is wrong, and ``remedy`` says
    what the operator can do.
    """

    def __init__(self, place: str, reason: str, remedy: str) -> None:
        """Store place, reason and remedy, and build the message from them."""
        super().__init__(f"{place}: {reason}. {remedy}")
        self.place = place
        self.reason = reason
        self.remedy = remedy


_PAGE = 64 * 1024
"""The size in bytes by which the index of SQLite's write-ahead log grows."""

_DAMAGED = (
    "The file was not changed. Restore a backup (`syncd restore FILE`), or move the file away and "
    "start without a state."
)

_TABLE = (
    # parts of SQLite's message; reason; remedy (empty: the file is damaged, see `translate_errors`)
    (
        ("database is locked", "database table is locked"),
        "another program has locked it",
        "Close that program (a database browser, a backup) and try again.",
    ),
    (
        ("disk is full", "database or disk is full"),
        "the disk is full, so nothing was written",
        "Free some space and start syncd again. It continues from its journal.",
    ),
    (
        ("readonly", "unable to open", "permission denied"),
        "it cannot be opened for writing",
        "Give the user that runs syncd write access to the file and to its folder.",
    ),
    (
        ("not a database", "malformed", "file is encrypted"),
        "it is damaged, or not a syncd state",
        "",
    ),
    (
        ("disk i/o error",),
        "the disk reported an error",
        "Check the kernel log (dmesg), and start syncd again when the disk works.",
    ),
)


def _is_full(place: str) -> bool:
    """Return true if the disk of a path is full."""
    try:
        disk = os.statvfs(Path(place).parent)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _PAGE


@contextmanager
def translate_errors(place: str, *, damaged: str = "") -> Iterator[None]:
    """Translate errors of the database driver in the ``with`` block to a `StateError` for a place.

    ``damaged`` is the remedy to give for a damaged file. The default remedy is for the state in
    use; pass another one for other files, such as a backup.
    """
    try:
        yield
    except Exception as error:
        driver_error = getattr(error, "orig", None) or error  # SQLAlchemy wraps driver errors
        if not isinstance(driver_error, sqlite3.Error):
            raise
        message = str(driver_error).lower()
        if "disk i/o error" in message and _is_full(place):
            # SQLite reports an I/O error when the index of its log cannot grow.
            message = "disk is full"
        for parts, reason, remedy in _TABLE:
            if any(part in message for part in parts):
                raise StateError(place, reason, remedy or damaged or _DAMAGED) from error
        raise
