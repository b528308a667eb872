"""What a state consists of: the tables and indexes that the migrations make, and nothing else.

A database file may hold code: triggers, views, generated columns, checks, virtual tables. SQLite
runs them with the statements of whoever opens the file. So a file is compared with what the
migrations make before anything else in it is read.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b

from syncd.store.errors import StateError

Layout = Mapping[tuple[str, str], str]
"""Kind and name of each object of a schema, with the statement that made it, simplified."""

NEWEST = "d067a0b7e9eacf588d7eedd8cf2aa608"
"""Digest of the newest layout: a state that has it is recognised without Alembic (and 10 MB)."""

_STATISTICS = frozenset({"sqlite_stat1", "sqlite_stat4"})
"""What ANALYZE makes: it only says which index is the shorter way."""

_MOST_OBJECTS = 1000
_LONGEST = 64 * 1024
"""Objects in a schema, and characters in one of their statements."""

_SPACE = re.compile(r"\s+")
_AROUND = re.compile(r" ?([(),]) ?")

_REMEDY = (
    "Left alone. Restore a backup (`syncd restore FILE`); or if somebody changed the file on "
    "purpose, take that back with sqlite3."
)


def harden(database: sqlite3.Connection) -> None:
    """Have SQLite trust nothing that stands in the schema of a file."""
    database.execute("PRAGMA trusted_schema=OFF")
    database.execute("PRAGMA cell_size_check=ON")


def version_of(database: sqlite3.Connection, place: str) -> str | None:
    """The version of the schema that a database says it has; None if it is empty.

    Raises `StateError` where it says none, or several.
    """
    kinds = dict(
        database.execute(f"SELECT name, type FROM sqlite_master LIMIT {_MOST_OBJECTS}").fetchall()  # noqa: S608
    )
    if not kinds:
        return None
    if kinds.get("alembic_version") != "table":
        raise StateError(
            place,
            "it is another program's database",
            "Set `state` in [syncd] to a path that is syncd's own.",
        )
    said = [each for (each,) in database.execute("SELECT version_num FROM alembic_version LIMIT 2")]
    if len(said) != 1 or not isinstance(said[0], str):
        raise StateError(
            place,
            "it does not say which version of the schema it has, or says several",
            _REMEDY,
        )
    return said[0]


def compare_layout(
    database: sqlite3.Connection,
    place: str,
    newest: str,
    made_by: Callable[[str], Iterable[tuple[str, str, str]] | None],
) -> None:
    """Check that a database has what the migrations make, and nothing else. Raises `StateError`.

    ``made_by`` makes an empty state of a version, and returns its objects; None for a version that
    this program does not know.
    """
    version = version_of(database, place)
    if version is None or is_newest(database, newest):
        return
    found = layout_of(_objects(database, place))
    made = made_by(version)
    if made is None and version > newest:
        raise newer_version_error(place, version)
    if made is None:
        said = f"it is damaged: no syncd made a schema {version[:60]!r}"
        raise StateError(place, said, _REMEDY)
    _compare(found, layout_of(made), place)


def newer_version_error(place: str, version: str) -> StateError:
    """The error for a version that this program does not know."""
    return StateError(
        place,
        f"it was written by a newer syncd (schema {version[:60]})",
        "Install that version again, or restore a backup made with this one.",
    )


def is_newest(database: sqlite3.Connection, newest: str) -> bool:
    """Whether a database has the newest version, and just what that consists of.

    False also where a closer look will say that it has: a program that adds a version knows only
    that one's digest. Raises what SQLite raises.
    """
    said = database.execute("SELECT version_num FROM alembic_version LIMIT 2").fetchall()
    if [each for (each,) in said] != [newest] or not _is_small(database):
        return False
    return layout_digest(layout_of(list_objects(database))) == NEWEST


def list_objects(database: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Kind, name and statement of all that a schema holds."""
    query = "SELECT type, name, coalesce(sql, 'on ' || tbl_name) FROM sqlite_master"
    return [(str(k), str(n), str(s)) for k, n, s in database.execute(query)]


def _objects(database: sqlite3.Connection, place: str) -> list[tuple[str, str, str]]:
    if not _is_small(database):
        raise StateError(place, "its schema is much larger than that of a state", _REMEDY)
    return list_objects(database)


def _is_small(database: sqlite3.Connection) -> bool:
    count, longest = database.execute(
        "SELECT count(*), max(length(sql)) FROM sqlite_master"
    ).fetchone()
    return count <= _MOST_OBJECTS and (longest or 0) <= _LONGEST


def layout_of(found: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str], str]:
    """Simplify the statements of a schema, so that they can be compared."""
    return {(k, n): _simple(sql) for k, n, sql in found if n not in _STATISTICS}


def _simple(sql: str) -> str:
    """A statement without what versions of SQLite and SQLAlchemy write differently."""
    return _AROUND.sub(r"\1", _SPACE.sub(" ", sql.replace('"', ""))).strip().casefold()


def layout_digest(layout: Layout) -> str:
    """A short text that two layouts share only if they are the same."""
    text = repr(sorted(layout.items()))
    return blake2b(text.encode(errors="replace"), digest_size=16).hexdigest()


def _compare(found: Layout, made: Layout, place: str) -> None:
    foreign = sorted(found.keys() - made.keys())
    missing = sorted(made.keys() - found.keys())
    changed = sorted(key for key in found.keys() & made.keys() if found[key] != made[key])
    for keys, reason in (
        (missing, "it lacks the {}"),
        (foreign, "it holds the {}, which is not syncd's"),
        (changed, "the {} is not as syncd makes it"),
    ):
        if keys:
            kind, name = keys[0]
            more = f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
            raise StateError(place, reason.format(f"{kind} {name[:60]!r}") + more, _REMEDY)
