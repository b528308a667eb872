"""Open the database of a state, check it, and migrate its schema."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from syncd.store.database import layout, version
from syncd.store.database.compiled import SHARED_STATEMENTS
from syncd.store.database.connection import SYNC_FULL, set_synchronous
from syncd.store.database.files import state_exists
from syncd.store.errors import StateError

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

LOCK_WAIT = 5.0
"""The time that a statement waits for another process's transaction, in seconds."""

_BEGIN = "syncd_begin"
"""The execution option with the kind of transaction that SQLite begins."""


def url_of(where: str | Path) -> URL:
    """Return the SQLAlchemy URL of a path with any characters; a URL is returned unchanged."""
    text = str(where)
    return make_url(text) if "://" in text else URL.create("sqlite", database=text)


def path_of(where: str | Path) -> Path | None:
    """Return the file of the state at a path or URL; None if the state is not a file."""
    url = url_of(where)
    name = url.database or ":memory:"
    if not url.drivername.startswith("sqlite") or name == ":memory:":
        return None
    return Path(name)


def open_database(where: str | Path, *, create: bool) -> Engine:
    """Open the database; with ``create``, create a missing file. Raises `StateError` on failure."""
    url = url_of(where)
    if not url.drivername.startswith("sqlite"):
        return create_engine(url)
    memory = not url.database or url.database == ":memory:"
    if not memory:
        _prepare(Path(str(url.database)), create=create)
    engine = create_engine(
        url,
        connect_args={"timeout": LOCK_WAIT, "check_same_thread": False},
        execution_options={"compiled_cache": SHARED_STATEMENTS},
        **({"poolclass": StaticPool} if memory else {}),
    )
    event.listen(engine, "connect", _pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(path: Path, *, create: bool) -> None:
    """Create the file with mode 0600, because SQLite would use the process's umask."""
    if state_exists(path):
        if not os.access(path, os.R_OK | (os.W_OK if create else 0)):
            raise StateError(
                str(path),
                "it cannot be opened" + (" for writing" if create else ""),
                "Give the user that runs syncd access to the file.",
            )
        return
    if not create:
        raise _no_state_error(str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _create_file(path)
    except OSError as error:
        raise StateError(
            str(path),
            f"it cannot be created ({error.strerror})",
            "Set `state` in [syncd] to a path in a folder to which the user that runs syncd can "
            "write.",
        ) from error


def check_integrity(database: sqlite3.Connection, *, thorough: bool = False) -> None:
    """Check every page of a database; 50 MB take about a tenth of a second.

    A ``thorough`` check also compares the indexes with the rows and takes several times as long.
    Raises sqlite3.DatabaseError for a damaged file.
    """
    check = "integrity_check" if thorough else "quick_check"
    result = [str(line) for (line,) in database.execute(f"PRAGMA {check}(1)")]
    if result != ["ok"]:
        raise sqlite3.DatabaseError("database disk image is malformed")


def open_read_only(file: Path) -> sqlite3.Connection:
    """Open a database file for reading only, without trusting its schema."""
    database = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=LOCK_WAIT)
    try:
        layout.harden(database)
    except BaseException:
        database.close()
        raise
    return database


def check_state_file(file: Path, place: str, *, sound: bool) -> None:
    """Check that a file is a state before anything in the file is used.

    ``place`` names the file in errors. With ``sound``, every page is checked too, which takes
    longer. Raises `StateError` or sqlite3.Error.
    """
    with closing(open_read_only(file)) as database:
        check_layout(database, place)
        if sound:
            check_integrity(database)


def check_layout(database: sqlite3.Connection, place: str) -> None:
    """Check that a database has exactly the schema of its version. Raises `StateError`."""
    layout.compare_layout(database, place, version.newest_schema(), objects_of_version)


def objects_of_version(revision: str) -> list[tuple[str, str, str]] | None:
    """Return the schema objects of an empty state of a version; None for an unknown version."""
    return _objects_of_version(revision, version.MIGRATIONS)


@lru_cache(maxsize=4)
def _objects_of_version(revision: str, _migrations: Path) -> list[tuple[str, str, str]] | None:
    from alembic import command  # noqa: PLC0415

    config, scripts = _scripts()
    if revision not in {script.revision for script in scripts.walk_revisions()}:
        return None
    engine = open_database("sqlite://", create=True)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
        with closing(engine.raw_connection()) as raw:
            return layout.list_objects(raw.driver_connection)  # type: ignore[arg-type]
    finally:
        engine.dispose()


def _create_file(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:  # another process was faster
        state_exists(path)


def _no_state_error(place: str) -> StateError:
    return StateError(
        place,
        "there is no state yet",
        "Run `syncd resync --dry-run` to see what a first run would do.",
    )


def _pragmas(connection: sqlite3.Connection, _record: Any) -> None:
    # Python's driver only begins a transaction before INSERT, UPDATE or DELETE. So it would create
    # tables outside of a transaction, and several reads would see several states. `_begin` begins
    # transactions instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA trusted_schema=OFF")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute(SYNC_FULL)
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    kind = connection.get_execution_options().get(_BEGIN, "DEFERRED")
    raw = connection.connection
    with closing(raw.cursor()) as cursor:
        set_synchronous(raw, cursor, SYNC_FULL)
        cursor.execute(f"BEGIN {kind}")


def migrate_schema(engine: Engine, place: str) -> None:
    """Migrate the schema to this program's version in one transaction.

    Raises `StateError` if the schema is newer than this program, or is not the schema of a syncd
    state.
    """
    if _is_current(engine):
        return
    from alembic import command  # noqa: PLC0415

    config, scripts = _scripts()
    # Take the write lock before checking the version: another process may be migrating now.
    with (
        engine.connect().execution_options(**{_BEGIN: "IMMEDIATE"}) as connection,
        connection.begin(),
    ):
        if _version(connection, scripts, place) != scripts.get_current_head():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def check_schema_current(engine: Engine, place: str) -> None:
    """Check that the schema has this program's version, without writing.

    Raises `StateError` for another version, for an empty database and for another program's.
    """
    if _is_current(engine):
        return
    _, scripts = _scripts()
    with engine.connect() as connection:
        current = _version(connection, scripts, place)
    if current is None:
        raise _no_state_error(place)
    if current != scripts.get_current_head():
        raise StateError(
            place,
            "it was written by an older syncd",
            "Restart the daemon, or run `syncd resync`: both update it.",
        )


def _is_current(engine: Engine) -> bool:
    """Return true if the schema has this program's version. Does not import Alembic (10 MB)."""
    with engine.connect() as connection:
        try:
            versions = connection.execute(text("SELECT version_num FROM alembic_version")).scalars()
        except DBAPIError:  # no such table, or an error that the full check reports
            return False
        return list(versions) == [version.newest_schema()]


BACKUP_APPLICATION_ID = 0x73796363
"""The SQLite application id that marks a file as a backup made by syncd."""


def is_marked_backup(engine: Engine) -> bool:
    """Return true if this database is a backup that was not used since."""
    with engine.connect() as connection:
        return (
            int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())
            == BACKUP_APPLICATION_ID
        )


def clear_backup_mark(engine: Engine) -> None:
    """Remove the mark of a backup, because the database is used from now on."""
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA application_id = 0")


def installation_of(engine: Engine) -> int:
    """Return the installation number of this database, 0 if it has none yet.

    The number is stored as SQLite's `user_version`, which Alembic does not use and which copies
    keep.
    """
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def set_installation(engine: Engine, number: int) -> None:
    """Store the installation number of this database."""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"PRAGMA user_version = {number:d}")


def _scripts() -> tuple[Config, ScriptDirectory]:
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    # Alembic reads this through a ConfigParser, which interprets a percent sign.
    config.set_main_option("script_location", str(version.MIGRATIONS).replace("%", "%%"))
    return config, ScriptDirectory.from_config(config)


def _version(connection: Connection, scripts: ScriptDirectory, place: str) -> str | None:
    """Return the schema version, or None for a database without tables."""
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415

    current = MigrationContext.configure(connection).get_current_revision()
    if current is None and inspect(connection).get_table_names():
        raise StateError(
            place,
            "it is another program's database",
            "Set `state` in [syncd] to a path that no other program uses.",
        )
    if current is not None and current not in {r.revision for r in scripts.walk_revisions()}:
        raise layout.newer_version_error(place, current)
    return current
