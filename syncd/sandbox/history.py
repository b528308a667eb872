"""Records that remember their past, so that a list can be answered as it was a while ago."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from datetime import datetime

    from syncd.sandbox.clock import Clock

T = TypeVar("T")


class VersionedTable(Generic[T]):
    """Versioned records by id, in the order in which they were first put."""

    def __init__(self, clock: Clock) -> None:
        """Start empty; the clock dates each version."""
        self._clock = clock
        self._versions: dict[str, list[tuple[datetime, T | None]]] = {}
        self.changes = 0
        """How many versions there are: while it stays, nothing changed."""

    def put(self, key: str, record: T) -> None:
        """Insert a record or replace it."""
        self._versions.setdefault(key, []).append((self._clock.now(), record))
        self.changes += 1

    def delete(self, key: str) -> None:
        """Remove a record; its past stays readable. KeyError when there is none."""
        if self.get(key) is None:
            raise KeyError(key)
        self._versions[key].append((self._clock.now(), None))
        self.changes += 1

    def get(self, key: str, as_of: datetime | None = None) -> T | None:
        """Read the record now, or as it was; None when there was none."""
        versions = self._versions.get(key, ())
        for at, record in reversed(versions):
            if as_of is None or at <= as_of:
                return record
        return None

    def values(self, as_of: datetime | None = None) -> list[T]:
        """Read all records now, or as they were."""
        if as_of is None:
            newest = (versions[-1][1] for versions in self._versions.values())
            return [record for record in newest if record is not None]
        found = (self.get(key, as_of) for key in self._versions)
        return [record for record in found if record is not None]

    def __contains__(self, key: str) -> bool:
        """Whether there is such a record now."""
        return self.get(key) is not None
