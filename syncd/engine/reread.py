"""Read one event again just before it is written to (promise 5)."""

from __future__ import annotations

from datetime import datetime, timedelta

from syncd.core.diff import News, absorb, vanish
from syncd.model import Changes, Clock, EventRef, Record
from syncd.store.store import Store
from syncd.systems.port import Found, Gone, Sighting, System


async def reread(
    system: System, store: Store, clock: Clock, ref: EventRef
) -> tuple[Record | None, Changes]:
    """Read one event just before it is written to; the record as it is now, and what to store.

    Raises SystemFault when it cannot be read.
    """
    record = next(iter(store.records(system.name, [ref.id])), None)
    if record is None:
        return None, Changes()
    asked_at = clock.now()
    sighting = await system.read_one(ref, record.observed)
    return sighted(record, sighting, asked_at, system.capabilities.lag)


def sighted(
    record: Record, sighting: Sighting, asked_at: datetime, lag: timedelta
) -> tuple[Record, Changes]:
    """Lay a sighting over a record: the record as it is now, and what of it is to be stored."""
    match sighting:
        case Found(event=event):
            after, news = absorb(record, event, "", asked_at, lag)
            if after.provider != record.provider:
                # Not to be written to. What became of it is for the next read of all to prove.
                return after, Changes()
            if news in {News.STALE, News.SAME}:
                return record, Changes()
            return after, Changes(records=[after])
        case Gone():
            after = vanish(record, asked_at)
            return after, Changes(records=[after])
        case _:
            return record, Changes()
