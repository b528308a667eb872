"""Back up a state while it is in use, and restore a backup.

Both use SQLite's backup API, so a copy is consistent whatever is being written. Both write a
temporary file beside the target and rename it when it is complete.
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
from syncd.store.backup.created_ids import CreatedIds, created_ids_path
from syncd.store.backup.created_ids_sync import add_journal, revoke_proof
from syncd.store.database import layout
from syncd.store.database.database import (
    BACKUP_APPLICATION_ID,
    check_integrity,
    check_layout,
    migrate_schema,
    open_database,
    open_read_only,
)
from syncd.store.database.files import file_exists_error, state_exists
from syncd.store.database.value_check import check_values
from syncd.store.errors import StateError, translate_errors
from syncd.store.tables.tables import INTENT

_LOGS = ("-wal", "-shm")
"""The suffixes of the files that SQLite keeps beside a database."""

_STEP = 4096
"""Pages that are copied between two checks for a stop request."""


NAME_A_BACKUP = "Give the path of a backup that `syncd backup` made and that nobody has changed."
"""The remedy for a file that is not a usable backup."""

_MARK = f"PRAGMA application_id = {BACKUP_APPLICATION_ID:d}"
"""The statement that marks a file as a backup.

By this mark syncd recognises a backup that somebody puts in the place of a state by hand.
"""


class _StoppedError(Exception):
    """The caller stopped the backup."""


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """The result of a restore.

    ``bookings`` is the number of active bookings, ``dropped`` the number of open writes that were
    given up. ``aside`` is the new path of the replaced state (None: no state was replaced).
    """

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
    """Copy a state to a file of mode 0600, and return its size in bytes; the state may be in use.

    The copy is checked before it gets its name: every page and index, the schema version, and the
    number of rows in each table. Raises `StateError` if there is no intact state, if the file
    exists or cannot be written, or if ``stopped`` returned true.
    """
    _check_exists(state)
    if os.path.lexists(target) and not overwrite:
        raise file_exists_error(target)
    if _same(target, state):
        raise StateError(str(target), "this file is the state itself", "Choose another file.")
    with _temporary_file(target) as temporary:
        inventory = copy_database(state, temporary, stopped)
        with translate_errors(str(state)):
            with closing(sqlite3.connect(temporary)) as copy:
                copy.execute(_MARK)
            with closing(open_read_only(temporary)) as copy:
                check_state(copy, state, inventory)
    return target.stat().st_size


def serialize_backup(state: Path) -> bytes:
    """Return the content of a backup file; the state may be in use. Raises `StateError`.

    For a process that may not create the file itself. Needs memory for two copies.
    """
    _check_exists(state)
    with translate_errors(str(state)), closing(sqlite3.connect(":memory:")) as copy:
        with closing(open_read_only(state)) as old:
            old.isolation_level = None
            old.execute("BEGIN")
            inventory = _inventory(old)
            old.backup(copy)
        copy.execute(_MARK)
        check_state(copy, state, inventory)
        content = bytearray(copy.serialize())
    # Bytes 18 and 19 of the file say that it does not use a write-ahead log.
    content[18:20] = b"\x01\x01"
    return bytes(content)


def _same(target: Path, state: Path) -> bool:
    try:
        return target.samefile(state)
    except OSError:  # no such file, or a broken link, which the copy replaces
        return False


def _check_exists(state: Path) -> None:
    if not state_exists(state):
        raise StateError(str(state), "there is no state yet", "There is nothing to back up.")


def restore_backup(
    source: Path, state: Path, now: datetime, *, opened: int | None = None
) -> RestoreResult:
    """Replace a state with a backup; keep the old state beside it. The caller holds the lock.

    The backup is checked, copied and migrated. Open writes are dropped, and every calendar counts
    as not yet read. Then the copy replaces the state in one step. The file of created ids stays.
    Creates in the old state's journal that have no line in the file are added to the file.

    ``opened`` is a file descriptor of the backup, opened by root for a user who may not open the
    file (None: open it by its path). Raises `StateError`; then nothing was changed.
    """
    exists = state_exists(state)
    if opened is None:
        check_backup_file(source, state if exists else None)
    aside: Path | None = None
    with _temporary_file(state) as temporary:
        if opened is None:
            copy_database(source, temporary, count=False)
        else:
            _copy_descriptor(opened, temporary)
        with (
            translate_errors(str(source), damaged=NAME_A_BACKUP),
            closing(open_read_only(temporary)) as copy,
        ):
            check_state(copy, source)
        engine = open_database(temporary, create=True)
        try:
            with translate_errors(str(source)):
                migrate_schema(engine, str(source))
                revoke_proof(engine)
                with engine.begin() as connection:
                    dropped = connection.execute(
                        update(INTENT)
                        .where(INTENT.c.state.in_([str(s) for s in IntentState if s.pending]))
                        .values(
                            state=str(IntentState.DROPPED),
                            error="dropped: the state was restored from a backup",
                        )
                    )
                with engine.connect() as connection:
                    bookings = connection.exec_driver_sql(
                        "SELECT count(*) FROM booking WHERE NOT retired"
                    ).scalar_one()
        finally:
            engine.dispose()
        if exists:
            _save_created_ids(state)
            aside = state.with_name(f"{state.name}.before-restore-{now:%Y%m%dT%H%M%SZ}")
            _set_aside(state, aside)
    return RestoreResult(int(bookings), dropped.rowcount, aside)


def _save_created_ids(state: Path) -> None:
    """Add the creates of a state's journal to the file of created ids, if the state is readable."""
    with suppress(StateError, DBAPIError):
        engine = open_database(state, create=False)
        try:
            add_journal(engine, CreatedIds(created_ids_path(state), append=True))
        finally:
            engine.dispose()


def _set_aside(state: Path, aside: Path) -> None:
    """Give the old state a second name. Move its logs along: the new state must not use them."""
    if aside.exists():
        raise StateError(str(aside), "this file exists already", "Wait a second and try again.")
    os.link(state, aside)
    for suffix in _LOGS:
        log = state.with_name(state.name + suffix)
        if log.exists():
            log.rename(aside.with_name(aside.name + suffix))


def copy_database(
    source: Path,
    target: Path,
    stopped: Callable[[], bool] = lambda: False,
    *,
    count: bool = True,
) -> Mapping[str, object]:
    """Copy a database in one read transaction, and return its inventory.

    The inventory is the schema version and the number of rows of each table. Without ``count`` only
    the pages are copied, because the schema is not trusted yet; the inventory is then empty.
    """

    def step(_status: int, _remaining: int, _total: int) -> None:
        if stopped():
            raise _StoppedError

    with (
        translate_errors(str(source), damaged="" if count else NAME_A_BACKUP),
        closing(open_read_only(source)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.isolation_level = None
        old.execute("BEGIN")  # so that the inventory and the copy are of the same moment
        inventory = _inventory(old) if count else {}
        try:
            old.backup(new, pages=_STEP, progress=step)
        except _StoppedError:
            raise StateError(
                str(target),
                "the backup was stopped because syncd is shutting down",
                "syncd makes the backup after its next start.",
            ) from None
        except sqlite3.OperationalError as error:
            if "full" in str(error):
                raise _no_room(target) from None
            raise
        # A copy must be one file, without a log that could be lost or used with another database.
        new.execute("PRAGMA journal_mode=DELETE")
    return inventory


def _copy_descriptor(opened: int, target: Path) -> None:
    """Copy the content of an open file to the target."""
    with os.fdopen(os.dup(opened), "rb") as old, target.open("r+b") as new:
        shutil.copyfileobj(old, new)


def check_backup_file(source: Path, state: Path | None) -> None:
    """Check that the source is a regular file, and not the state itself. Raises StateError."""
    try:
        if not source.is_file():
            exists = os.path.lexists(source)
            reason = "it is not a regular file" if exists else "there is no such file"
            raise StateError(str(source), reason, NAME_A_BACKUP)
        if state is not None and source.samefile(state):
            raise StateError(str(source), "this file is the state itself", NAME_A_BACKUP)
    except OSError as error:
        raise StateError(
            str(source),
            f"it cannot be read ({error.strerror})",
            "Give the owner of the state read access, or move the file to a folder of root.",
        ) from None


def _inventory(database: sqlite3.Connection) -> Mapping[str, object]:
    """Return the schema version and the number of rows in each table."""
    tables = [n for (n,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    inventory: dict[str, object] = {}
    for table in sorted(tables):
        quoted = table.replace('"', '""')
        query = f'SELECT count(*) FROM "{quoted}"'  # noqa: S608
        (inventory[table],) = database.execute(query).fetchone()
    if "alembic_version" in inventory:
        (inventory["schema"],) = database.execute(
            "SELECT group_concat(version_num) FROM alembic_version"
        ).fetchone()
    return inventory


def check_state(
    database: sqlite3.Connection, named: Path, inventory: Mapping[str, object] | None = None
) -> None:
    """Check that a database is an intact state of this or an older version. Raises `StateError`.

    With an ``inventory``, the database is a copy of the state in use and must have the same
    inventory. Without an inventory, the database comes from elsewhere, so every value is checked.
    """
    place = str(named)
    try:
        check_layout(database, place)
    except StateError as error:
        if inventory is not None:
            raise
        reason = f"it is not a state of syncd: {error.reason}"
        raise StateError(place, reason, NAME_A_BACKUP) from None
    if layout.version_of(database, place) is None:
        raise StateError(place, "it is not a state of syncd: the file is empty", NAME_A_BACKUP)
    check_integrity(database, thorough=True)
    if inventory is None:
        check_values(database, place)
    elif _inventory(database) != inventory:
        raise StateError(
            place,
            "the backup differs from the state",
            "Check the disk for errors (dmesg), and back up again.",
        )


@contextmanager
def _temporary_file(target: Path) -> Iterator[Path]:
    """Yield a file beside the target. It replaces the target, or is removed after an error."""
    temporary = target.with_name(f".{target.name}.new-{os.getpid()}")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    except OSError as error:
        raise StateError(
            str(target),
            f"it cannot be written ({error.strerror})",
            "Choose a file in an existing folder with write access and free disk space.",
        ) from error
    finally:
        for suffix in ("", "-journal", *_LOGS):
            temporary.with_name(temporary.name + suffix).unlink(missing_ok=True)


def _no_room(target: Path) -> StateError:
    return StateError(
        str(target),
        "the disk is full; no file was written",
        "Free some space, or choose another disk.",
    )
