"""A cache of compiled statements that all engines of one kind of database share.

SQLAlchemy has a cache per engine. A dry run uses a copy with its own engine, and the simulator and
the tests open hundreds of states: they spent a tenth of their time on compiling.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.util import LRUCache

CacheKey = tuple[Any, ...]

_CAPACITY = 500
"""The number of cached statements, as in SQLAlchemy's cache of one engine."""


class SharedStatements(LRUCache[CacheKey, Any]):
    """A cache of compiled statements that distinguishes dialects by their class only.

    Only for dialects without settings: settings could change the SQL.
    """

    def get(self, key: CacheKey, default: Any = None) -> Any:
        """Return the statement that was compiled for any engine of the same dialect class."""
        return super().get(_by_class(key), default)

    def __setitem__(self, key: CacheKey, compiled: Any) -> None:
        """Cache a compiled statement for all engines."""
        super().__setitem__(_by_class(key), compiled)


def _by_class(key: CacheKey) -> CacheKey:
    """Replace the dialect, which is the first part of a key, with its class."""
    return (type(key[0]), *key[1:])


SHARED_STATEMENTS = SharedStatements(_CAPACITY)
