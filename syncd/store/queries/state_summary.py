"""Summarise a state or a backup without using it, so that an operator can compare them."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from syncd.store.backup.backup import NAME_A_BACKUP, check_backup_file, check_state
from syncd.store.database import layout
from syncd.store.database.database import open_read_only
from syncd.store.errors import translate_errors


@dataclass(frozen=True, slots=True)
class StateSummary:
    """A summary of a state file.

    ``version`` is the schema version, ``bookings`` the number of active bookings. ``used_at`` is
    when syncd last read a system with this state (None: never). ``installation`` is the
    installation number, 0 before the first create.
    """

    version: str
    bookings: int
    used_at: datetime | None
    installation: int


def summarise_state(file: Path, *, opened: int | None = None) -> StateSummary:
    """Check that a file is an intact state or backup, and summarise it. Raises StateError.

    ``opened`` is a file descriptor, opened by root for a user who may not open the file (None: open
    the file by its path).
    """
    if opened is None:
        check_backup_file(file, None)
    with (
        translate_errors(str(file), damaged=NAME_A_BACKUP),
        closing(_open(file, opened)) as database,
    ):
        check_state(database, file)
        (bookings,) = database.execute("SELECT count(*) FROM booking WHERE NOT retired").fetchone()
        (read_at,) = database.execute("SELECT max(read_at) FROM coverage").fetchone()
        (number,) = database.execute("PRAGMA user_version").fetchone()
        used_at = None if read_at is None else datetime.fromisoformat(read_at).astimezone(UTC)
        version = layout.version_of(database, str(file)) or ""
        return StateSummary(version, int(bookings), used_at, int(number))


def _open(file: Path, opened: int | None) -> sqlite3.Connection:
    if opened is None:
        return open_read_only(file)
    database = sqlite3.connect(":memory:")
    with os.fdopen(os.dup(opened), "rb") as content:
        content.seek(0)
        database.deserialize(content.read())
        content.seek(0)
    layout.harden(database)
    return database
