"""state/schema.sql, the migrations and the tables are equal."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from syncd.store import Store
from syncd.store.schema import schema
from syncd.store.tables.tables import METADATA

pytestmark = pytest.mark.usefixtures("every_state_is_migrated")

ROOT = Path(__file__).parents[2]


def test_the_committed_schema_is_that_of_a_new_state() -> None:
    committed = (ROOT / "state" / "schema.sql").read_text()
    assert committed == schema(), "run: python -m syncd.store.schema > state/schema.sql"


def test_the_module_prints_the_schema() -> None:
    command = [sys.executable, "-W", "error", "-m", "syncd.store.schema"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == schema()
    assert done.stderr == ""


def test_the_schema_is_sql_that_makes_every_table() -> None:
    database = sqlite3.connect(":memory:")
    database.executescript(schema())
    made = {
        name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type='table'")
    }
    database.close()
    assert made == {*METADATA.tables, "alembic_version"}


def test_migrations_and_tables_do_not_differ(store: Store) -> None:
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
