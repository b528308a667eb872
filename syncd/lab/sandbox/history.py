"""A table that keeps all versions of its records, so that a list can show an earlier state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from datetime import datetime

    from syncd.lab.sandbox.clock import SandboxClock

T = TypeVar("T")


class VersionedTable(Generic[T]):
    """Versioned records by id, in the order of their first insertion."""

    def __init__(self, clock: SandboxClock) -> None:
        """Start empty. The clock dates each version."""
        self._clock = clock
        self._versions: dict[str, list[tuple[datetime, T | None]]] = {}
        self.changes = 0
        """The number of versions. It grows with every change."""

    def put(self, key: str, record: T) -> None:
        """Insert or replace a record."""
        self._versions.setdefault(key, []).append((self._clock.now(), record))
        self.changes += 1

    def delete(self, key: str) -> None:
        """Delete a record, but keep its versions. Raises KeyError if it does not exist."""
        if self.get(key) is None:
            raise KeyError(key)
        self._versions[key].append((self._clock.now(), None))
        self.changes += 1

    def get(self, key: str, as_of: datetime | None = None) -> T | None:
        """Return the record now, or as of an earlier time; None if it did not exist."""
        versions = self._versions.get(key, ())
        for at, record in reversed(versions):
            if as_of is None or at <= as_of:
                return record
        return None

    def values(self, as_of: datetime | None = None) -> list[T]:
        """Return all records now, or as of an earlier time."""
        if as_of is None:
            newest = (versions[-1][1] for versions in self._versions.values())
            return [record for record in newest if record is not None]
        records = (self.get(key, as_of) for key in self._versions)
        return [record for record in records if record is not None]

    def __contains__(self, key: str) -> bool:
        """Return true if the record exists now."""
        return self.get(key) is not None
