"""The instances of a series, as stored."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from syncd.model import TrackedEvent, series_of
from syncd.store import rows
from syncd.store.store import Store
from syncd.store.tables import EVENT

_INSTANCES = select(EVENT).where(
    EVENT.c.system == bindparam("of_system"),
    EVENT.c.series == bindparam("of_series"),
    EVENT.c.retired.is_(False),
)
_MISSING = select(EVENT).where(
    EVENT.c.system == bindparam("of_system"),
    EVENT.c.provider == bindparam("of_provider"),
    EVENT.c.retired.is_(False),
    EVENT.c.missing > 0,
)


def siblings(store: Store, record: TrackedEvent) -> list[TrackedEvent]:
    """The other instances of a record's series that stand, in the order of time."""
    if not series_of(record):
        return []
    asked = {"of_system": record.system, "of_series": record.series}
    found = [rows.to_record(row) for row in store.query(_INSTANCES, asked)]
    others = [r for r in found if r.id != record.id and series_of(r) == series_of(record)]
    standing = [(r.observed.start, r.id, r) for r in others if r.observed is not None]
    return [r for _, _, r in sorted(standing, key=lambda each: each[:2])]


def missing_instances(store: Store, system: str, provider: str) -> list[TrackedEvent]:
    """The instances of series in a calendar that are missing, and not proven to be gone."""
    asked = {"of_system": system, "of_provider": provider}
    found = [rows.to_record(row) for row in store.query(_MISSING, asked)]
    return [r for r in found if series_of(r)]
