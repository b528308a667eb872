"""Which version of the schema this program has: that takes neither a database nor Alembic."""

from __future__ import annotations

from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"


def newest_schema() -> str:
    """The version that the migrations end with: their files are named by it."""
    files = (MIGRATIONS / "versions").glob("m*_*.py")
    return max(file.name[1:].partition("_")[0] for file in files)
