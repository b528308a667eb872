"""Synchronise a database and its file of created ids when the state is opened.

This module finds out which installation's lines count, which lines are missing from the file, and
whether the database is older than the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import cast

from sqlalchemy import Engine, Select, String, literal_column, select, type_coerce, update

from syncd.model import Action, Changes, Intent, IntentState
from syncd.store.backup.created_ids import (
    CreatedIds,
    Line,
    created_ids_path,
    installation_number,
    lines_of,
)
from syncd.store.database.database import (
    clear_backup_mark,
    installation_of,
    is_marked_backup,
    path_of,
    set_installation,
)
from syncd.store.database.value_check import check_values
from syncd.store.tables.tables import BASELINE, EVENT, INTENT
from syncd.store.tables.timestamps import instant_text

_Row = tuple[str, str, str, str, str | None, str]

_CREATES: Select[_Row] = (
    select(
        INTENT.c.id,
        INTENT.c.system,
        INTENT.c.event,
        INTENT.c.provider,
        INTENT.c.key,
        type_coerce(INTENT.c.opened_at, String),
    )
    .where(
        INTENT.c.action == str(Action.CREATE_BLOCK),
        # The plus sign keeps SQLite from using the index on state, which would need a sort.
        literal_column("+intent.state") == str(IntentState.DONE),
        INTENT.c.event.is_not(None),
    )
    .order_by(literal_column("intent.rowid"))
)
_LATEST = _CREATES.order_by(None).order_by(literal_column("intent.rowid").desc()).limit(200)


def created_ids_file(where: str | Path) -> Path | None:
    """Return the path of the file of created ids of a state, given as a path or URL.

    Return None if the state is not a file (a state in memory or on a server).
    """
    path = path_of(where)
    return None if path is None else created_ids_path(path)


def sync_created_ids(engine: Engine, created: CreatedIds, *, opening: bool = False) -> None:
    """Add missing lines to the file; treat a database that is older than the file as restored.

    An older database is a copy that somebody put in place without `syncd restore`. Every calendar
    then counts as not yet read, as after a restore. While ``opening`` a state, this also applies to
    a marked backup, and to a database that was moved here without its file. Raises `StateError` if
    such a database has unreadable values.
    """
    number = installation_of(engine)
    copied = opening and (is_marked_backup(engine) or _lost_its_file(engine, created, number))
    add_journal(engine, created)
    if copied or (created.newest is not None and _is_unknown(engine, created.newest)):
        with closing(engine.raw_connection()) as raw:
            if isinstance(raw.driver_connection, sqlite3.Connection):
                check_values(raw.driver_connection, str(engine.url.database))
        revoke_proof(engine)
    if created.installation and created.installation != number:
        set_installation(engine, created.installation)


def add_journal(engine: Engine, created: CreatedIds) -> None:
    """Add the creates of a database's journal that the file lacks; the database is only read."""
    number = installation_of(engine)
    created.load(number)
    # Lines are appended in order, so a missing line belongs to one of the latest creates.
    if number and all(created.in_tail(row[1], row[2]) for row in _rows(engine, _LATEST)):
        return
    journal = _rows(engine, _CREATES)
    ids = created.missing([(row[1], row[2]) for row in journal])
    missing = [row for row in journal if (row[1], row[2]) in ids]
    if not number and len(missing) == len(journal) > 0:
        # The file has no create of this database: it is empty, or of another installation.
        created.load(installation_number(journal[0][0]))
    created.append_lines(lines_of(created.installation, missing))


def _lost_its_file(engine: Engine, created: CreatedIds, number: int) -> bool:
    """Return true if the journal has creates but their file is gone: the database was moved."""
    created.load(number)
    no_file = bool(number) and created.newest is None and not created.fault
    return no_file and bool(_rows(engine, _LATEST))


def _rows(engine: Engine, query: Select[_Row]) -> list[_Row]:
    with engine.connect() as connection:
        return [cast(_Row, tuple(row)) for row in connection.execute(query)]


def _is_unknown(engine: Engine, line: Line) -> bool:
    with engine.connect() as connection:
        query = select(INTENT.c.id).where(INTENT.c.id == line.intent)
        return connection.execute(query).first() is None


def revoke_proof(engine: Engine) -> None:
    """Forget what was read, so that all calendars are read again before time is freed."""
    with engine.begin() as connection:
        connection.execute(update(EVENT).values(fingerprint=""))
        connection.execute(update(BASELINE).values(settled_at=None))
    clear_backup_mark(engine)


def save_proof(engine: Engine, created: CreatedIds, steps: Iterable[Changes]) -> None:
    """Append a line to the file for each create that these changes mark as done."""
    made = [i for changes in steps for i in changes.intents if _made(i)]
    if not made:
        return
    if not created.intact():
        sync_created_ids(engine, created)  # somebody removed or truncated the file
    if created.installation:
        created.append_lines(_lines(created.installation, made))
        return
    created.installation = installation_number(made[0].id)
    created.append_lines(_lines(created.installation, made))
    set_installation(engine, created.installation)


def _made(intent: Intent) -> bool:
    operation = intent.operation
    done = intent.state is IntentState.DONE
    return done and operation.action is Action.CREATE_BLOCK and operation.event is not None


def _lines(installation: int, made: Iterable[Intent]) -> list[Line]:
    return lines_of(
        installation,
        [
            (
                i.id,
                i.operation.system,
                i.operation.event,
                i.operation.provider,
                i.operation.key,
                instant_text(i.opened_at),
            )
            for i in made
        ],
    )
