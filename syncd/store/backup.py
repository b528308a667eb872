"""Copies of a state that can be trusted: taken while it is in use, and put back in its place.

Both go through SQLite's backup API, so that a copy is one consistent file whatever is being
written, and through a file beside the target that is renamed when it is whole.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import update

from syncd.model import IntentState
from syncd.store.connect import connect, expect_sound, migrate
from syncd.store.errors import StateError, told
from syncd.store.files import is_there, taken
from syncd.store.tables import BASELINE, EVENT, INTENT

_LOGS = ("-wal", "-shm")
"""What SQLite keeps beside a database, by suffix."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore found in the backup, and where the state that it replaced lies now, if any."""

    bookings: int
    dropped: int
    aside: Path | None


def backup(state: Path, target: Path, *, overwrite: bool = False) -> int:
    """Copy a state, in use or not, to a file of mode 0600, and return its size in bytes.

    Raises `StateError` if there is no sound state, or the file is there or cannot be written.
    """
    _expect_there(state)
    if os.path.lexists(target) and not overwrite:
        raise taken(target)
    if _same(target, state):
        raise StateError(str(target), "this is the state itself", "Name another file.")
    with _whole(target) as fresh:
        _copy(state, fresh)
        with told(str(state)), closing(_reading(fresh)) as copy:
            _expect_state(copy, state)
    return target.stat().st_size


def snapshot(state: Path) -> bytes:
    """Copy a state, in use or not, to what a file of it holds. Raises `StateError`.

    For the case where this process may not make the file itself: it takes the memory of two copies.
    """
    _expect_there(state)
    with told(str(state)), closing(sqlite3.connect(":memory:")) as copy:
        with closing(_reading(state)) as old:
            old.backup(copy)
        _expect_state(copy, state)
        content = bytearray(copy.serialize())
    # The format of the file says, in bytes 18 and 19, that it needs no log beside it.
    content[18:20] = b"\x01\x01"
    return bytes(content)


def _same(target: Path, state: Path) -> bool:
    try:
        return target.samefile(state)
    except OSError:  # not there, or a link that leads nowhere: the copy takes its place
        return False


def _expect_there(state: Path) -> None:
    if not is_there(state):
        raise StateError(str(state), "there is no state yet", "There is nothing to back up.")


def restore(source: Path, state: Path, now: datetime, *, opened: int | None = None) -> Restored:
    """Put a backup in the place of a state, which is kept beside it. The caller holds its lock.

    The backup is looked at, copied, brought up to this version, and told that everything is to be
    read anew: no write without an answer is taken up, and no calendar counts as known. Only then,
    in one step, it takes its place. ``opened`` is the backup, opened by root for a user that may
    not open it. Raises `StateError`; then nothing was changed.
    """
    there = is_there(state)
    if opened is None:
        _expect_backup(source, state if there else None)
    aside: Path | None = None
    with _whole(state) as fresh:
        if opened is None:
            _copy(source, fresh)
        else:
            _take_over(opened, fresh, source)
        engine = connect(fresh, create=True)
        try:
            with told(str(source)):
                migrate(engine, str(source))
                with engine.begin() as connection:
                    connection.execute(update(EVENT).values(fingerprint=""))
                    connection.execute(update(BASELINE).values(settled_at=None))
                    left = connection.execute(
                        update(INTENT)
                        .where(INTENT.c.state.in_([str(s) for s in IntentState if s.pending]))
                        .values(state=str(IntentState.DROPPED), error="restored from a backup")
                    )
                with engine.connect() as connection:
                    found = connection.exec_driver_sql(
                        "SELECT count(*) FROM booking WHERE NOT retired"
                    ).scalar_one()
        finally:
            engine.dispose()
        if there:
            aside = state.with_name(f"{state.name}.before-restore-{now:%Y%m%dT%H%M%SZ}")
            _set_aside(state, aside)
    return Restored(int(found), left.rowcount, aside)


def _set_aside(state: Path, aside: Path) -> None:
    """Give the old state a second name; its logs, which must not meet the new one, go along."""
    if aside.exists():
        raise StateError(str(aside), "this file is there already", "Wait a second, and try again.")
    os.link(state, aside)
    for suffix in _LOGS:
        log = state.with_name(state.name + suffix)
        if log.exists():
            log.rename(aside.with_name(aside.name + suffix))


def _copy(source: Path, target: Path) -> None:
    with (
        told(str(source)),
        closing(_reading(source)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        try:
            old.backup(new)
        except sqlite3.OperationalError as error:
            if "full" in str(error):
                raise _no_room(target) from None
            raise
        # A copy stands alone: no log beside it that could be forgotten, or meet another database.
        new.execute("PRAGMA journal_mode=DELETE")


def _take_over(opened: int, target: Path, source: Path) -> None:
    """Fill the target with what an open file holds, and check it."""
    with os.fdopen(os.dup(opened), "rb") as old, target.open("r+b") as new:
        shutil.copyfileobj(old, new)
    with told(str(source)), closing(_reading(target)) as copy:
        _expect_state(copy, source)
    with told(str(source)), closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA journal_mode=DELETE")


def _expect_backup(source: Path, state: Path | None) -> None:
    try:
        if not source.is_file():
            raise StateError(str(source), "there is no such file", "Name a file of `syncd backup`.")
        if state is not None and source.samefile(state):
            raise StateError(
                str(source), "this is the state itself", "Name a file of `syncd backup`."
            )
    except OSError as error:
        raise StateError(
            str(source),
            f"it cannot be read ({error.strerror})",
            "Let the user that the state belongs to read it, or put it into a folder of root's.",
        ) from None
    with told(str(source)), closing(_reading(source)) as database:
        _expect_state(database, source)


def _reading(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)


def _expect_state(database: sqlite3.Connection, named: Path) -> None:
    """Check that this is a sound state of this version or an older one. Raises `StateError`."""
    expect_sound(database)
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    if not {"alembic_version", "booking", "intent"} <= tables:
        raise StateError(str(named), "it is no state of syncd", "Name a file of `syncd backup`.")


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A file beside the target that takes its place when all went well, and else is removed."""
    fresh = target.with_name(f".{target.name}.new-{os.getpid()}")
    try:
        os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        yield fresh
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    except OSError as error:
        raise StateError(
            str(target),
            f"it cannot be written ({error.strerror})",
            "Name a file in a folder that exists, has room, and may be written to.",
        ) from error
    finally:
        for suffix in ("", "-journal", *_LOGS):
            fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)


def _no_room(target: Path) -> StateError:
    return StateError(
        str(target), "the disk is full; nothing was kept", "Free some space, or name another disk."
    )
