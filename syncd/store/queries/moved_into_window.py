"""Load appointments that were moved into the window, and the last whole reads of calendars."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from syncd.model import Kind, TrackedEvent, WholeRead
from syncd.store.store import Store
from syncd.store.tables import rows
from syncd.store.tables.tables import COVERAGE, EVENT

_MARKED = select(EVENT).where(EVENT.c.moved_in_at.is_not(None), EVENT.c.retired.is_(False))
_WHOLE = select(
    COVERAGE.c.provider, COVERAGE.c.kinds, COVERAGE.c.last_whole_ends, COVERAGE.c.last_whole_at
).where(COVERAGE.c.system == bindparam("of_system"), COVERAGE.c.last_whole_at.is_not(None))


def moved_in_events(store: Store) -> list[TrackedEvent]:
    """Return the moved-in appointments whose twins must still be searched beyond the window."""
    records = [rows.to_record(row) for row in store.query_once(_MARKED)]
    return sorted(records, key=lambda r: (r.system, r.id))


def whole_reads(store: Store, system: str) -> dict[str, WholeRead]:
    """Return the last whole read of each provider's appointments in a system."""
    latest: dict[str, WholeRead] = {}
    for row in store.query(_WHOLE, {"of_system": system}):
        read = WholeRead(row["last_whole_ends"], row["last_whole_at"])
        known = latest.get(row["provider"])
        if Kind.APPOINTMENT in row["kinds"].split(",") and (known is None or known.at < read.at):
            latest[row["provider"]] = read
    return latest
