"""Find proof of earlier consent in a state: earlier writes, and calendars that were read."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from syncd.store.database.database import installation_of, open_database
from syncd.store.errors import translate_errors
from syncd.store.store import Store
from syncd.store.tables.tables import COVERAGE, EVENT, INTENT

_ANY_INTENT = select(INTENT.c.id).limit(1)
# The journal is compacted, but the event of an existing block stays.
_ANY_BLOCK = select(EVENT.c.id).where(EVENT.c.mine.is_(True)).limit(1)


def has_written(store: Store) -> bool:
    """Return true if syncd ever wrote to a system with this state. Raises StateError."""
    return any(bool(list(store.query_once(query))) for query in (_ANY_INTENT, _ANY_BLOCK))


def known_calendars(store: Store) -> dict[tuple[str, str], str | None]:
    """Return each calendar, as (provider, system), that was ever read with this state.

    The value is the digest of the mapping at the calendar's last full read, or None if the calendar
    was never read in full. Used to find out which calendars are new before the first write. Raises
    StateError.
    """
    calendars: dict[tuple[str, str], str | None] = {}
    for table in (COVERAGE, EVENT):
        query = select(table.c.provider, table.c.system).distinct()
        calendars |= {(row["provider"], row["system"]): None for row in store.query_once(query)}
    return calendars | {(b.provider, b.system): b.mapping for b in store.baselines()}


def installation(state: Path) -> int:
    """Return the installation number of the state at this path; 0 before its first create.

    Raises StateError.
    """
    with translate_errors(str(state)):
        engine = open_database(state, create=False)
        try:
            return installation_of(engine)
        finally:
            engine.dispose()
