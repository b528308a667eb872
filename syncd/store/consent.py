"""What a state proves of earlier consent: whether it ever wrote, and which calendars it knows."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from syncd.store.database import installation_of, open_database
from syncd.store.errors import translate_errors
from syncd.store.store import Store
from syncd.store.tables import COVERAGE, EVENT, INTENT

_ANY_INTENT = select(INTENT.c.id).limit(1)
# The journal is compacted; a block that still stands has a record that is ours.
_ANY_BLOCK = select(EVENT.c.id).where(EVENT.c.mine.is_(True)).limit(1)


def has_written(store: Store) -> bool:
    """Return whether syncd ever wrote to a system with this state. Raises StateError."""
    return any(bool(list(store.query_once(query))) for query in (_ANY_INTENT, _ANY_BLOCK))


def known_calendars(store: Store) -> dict[tuple[str, str], str | None]:
    """Return each calendar, (provider, system), of which this state has read anything.

    The value is a digest of its mapping at the last full read, None if there was no such read.
    Raises StateError.
    """
    found: dict[tuple[str, str], str | None] = {}
    for table in (COVERAGE, EVENT):
        query = select(table.c.provider, table.c.system).distinct()
        found |= {(row["provider"], row["system"]): None for row in store.query_once(query)}
    return found | {(b.provider, b.system): b.mapping for b in store.baselines()}


def installation(state: Path) -> int:
    """Return the number of the installation that a state belongs to; 0 before its first create.

    Raises StateError.
    """
    with translate_errors(str(state)):
        engine = open_database(state, create=False)
        try:
            return installation_of(engine)
        finally:
            engine.dispose()
