"""Load the instances of a series."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from syncd.model import TrackedEvent, series_of
from syncd.store.store import Store
from syncd.store.tables import rows
from syncd.store.tables.tables import EVENT

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
    """Load the other existing instances of an event's series, ordered by start.

    Returns an empty list for an event that belongs to no series.
    """
    if not series_of(record):
        return []
    parameters = {"of_system": record.system, "of_series": record.series}
    instances = [rows.to_record(row) for row in store.query(_INSTANCES, parameters)]
    others = [r for r in instances if r.id != record.id and series_of(r) == series_of(record)]
    existing = [(r.observed.start, r.id, r) for r in others if r.observed is not None]
    return [r for _, _, r in sorted(existing, key=lambda each: each[:2])]


def absent_instances(store: Store, system: str, provider: str) -> list[TrackedEvent]:
    """Load the instances of series in a calendar that are absent but not proven to be gone."""
    parameters = {"of_system": system, "of_provider": provider}
    absent = [rows.to_record(row) for row in store.query(_MISSING, parameters)]
    return [r for r in absent if series_of(r)]
