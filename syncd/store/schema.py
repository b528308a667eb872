"""Print the schema as SQL: ``python -m syncd.store.schema > state/schema.sql``."""

from __future__ import annotations

import sys

from sqlalchemy import text

from syncd.store.database.database import migrate_schema, open_database

_HEAD = "-- Made by `python -m syncd.store.schema`; a test compares it with the migrations.\n"

_EVERYTHING = text(
    "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY tbl_name, type DESC, name"
)


def schema() -> str:
    """Return the statements that create a new state, by table, each followed by its indexes."""
    engine = open_database("sqlite://", create=True)
    try:
        migrate_schema(engine, "a new state")
        with engine.connect() as connection:
            statements = [_tidy(sql) for sql in connection.execute(_EVERYTHING).scalars()]
    finally:
        engine.dispose()
    return _HEAD + "".join(
        ("\n" if sql.startswith("CREATE TABLE") else "") + sql + ";\n" for sql in statements
    )


def _tidy(sql: str) -> str:
    """Replace tabs with spaces, and remove empty lines and spaces at the end of lines."""
    return "\n".join(line.expandtabs(4).rstrip() for line in sql.splitlines() if line.strip())


if __name__ == "__main__":
    sys.stdout.write(schema())
