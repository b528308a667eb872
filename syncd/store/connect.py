"""A database to work on: where it is, how it is opened, what version its schema has."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import StaticPool

from syncd.store.errors import StateError

LOCK_WAIT = 5.0
"""Seconds that a statement waits for another process's transaction to end."""

MIGRATIONS = Path(__file__).parent / "migrations"


def url_of(where: str | Path) -> str:
    """The SQLAlchemy URL of a path; a URL stays as it is."""
    text = str(where)
    return text if "://" in text else f"sqlite:///{Path(text)}"


def connect(where: str | Path, *, create: bool) -> Engine:
    """Open (or make) the database. Raises `StateError` when its file cannot be there."""
    url = make_url(url_of(where))
    if not url.drivername.startswith("sqlite"):
        return create_engine(url)
    memory = not url.database or url.database == ":memory:"
    if not memory:
        _prepare(Path(str(url.database)), create=create)
    engine = create_engine(
        url,
        connect_args={"timeout": LOCK_WAIT, "check_same_thread": False},
        **({"poolclass": StaticPool} if memory else {}),
    )
    event.listen(engine, "connect", _pragmas)
    return engine


def _prepare(path: Path, *, create: bool) -> None:
    """Make the file with mode 0600 before SQLite does it with the process's umask."""
    if path.exists():
        if not os.access(path, os.R_OK | (os.W_OK if create else 0)):
            raise StateError(
                str(path),
                "it cannot be opened" + (" for writing" if create else ""),
                "Give the user that runs syncd access to the file.",
            )
        return
    if not create:
        raise StateError(
            str(path),
            "there is no state yet",
            "Run `syncd resync --dry-run` to see what a first run would do.",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StateError(
            str(path),
            f"it cannot be made ({error.strerror})",
            "Set `state` in [syncd] to a path in a folder that the user that runs syncd may "
            "write to.",
        ) from error


def _pragmas(connection: sqlite3.Connection, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def migrate(engine: Engine, place: str) -> None:
    """Bring the schema up to this program's version. Raises `StateError` if it is a newer one."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    with engine.begin() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        _refuse_unknown(current, scripts, place)
        if current != scripts.get_current_head():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def expect_current(engine: Engine, place: str) -> None:
    """Check, without writing, that the schema has this program's version.

    Raises `StateError` for an older or newer one.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    _refuse_unknown(current, scripts, place)
    if current != scripts.get_current_head():
        raise StateError(
            place,
            "it was written by an older syncd",
            "Restart the daemon, or run `syncd resync`: both bring it up to date.",
        )


def _refuse_unknown(current: str | None, scripts: ScriptDirectory, place: str) -> None:
    if current is not None and current not in {r.revision for r in scripts.walk_revisions()}:
        raise StateError(
            place,
            f"it was written by a newer syncd (schema {current})",
            "Install that version again, or restore a backup made with this one.",
        )
