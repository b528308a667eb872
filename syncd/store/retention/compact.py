"""Delete old rows, so that the state does not grow without limit.

Rows that are still needed stay: open rows, the creates of blocks that may still exist, and for each
active booking the last line of history that explains its current time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Select, Table, and_, delete, func, select, tuple_

from syncd.model import Action, IntentState
from syncd.store.store import Store
from syncd.store.tables.tables import (
    BOOKING,
    CLOSING,
    CONFLICT,
    EVENT,
    EXPOSURE,
    HELD_BACK,
    HISTORY,
    INTENT,
    REPLICA,
    REPORTED,
    RUN,
    WAIVER,
)

EXPLAINING_ENTRIES = ("seen", "changed", "agreed")
"""The kinds of history entries that explain the current time of a booking."""

ROWS_PER_STEP = 400
"""The number of rows that one step checks or deletes. A step takes a few hundredths of a second."""

_COMPLETED = [str(state) for state in IntentState if not state.pending]


def compact(store: Store, before: datetime) -> int:
    """Delete rows that are older than ``before``, and return their number. Raises StateError."""
    return sum(compacting(store, before))


def compacting(store: Store, before: datetime) -> Iterator[int]:
    """Delete rows older than ``before`` step by step; yield the number of deleted rows per step.

    Each step is a short transaction, so other work can run in between. The caller may stop at any
    step; the next call continues.
    """
    yield from _delete_history(store, before)
    yield from _delete(store, RUN, RUN.c.finished_at < before)
    yield from _delete(store, CONFLICT, CONFLICT.c.closed_at < before)
    yield from _delete(store, CLOSING, CLOSING.c.visible_at < before)
    yield from _delete(store, REPORTED, REPORTED.c.ended_at < before)
    yield from _delete(store, HELD_BACK, HELD_BACK.c.ended_at < before)
    yield from _delete(store, EXPOSURE, EXPOSURE.c.ends < before)
    for ids in _old_intents(store, before):
        yield store.execute([delete(INTENT).where(INTENT.c.id.in_(ids))])
    for ids in _old_bookings(store, before):
        named = (WAIVER.c.booking, REPLICA.c.booking, BOOKING.c.id)
        yield store.execute([delete(c.table).where(c.in_(ids)) for c in named])
    yield from _delete(store, EVENT, _is_old_event(before))


def _delete_history(store: Store, before: datetime) -> Iterator[int]:
    """Delete history by ranges of ``seq``, except the entries that explain an active booking."""
    later = HISTORY.alias()
    alive = select(BOOKING.c.id).where(
        BOOKING.c.id == HISTORY.c.booking, BOOKING.c.retired.is_(False)
    )
    newer = select(later.c.seq).where(
        later.c.booking == HISTORY.c.booking,
        later.c.seq > HISTORY.c.seq,
        later.c.what.in_(EXPLAINING_ENTRIES),
    )
    kept = and_(HISTORY.c.what.in_(EXPLAINING_ENTRIES), alive.exists(), ~newer.exists())
    ends = store.query_once(
        select(func.min(HISTORY.c.seq).label("a"), func.max(HISTORY.c.seq).label("z"))
    )
    starts = [range(row["a"], row["z"] + 1, ROWS_PER_STEP) for row in ends if row["a"] is not None]
    for first in (number for numbers in starts for number in numbers):
        batch = HISTORY.c.seq.between(first, first + ROWS_PER_STEP - 1)
        yield store.execute([delete(HISTORY).where(batch, HISTORY.c.at < before, ~kept)])


def _delete(store: Store, table: Table, old: Any) -> Iterator[int]:
    """Delete the rows of a table that match ``old``, in batches."""
    key = tuple(table.primary_key)
    batch = select(*key).where(old).limit(ROWS_PER_STEP)
    while True:
        deleted = store.execute([delete(table).where(tuple_(*key).in_(batch))])
        yield deleted
        if deleted < ROWS_PER_STEP:
            return


def _is_old_event(before: datetime) -> Any:
    """Return the condition for archived events that no booking refers to."""
    named = select(REPLICA.c.event).where(
        REPLICA.c.system == EVENT.c.system, REPLICA.c.event == EVENT.c.id
    )
    return and_(
        EVENT.c.retired.is_(True),
        EVENT.c.observed_at < before,
        EVENT.c.starts.is_(None) | (EVENT.c.ends < before),
        ~named.exists(),
    )


def _old_bookings(store: Store, before: datetime) -> Iterator[list[str]]:
    """Yield the ids of retired bookings that ended before a time, in batches."""
    query = select(BOOKING.c.id, BOOKING.c.agreed).where(BOOKING.c.retired.is_(True))
    for rows in _pages(store, query, BOOKING.c.id):
        yield [row["id"] for row in rows if row["agreed"].end < before]


def _old_intents(store: Store, before: datetime) -> Iterator[list[str]]:
    """Yield the ids of journal rows with an outcome, whose event is over too, in batches.

    The create of an existing block stays, because it proves that the block is ours.
    """
    existing = select(EVENT.c.id).where(
        EVENT.c.system == INTENT.c.system,
        EVENT.c.id == INTENT.c.event,
        EVENT.c.mine.is_(True),
        EVENT.c.retired.is_(False),
    )
    proof = and_(INTENT.c.action == str(Action.CREATE_BLOCK), existing.exists())
    query = select(INTENT.c.id, INTENT.c.before, INTENT.c.after).where(
        INTENT.c.opened_at < before, INTENT.c.state.in_(_COMPLETED), ~proof
    )
    for rows in _pages(store, query, INTENT.c.id):
        yield [
            row["id"]
            for row in rows
            if all(v is None or v.end < before for v in (row["before"], row["after"]))
        ]


def _pages(store: Store, query: Select[Any], key: Column[Any]) -> Iterator[Sequence[Any]]:
    """Yield the rows of a query in batches, ordered by id."""
    last = ""
    while rows := list(
        store.query_once(query.where(key > last).order_by(key).limit(ROWS_PER_STEP))
    ):
        yield rows
        last = rows[-1][key.name]
