"""The driver's own connection, kept at hand: the pool takes longer over it than a row takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.pool import PoolProxiedConnection

SYNC_FULL = "PRAGMA synchronous=FULL"
SYNC_NORMAL = "PRAGMA synchronous=NORMAL"

_LAST = "syncd_synchronous"
"""Where a connection of the pool notes which of these it was told last."""


def set_synchronous(raw: PoolProxiedConnection, cursor: DBAPICursor, how: str) -> None:
    """Have SQLite's commits wait for the disk, or not, until the connection is told otherwise."""
    if raw.info.get(_LAST, SYNC_FULL) != how:
        cursor.execute(how)
        raw.info[_LAST] = how


@dataclass(frozen=True, slots=True)
class ConnectionKeeper:
    """The connections of an engine that nobody uses just now: nearly always one.

    Who needs one takes it out, so that no two ever share a transaction.
    """

    engine: Engine
    _idle: list[PoolProxiedConnection] = field(default_factory=list)

    @contextmanager
    def reading(self) -> Iterator[DBAPICursor]:
        """A cursor to ask by: each question sees what is committed when it is asked."""
        with self._connection() as raw, closing(raw.cursor()) as cursor:
            yield cursor
            # PostgreSQL's driver began a transaction; for SQLite it is nothing.
            raw.rollback()

    @contextmanager
    def transaction(self, *, at_once: bool = True) -> Iterator[DBAPICursor]:
        """A cursor whose statements are one transaction: all of it, or nothing.

        With ``at_once`` it is on the disk when it ends, whatever happens to the power. Without, it
        is there with the next one that is: power that is lost in between loses it, and never an
        older one. SQLite alone knows the difference. SQLAlchemy's own transactions are always on
        the disk.
        """
        with self._connection() as raw, closing(raw.cursor()) as cursor:
            if self.engine.dialect.name == "sqlite":
                set_synchronous(raw, cursor, SYNC_FULL if at_once else SYNC_NORMAL)
                cursor.execute("BEGIN")
            yield cursor
            raw.commit()

    def close(self) -> None:
        """Give them back to the pool."""
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
            # The pool rolls back what was not committed, and drops a connection that is broken.
            raw.close()
            raise
        self._idle.append(raw)
