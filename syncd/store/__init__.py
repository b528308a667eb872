"""The stored state: SQLModel tables, one repository, Alembic migrations.

The statements of the repository are portable between SQLite and PostgreSQL. Opening, checking,
backing up and reading for `syncd status` work on SQLite files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.store.errors import StateError

if TYPE_CHECKING:
    from syncd.store.store import Store

__all__ = ["StateError", "Store"]


def __getattr__(name: str) -> object:
    """Import `Store` on first use, because it imports SQLAlchemy."""
    if name == "Store":
        from syncd.store.store import Store  # noqa: PLC0415

        return Store
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
