"""The state of syncd: SQLModel tables, one repository, Alembic migrations.

SQL here stays portable between SQLite and PostgreSQL; the two places that know SQLite are
`connect` (pragmas, file mode) and `Store.in_memory_copy`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.store.errors import StateError

if TYPE_CHECKING:
    from syncd.store.store import Store

__all__ = ["StateError", "Store"]


def __getattr__(name: str) -> object:
    """`Store`, with the SQLAlchemy that it takes, is imported by whoever asks for it."""
    if name == "Store":
        from syncd.store.store import Store  # noqa: PLC0415

        return Store
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
