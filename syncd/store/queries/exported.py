"""Read history for an export, in pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select

from syncd.model import HistoryEntry
from syncd.store.store import Store
from syncd.store.tables import rows
from syncd.store.tables.tables import HISTORY, RUN

PAGE_SIZE = 1000
"""The number of history entries that are loaded at a time."""


def history_between(
    store: Store, since: datetime | None, until: datetime | None, provider: str | None
) -> Iterator[HistoryEntry]:
    """Yield the history with ``since`` <= time < ``until`` in the order of writing.

    None means no limit, or all providers. Raises StateError.
    """
    last = 0
    while True:
        query = select(HISTORY).where(HISTORY.c.seq > last).order_by(HISTORY.c.seq).limit(PAGE_SIZE)
        if since is not None:
            query = query.where(HISTORY.c.at >= since)
        if until is not None:
            query = query.where(HISTORY.c.at < until)
        if provider is not None:
            query = query.where(HISTORY.c.provider == provider)
        page = store.query_once(query)
        yield from (rows.to_history_entry(row) for row in page)
        if len(page) < PAGE_SIZE:
            return
        last = page[-1]["seq"]


def run_kinds(store: Store) -> dict[str, str]:
    """Return the kind of each stored run, by run id. Raises StateError."""
    return {row["id"]: row["kind"] for row in store.query_once(select(RUN.c.id, RUN.c.kind))}
