"""Statements that are compiled once in a process, for every engine of one kind of database.

SQLAlchemy keeps them for each engine. A dry run works on a copy with an engine of its own, and the
simulator and the tests open hundreds of states: compiling was a tenth of their time.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.util import LRUCache

CacheKey = tuple[Any, ...]

_MOST = 500
"""Statements that are kept: as many as SQLAlchemy keeps for one engine."""


class SharedStatements(LRUCache[CacheKey, Any]):
    """A cache of compiled statements that tells dialects apart by their class only.

    It is fit for dialects without settings of their own: with some, the SQL of two would differ.
    """

    def get(self, key: CacheKey, default: Any = None) -> Any:
        """Return the compiled statement, whichever engine it was compiled for."""
        return super().get(_by_class(key), default)

    def __setitem__(self, key: CacheKey, compiled: Any) -> None:
        """Keep a compiled statement for all engines."""
        super().__setitem__(_by_class(key), compiled)


def _by_class(key: CacheKey) -> CacheKey:
    """Put the class of the dialect, which comes first in a key, in its place."""
    return (type(key[0]), *key[1:])


SHARED_STATEMENTS = SharedStatements(_MOST)
