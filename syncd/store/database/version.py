"""The schema version of this program, without a database and without Alembic."""

from __future__ import annotations

from pathlib import Path

MIGRATIONS = Path(__file__).parents[1] / "migrations"


def newest_schema() -> str:
    """Return the version of the newest migration, from the name of its file."""
    files = (MIGRATIONS / "versions").glob("m*_*.py")
    return max(file.name[1:].partition("_")[0] for file in files)
