"""Keep a DBAPI connection checked out, because a pool checkout is slower than a query."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.pool import PoolProxiedConnection

SYNC_FULL = "PRAGMA synchronous=FULL"
SYNC_NORMAL = "PRAGMA synchronous=NORMAL"

_CURRENT = "syncd_synchronous"
"""The key in a connection's ``info`` of the last of these statements."""


def set_synchronous(raw: PoolProxiedConnection, cursor: DBAPICursor, statement: str) -> None:
    """Set whether SQLite's commits wait for the disk: `SYNC_FULL` or `SYNC_NORMAL`."""
    if raw.info.get(_CURRENT, SYNC_FULL) != statement:
        cursor.execute(statement)
        raw.info[_CURRENT] = statement


@dataclass(frozen=True, slots=True)
class ConnectionKeeper:
    """The idle connections of an engine, nearly always one.

    A caller takes a connection out while it uses it, so two callers never share a transaction.
    """

    engine: Engine
    _idle: list[PoolProxiedConnection] = field(default_factory=list)

    @contextmanager
    def reading(self) -> Iterator[DBAPICursor]:
        """Yield a cursor for reading. Each query sees what is committed when it runs."""
        with self._connection() as raw, closing(raw.cursor()) as cursor:
            yield cursor
            # PostgreSQL's driver began a transaction. For SQLite this does nothing.
            raw.rollback()

    @contextmanager
    def transaction(self, *, at_once: bool = True) -> Iterator[DBAPICursor]:
        """Yield a cursor for one transaction: an error rolls everything back.

        With ``at_once`` the transaction is on the disk when the context ends. Without ``at_once``,
        the transaction reaches the disk together with the next transaction that waits for the disk;
        a power cut before that loses the transaction. Earlier transactions are never lost. This
        difference exists only for SQLite. SQLAlchemy's own transactions always wait for the disk.
        """
        with self._connection() as raw, closing(raw.cursor()) as cursor:
            if self.engine.dialect.name == "sqlite":
                set_synchronous(raw, cursor, SYNC_FULL if at_once else SYNC_NORMAL)
                cursor.execute("BEGIN")
            yield cursor
            raw.commit()

    def close(self) -> None:
        """Return the idle connections to the pool."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[PoolProxiedConnection]:
        try:
            raw = self._idle.pop()
        except IndexError:
            raw = self.engine.raw_connection()
        try:
            yield raw
        except BaseException:
            # The pool rolls back and discards a broken connection.
            raw.close()
            raise
        self._idle.append(raw)
