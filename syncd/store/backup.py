"""Copies of a state that can be trusted: taken while it is in use, and put back in its place.

Both go through SQLite's backup API, so that a copy is one consistent file whatever is being
written, and through a file beside the target that is renamed when it is whole.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from syncd.model import IntentState
from syncd.store import layout
from syncd.store.created_ids import CreatedIds, created_ids_path
from syncd.store.created_ids_sync import add_journal, revoke_proof
from syncd.store.database import (
    BACKUP_APPLICATION_ID,
    check_integrity,
    check_layout,
    migrate_schema,
    open_database,
    open_read_only,
)
from syncd.store.errors import StateError, translate_errors
from syncd.store.files import file_exists_error, state_exists
from syncd.store.tables import INTENT
from syncd.store.value_check import check_values

_LOGS = ("-wal", "-shm")
"""What SQLite keeps beside a database, by suffix."""

_STEP = 4096
"""Pages that are copied between two looks whether to go on."""


NAME_A_BACKUP = "Name a file that `syncd backup` made, and that nobody has changed."

_MARK = f"PRAGMA application_id = {BACKUP_APPLICATION_ID:d}"
"""Marks a backup, so that it is distrusted, too, when it is put in place by hand."""


class _StoppedError(Exception):
    """The backup is not wanted any more."""


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """What a restore found in the backup, and where the state that it replaced lies now, if any."""

    bookings: int
    dropped: int
    aside: Path | None


def create_backup(
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
    _expect_there(state)
    if os.path.lexists(target) and not overwrite:
        raise file_exists_error(target)
    if _same(target, state):
        raise StateError(str(target), "this is the state itself", "Name another file.")
    with _whole(target) as fresh:
        inventory = _copy(state, fresh, stopped)
        with translate_errors(str(state)):
            with closing(sqlite3.connect(fresh)) as copy:
                copy.execute(_MARK)
            with closing(open_read_only(fresh)) as copy:
                check_state(copy, state, inventory)
    return target.stat().st_size


def serialize_backup(state: Path) -> bytes:
    """Copy a state, in use or not, to what a file of it holds. Raises `StateError`.

    For the case where this process may not make the file itself: it takes the memory of two copies.
    """
    _expect_there(state)
    with translate_errors(str(state)), closing(sqlite3.connect(":memory:")) as copy:
        with closing(open_read_only(state)) as old:
            old.isolation_level = None
            old.execute("BEGIN")
            inventory = _inventory(old)
            old.backup(copy)
        copy.execute(_MARK)
        check_state(copy, state, inventory)
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
    if not state_exists(state):
        raise StateError(str(state), "there is no state yet", "There is nothing to back up.")


def restore_backup(
    source: Path, state: Path, now: datetime, *, opened: int | None = None
) -> RestoreResult:
    """Put a backup in the place of a state, which is kept beside it. The caller holds its lock.

    The backup is looked at, copied, brought up to this version, and told that everything is to be
    read anew: no write without an answer is taken up, and no calendar counts as known. Only then,
    in one step, it takes its place. The file of created ids stays, and gets what the journal of
    the old state has beyond it. ``opened`` is the backup, opened by root for a user that may not
    open it. Raises `StateError`; then nothing was changed.
    """
    there = state_exists(state)
    if opened is None:
        check_backup_file(source, state if there else None)
    aside: Path | None = None
    with _whole(state) as fresh:
        if opened is None:
            _copy(source, fresh, count=False)
        else:
            _take_over(opened, fresh)
        with (
            translate_errors(str(source), damaged=NAME_A_BACKUP),
            closing(open_read_only(fresh)) as copy,
        ):
            check_state(copy, source)
        engine = open_database(fresh, create=True)
        try:
            with translate_errors(str(source)):
                migrate_schema(engine, str(source))
                revoke_proof(engine)
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
        if there:
            _keep_created(state)
            aside = state.with_name(f"{state.name}.before-restore-{now:%Y%m%dT%H%M%SZ}")
            _set_aside(state, aside)
    return RestoreResult(int(found), left.rowcount, aside)


def _keep_created(state: Path) -> None:
    """Have the file of created ids prove all that the state's journal proves, if it can be read."""
    with suppress(StateError, DBAPIError):
        engine = open_database(state, create=False)
        try:
            add_journal(engine, CreatedIds(created_ids_path(state), append=True))
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
    source: Path,
    target: Path,
    stopped: Callable[[], bool] = lambda: False,
    *,
    count: bool = True,
) -> Mapping[str, object]:
    """Copy a database as it is at one moment, and return what was in it then.

    Without ``count`` nothing in it is read but its pages: what they say is not trusted yet.
    """

    def step(_status: int, _left: int, _total: int) -> None:
        if stopped():
            raise _StoppedError

    with (
        translate_errors(str(source), damaged="" if count else NAME_A_BACKUP),
        closing(open_read_only(source)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.isolation_level = None
        old.execute("BEGIN")  # what is counted is what is copied
        inventory = _inventory(old) if count else {}
        try:
            old.backup(new, pages=_STEP, progress=step)
        except _StoppedError:
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


def _take_over(opened: int, target: Path) -> None:
    """Fill the target with what an open file holds."""
    with os.fdopen(os.dup(opened), "rb") as old, target.open("r+b") as new:
        shutil.copyfileobj(old, new)


def check_backup_file(source: Path, state: Path | None) -> None:
    """Check that a plain file is there, and that it is not the state itself. Raises StateError."""
    try:
        if not source.is_file():
            there = os.path.lexists(source)
            reason = "it is not a plain file" if there else "there is no such file"
            raise StateError(str(source), reason, NAME_A_BACKUP)
        if state is not None and source.samefile(state):
            raise StateError(str(source), "this is the state itself", NAME_A_BACKUP)
    except OSError as error:
        raise StateError(
            str(source),
            f"it cannot be read ({error.strerror})",
            "Let the user that the state belongs to read it, or put it into a folder of root's.",
        ) from None


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


def check_state(
    database: sqlite3.Connection, named: Path, inventory: Mapping[str, object] | None = None
) -> None:
    """Check that this is a sound state of this version or an older one. Raises `StateError`.

    With an ``inventory`` it is a copy of the state in use, and must hold just that. Without, it
    comes from elsewhere, and each value is looked at.
    """
    place = str(named)
    try:
        check_layout(database, place)
    except StateError as error:
        if inventory is not None:
            raise
        reason = f"it is no state of syncd's own: {error.reason}"
        raise StateError(place, reason, NAME_A_BACKUP) from None
    if layout.version_of(database, place) is None:
        raise StateError(place, "it is no state of syncd's own: it is empty", NAME_A_BACKUP)
    check_integrity(database, thorough=True)
    if inventory is None:
        check_values(database, place)
    elif _inventory(database) != inventory:
        raise StateError(
            place, "the copy does not hold what the state holds", "Check the disk (dmesg)."
        )


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
