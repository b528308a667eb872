"""New states in tests: copies of one state that Alembic migrated once per process.

Running the migrations for every test would take longer than the tests. Tests of migrations, of the
schema and of opening a state migrate every time: they use the fixture `every_state_is_migrated`
(`tests/store/conftest.py`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache

from sqlalchemy import Engine

from syncd.store.database import version
from syncd.store.database.database import migrate_schema, open_database

Migrate = Callable[[Engine, str], None]
_MIGRATIONS = version.MIGRATIONS


def copying(really: Migrate) -> Migrate:
    """Return a migration that fills an empty file with a copy of a migrated state."""

    def migrated(engine: Engine, place: str) -> None:
        if engine.dialect.name == "sqlite" and version.MIGRATIONS == _MIGRATIONS:
            with closing(engine.raw_connection()) as raw:
                into = raw.driver_connection
                assert isinstance(into, sqlite3.Connection)
                if not into.execute("SELECT 1 FROM sqlite_master").fetchone():
                    _new().backup(into)
        really(engine, place)

    return migrated


@cache
def _new() -> sqlite3.Connection:
    engine = open_database("sqlite://", create=True)
    migrate_schema(engine, "a new state")
    copy = sqlite3.connect(":memory:")
    with closing(engine.raw_connection()) as raw:
        raw.driver_connection.backup(copy)  # type: ignore[union-attr]
    engine.dispose()
    return copy
