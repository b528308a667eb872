"""What can be wrong with a state, in words that an operator can act on."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class StateError(Exception):
    """The state cannot be used; nothing was changed. Carries the place and the remedy."""

    def __init__(self, place: str, reason: str, remedy: str) -> None:
        """Say what is wrong with which state, and what helps."""
        super().__init__(f"{place}: {reason}. {remedy}")
        self.place = place
        self.reason = reason
        self.remedy = remedy


_PAGE = 64 * 1024
"""Bytes by which the index of the log grows."""

_DAMAGED = "Left alone. Restore a backup (`syncd restore FILE`), or move it away and start anew."

_TABLE = (
    # what SQLite says; what that means; what helps
    (
        ("database is locked", "database table is locked"),
        "another program is holding it locked",
        "Close that program (a database browser, a backup) and try again.",
    ),
    (
        ("disk is full", "database or disk is full"),
        "the disk is full, so nothing was written",
        "Free some space and start syncd again: it takes up its journal where it was.",
    ),
    (
        ("readonly", "unable to open", "permission denied"),
        "it cannot be opened for writing",
        "Give the user that runs syncd write access to the file and to its folder.",
    ),
    (
        ("not a database", "malformed", "file is encrypted"),
        "it is damaged, or not a syncd state",
        _DAMAGED,
    ),
    (
        ("disk i/o error",),
        "the disk gave an error",
        "Look at the host's log (dmesg); start syncd again when the disk is well.",
    ),
)


def _is_full(place: str) -> bool:
    """Whether the disk of a path has not a page left."""
    try:
        disk = os.statvfs(Path(place).parent)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _PAGE


@contextmanager
def translate_errors(place: str, *, damaged: str = "") -> Iterator[None]:
    """Turn what the database driver raises into a `StateError` that names the place.

    ``damaged`` is the remedy where the file is no database, if it is not the state in use.
    """
    try:
        yield
    except Exception as error:
        driver = getattr(error, "orig", None) or error  # SQLAlchemy wraps what the driver raises
        if not isinstance(driver, sqlite3.Error):
            raise
        said = str(driver).lower()
        if "disk i/o error" in said and _is_full(place):
            said = "disk is full"  # SQLite's index of the log could not grow, and it says no more
        for signs, reason, remedy in _TABLE:
            if any(sign in said for sign in signs):
                if damaged and remedy == _DAMAGED:
                    remedy = damaged  # noqa: PLW2901 - the table has the remedy for a state
                raise StateError(place, reason, remedy) from error
        raise
