"""The state of syncd: SQLModel tables, one repository, Alembic migrations.

SQL here stays portable between SQLite and PostgreSQL; the two places that know SQLite are
`connect` (pragmas, file mode) and `Store.scratch`.
"""

from syncd.store.errors import StateError
from syncd.store.store import Store

__all__ = ["StateError", "Store"]
