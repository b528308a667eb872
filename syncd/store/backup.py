"""Copies of a state that can be trusted: taken while it is in use, and put back in its place.

Both go through SQLite's backup API, so that a copy is one consistent file whatever is being
written, and through a file beside the target that is renamed when it is whole.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from syncd.model import IntentState
from syncd.store.connect import connect, expect_sound, migrate
from syncd.store.created import CreatedIds, beside
from syncd.store.errors import StateError, told
from syncd.store.ownership import owned_like_folder
from syncd.store.reconcile import add_journal, distrust
from syncd.store.tables import INTENT

_LOGS = ("-wal", "-shm")
"""What SQLite keeps beside a database, by suffix."""

_STEP = 4096
"""Pages that are copied between two looks whether to go on."""


class _Stopped(Exception):  # noqa: N818 - a request, not a fault
    """The backup is not wanted any more."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore found in the backup, and where the state that it replaced lies now, if any."""

    bookings: int
    dropped: int
    aside: Path | None


def backup(
    state: Path,
    target: Path,
    *,
    overwrite: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Copy a state, in use or not, to a file of mode 0600, and return its size in bytes.

    The copy is opened and checked before it takes its name: every page and index, the version of
    its schema, and as many rows as the state had. Raises `StateError` if there is no sound state,
    the file is there or cannot be written, or ``stopped`` said so on the way.
    """
    if not state.exists():
        raise StateError(str(state), "there is no state yet", "There is nothing to back up.")
    if target.exists() and not overwrite:
        raise StateError(
            str(target), "this file is there already", "Name another one, or say --force."
        )
    if target.exists() and target.samefile(state):
        raise StateError(str(target), "this is the state itself", "Name another file.")
    with _whole(target) as fresh:
        inventory = _copy(state, fresh, stopped)
        _expect_state(fresh, named=state, inventory=inventory)
    return target.stat().st_size


def restore(source: Path, state: Path, now: datetime) -> Restored:
    """Put a backup in the place of a state, which is kept beside it. The caller holds its lock.

    The backup is looked at, copied, brought up to this version, and told that everything is to be
    read anew: no write without an answer is taken up, and no calendar counts as known. Only then,
    in one step, it takes its place. The file of created ids stays, and gets what the journal of
    the old state has beyond it. Raises `StateError`; then nothing was changed.
    """
    if not source.is_file():
        raise StateError(str(source), "there is no such file", "Name a file of `syncd backup`.")
    if state.exists() and source.samefile(state):
        raise StateError(str(source), "this is the state itself", "Name a file of `syncd backup`.")
    _expect_state(source)
    aside: Path | None = None
    with _whole(state) as fresh:
        _copy(source, fresh)
        engine = connect(fresh, create=True)
        try:
            with told(str(source)):
                migrate(engine, str(source))
                distrust(engine)
                with engine.begin() as connection:
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
        if state.exists():
            _keep_created(state)
            aside = state.with_name(f"{state.name}.before-restore-{now:%Y%m%dT%H%M%SZ}")
            _set_aside(state, aside)
    return Restored(int(found), left.rowcount, aside)


def _keep_created(state: Path) -> None:
    """Have the file of created ids prove all that the state's journal proves, if it can be read."""
    with suppress(StateError, DBAPIError):
        engine = connect(state, create=False)
        try:
            add_journal(engine, CreatedIds(beside(state), append=True))
        finally:
            engine.dispose()


def _set_aside(state: Path, aside: Path) -> None:
    """Give the old state a second name; its logs, which must not meet the new one, go along."""
    if aside.exists():
        raise StateError(str(aside), "this file is there already", "Wait a second, and try again.")
    os.link(state, aside)
    for suffix in _LOGS:
        log = state.with_name(state.name + suffix)
        if log.exists():
            log.rename(aside.with_name(aside.name + suffix))


def _copy(
    source: Path, target: Path, stopped: Callable[[], bool] = lambda: False
) -> Mapping[str, object]:
    """Copy a database as it is at one moment, and return what was in it then."""

    def step(_status: int, _left: int, _total: int) -> None:
        if stopped():
            raise _Stopped

    with (
        told(str(source)),
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.isolation_level = None
        old.execute("BEGIN")  # what is counted is what is copied
        inventory = _inventory(old)
        try:
            old.backup(new, pages=_STEP, progress=step)
        except _Stopped:
            raise StateError(
                str(target), "the backup was given up, as syncd ends", "It is made after the start."
            ) from None
        except sqlite3.OperationalError as error:
            if "full" in str(error):
                raise _no_room(target) from None
            raise
        # A copy stands alone: no log beside it that could be forgotten, or meet another database.
        new.execute("PRAGMA journal_mode=DELETE")
    return inventory


def _inventory(database: sqlite3.Connection) -> Mapping[str, object]:
    """The version of the schema and the number of rows in each table."""
    tables = [n for (n,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found: dict[str, object] = {}
    for table in sorted(tables):
        quoted = table.replace('"', '""')
        (found[table],) = database.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()  # noqa: S608
    if "alembic_version" in found:
        (found["schema"],) = database.execute(
            "SELECT group_concat(version_num) FROM alembic_version"
        ).fetchone()
    return found


def _expect_state(
    file: Path, *, named: Path | None = None, inventory: Mapping[str, object] | None = None
) -> None:
    """Check that a file is a sound state of this version or an older one. Raises `StateError`.

    With an ``inventory`` it is a copy, and must hold just that.
    """
    place = str(named or file)
    with (
        told(place),
        closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database,
    ):
        expect_sound(database, thorough=inventory is not None)
        found = _inventory(database)
    if not {"alembic_version", "booking", "intent"} <= found.keys():
        raise StateError(place, "it is no state of syncd", "Name a file of `syncd backup`.")
    if inventory is not None and found != inventory:
        raise StateError(
            place, "the copy does not hold what the state holds", "Check the disk (dmesg)."
        )


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A file beside the target that takes its place when all went well, and else is removed."""
    fresh = target.with_name(f".{target.name}.new-{os.getpid()}")
    try:
        os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        owned_like_folder(fresh)
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
