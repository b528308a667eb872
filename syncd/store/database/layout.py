"""Check the layout of a state: the tables and indexes of the migrations, and nothing else.

A database file may contain code: triggers, views, generated columns, checks, virtual tables. SQLite
runs this code with the statements of the program that opens the file. So the layout of a file is
compared with the migrations before anything else in it is read.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b

from syncd.store.errors import StateError

Layout = Mapping[tuple[str, str], str]
"""Kind and name of each object of a schema, with its normalized CREATE statement."""

NEWEST = "a63e2450be4b7d6d0e6c0095b1f33667"
"""The digest of the newest layout. A state with it is recognised without Alembic (10 MB)."""

_STATISTICS = frozenset({"sqlite_stat1", "sqlite_stat4"})
"""The tables that ANALYZE creates. They only affect which indexes SQLite chooses."""

_MAX_OBJECTS = 1000
_MAX_STATEMENT = 64 * 1024
"""The maximum number of objects in a schema, and of characters in one statement."""

_SPACE = re.compile(r"\s+")
_AROUND = re.compile(r" ?([(),]) ?")

_REMEDY = (
    "The file was not changed. Restore a backup (`syncd restore FILE`), or if somebody changed the "
    "schema on purpose, undo that with sqlite3."
)


def harden(database: sqlite3.Connection) -> None:
    """Set SQLite not to trust the schema of a file."""
    database.execute("PRAGMA trusted_schema=OFF")
    database.execute("PRAGMA cell_size_check=ON")


def version_of(database: sqlite3.Connection, place: str) -> str | None:
    """Return the schema version that a database states, or None for an empty database.

    Raises `StateError` if a database that is not empty states no version or several.
    """
    kinds = dict(
        database.execute(f"SELECT name, type FROM sqlite_master LIMIT {_MAX_OBJECTS}").fetchall()  # noqa: S608
    )
    if not kinds:
        return None
    if kinds.get("alembic_version") != "table":
        raise StateError(
            place,
            "it is another program's database",
            "Set `state` in [syncd] to a path that no other program uses.",
        )
    versions = [v for (v,) in database.execute("SELECT version_num FROM alembic_version LIMIT 2")]
    if len(versions) != 1 or not isinstance(versions[0], str):
        raise StateError(place, "it has no schema version, or several", _REMEDY)
    return versions[0]


def compare_layout(
    database: sqlite3.Connection,
    place: str,
    newest: str,
    objects_of: Callable[[str], Iterable[tuple[str, str, str]] | None],
) -> None:
    """Check that a database has exactly the layout of its version. Raises `StateError`.

    ``objects_of`` returns the schema objects of an empty state of a version, or None for a version
    that this program does not know. ``newest`` is this program's version.
    """
    version = version_of(database, place)
    if version is None or is_newest(database, newest):
        return
    actual = layout_of(_objects(database, place))
    expected = objects_of(version)
    if expected is None and version > newest:
        raise newer_version_error(place, version)
    if expected is None:
        reason = f"it is damaged: the schema version {version[:60]!r} does not exist"
        raise StateError(place, reason, _REMEDY)
    _compare(actual, layout_of(expected), place)


def newer_version_error(place: str, version: str) -> StateError:
    """Return the error for a schema version that is newer than this program."""
    return StateError(
        place,
        f"it was written by a newer syncd (schema {version[:60]})",
        "Install that version, or restore a backup that this version made.",
    )


def is_newest(database: sqlite3.Connection, newest: str) -> bool:
    """Return true if a database has the newest version and exactly its layout.

    Also returns false if the layout is right but has another digest (`NEWEST`); `compare_layout`
    then decides. Raises sqlite3.Error.
    """
    versions = database.execute("SELECT version_num FROM alembic_version LIMIT 2").fetchall()
    if [each for (each,) in versions] != [newest] or not _is_small(database):
        return False
    return layout_digest(layout_of(list_objects(database))) == NEWEST


def list_objects(database: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Return kind, name and statement of all objects of a schema."""
    query = "SELECT type, name, coalesce(sql, 'on ' || tbl_name) FROM sqlite_master"
    return [(str(k), str(n), str(s)) for k, n, s in database.execute(query)]


def _objects(database: sqlite3.Connection, place: str) -> list[tuple[str, str, str]]:
    if not _is_small(database):
        raise StateError(place, "its schema is too large for a syncd state", _REMEDY)
    return list_objects(database)


def _is_small(database: sqlite3.Connection) -> bool:
    count, longest = database.execute(
        "SELECT count(*), max(length(sql)) FROM sqlite_master"
    ).fetchone()
    return count <= _MAX_OBJECTS and (longest or 0) <= _MAX_STATEMENT


def layout_of(objects: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str], str]:
    """Normalize the objects of a schema, so that two schemas can be compared."""
    return {(k, n): _normalize(sql) for k, n, sql in objects if n not in _STATISTICS}


def _normalize(sql: str) -> str:
    """Remove the differences between versions of SQLite and SQLAlchemy from a statement."""
    return _AROUND.sub(r"\1", _SPACE.sub(" ", sql.replace('"', ""))).strip().casefold()


def layout_digest(layout: Layout) -> str:
    """Return a digest of a layout."""
    text = repr(sorted(layout.items()))
    return blake2b(text.encode(errors="replace"), digest_size=16).hexdigest()


def _compare(actual: Layout, expected: Layout, place: str) -> None:
    foreign = sorted(actual.keys() - expected.keys())
    missing = sorted(expected.keys() - actual.keys())
    common = actual.keys() & expected.keys()
    changed = sorted(key for key in common if actual[key] != expected[key])
    for keys, reason in (
        (missing, "it lacks the {}"),
        (foreign, "it contains the {}, which syncd does not make"),
        (changed, "the {} differs from the one that syncd makes"),
    ):
        if keys:
            kind, name = keys[0]
            more = f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
            raise StateError(place, reason.format(f"{kind} {name[:60]!r}") + more, _REMEDY)
