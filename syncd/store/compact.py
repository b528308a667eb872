"""What is old is dropped, so that the state stays of one size; what still matters is kept.

Of bookings that are alive the last line of history stays, however old: it says why they are when
they are. Keys of blocks that may still stand stay in the journal, as does all that is open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Select, Table, and_, delete, func, select, tuple_

from syncd.model import Action, IntentState
from syncd.store.store import Store
from syncd.store.tables import (
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
"""The lines of history that say why a booking is when it is."""

ROWS_PER_STEP = 400
"""Rows that one step looks at or drops: it takes a few hundredths of a second."""

_SETTLED = [str(state) for state in IntentState if not state.pending]


def compact(store: Store, before: datetime) -> int:
    """Drop what is older; how many rows that were. Raises StateError."""
    return sum(compacting(store, before))


def compacting(store: Store, before: datetime) -> Iterator[int]:
    """Drop what is older, some of it in each step; yield how many rows that were.

    Each step is a short transaction, so that other work can be done between two of them. If they
    are not all taken, there is more to drop the next time.
    """
    yield from _history(store, before)
    yield from _some(store, RUN, RUN.c.finished_at < before)
    yield from _some(store, CONFLICT, CONFLICT.c.closed_at < before)
    yield from _some(store, CLOSING, CLOSING.c.visible_at < before)
    yield from _some(store, REPORTED, REPORTED.c.ended_at < before)
    yield from _some(store, HELD_BACK, HELD_BACK.c.ended_at < before)
    yield from _some(store, EXPOSURE, EXPOSURE.c.ends < before)
    for ids in _written(store, before):
        yield store.execute([delete(INTENT).where(INTENT.c.id.in_(ids))])
    for ids in _over(store, before):
        named = (WAIVER.c.booking, REPLICA.c.booking, BOOKING.c.id)
        yield store.execute([delete(c.table).where(c.in_(ids)) for c in named])
    yield from _some(store, EVENT, _forgotten(before))


def _history(store: Store, before: datetime) -> Iterator[int]:
    """Drop lines by their numbers, but for the last one that says why a living booking is."""
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
    numbers = [range(row["a"], row["z"] + 1, ROWS_PER_STEP) for row in ends if row["a"] is not None]
    for first in (number for some in numbers for number in some):
        some = HISTORY.c.seq.between(first, first + ROWS_PER_STEP - 1)
        yield store.execute([delete(HISTORY).where(some, HISTORY.c.at < before, ~kept)])


def _some(store: Store, table: Table, old: Any) -> Iterator[int]:
    """Drop the rows of a table that are old, a step's worth at a time."""
    key = tuple(table.primary_key)
    some = select(*key).where(old).limit(ROWS_PER_STEP)
    while True:
        dropped = store.execute([delete(table).where(tuple_(*key).in_(some))])
        yield dropped
        if dropped < ROWS_PER_STEP:
            return


def _forgotten(before: datetime) -> Any:
    """Events that are history, and that no booking names any more."""
    named = select(REPLICA.c.event).where(
        REPLICA.c.system == EVENT.c.system, REPLICA.c.event == EVENT.c.id
    )
    return and_(
        EVENT.c.retired.is_(True),
        EVENT.c.observed_at < before,
        EVENT.c.starts.is_(None) | (EVENT.c.ends < before),
        ~named.exists(),
    )


def _over(store: Store, before: datetime) -> Iterator[list[str]]:
    """Bookings that are retired, and ended before."""
    query = select(BOOKING.c.id, BOOKING.c.agreed).where(BOOKING.c.retired.is_(True))
    for rows in _pages(store, query, BOOKING.c.id):
        yield [row["id"] for row in rows if row["agreed"].end < before]


def _written(store: Store, before: datetime) -> Iterator[list[str]]:
    """Journal rows that are settled, and whose event is over as well.

    The create of a block that still stands is the proof that the block is ours, and stays.
    """
    standing = select(EVENT.c.id).where(
        EVENT.c.system == INTENT.c.system,
        EVENT.c.id == INTENT.c.event,
        EVENT.c.mine.is_(True),
        EVENT.c.retired.is_(False),
    )
    proof = and_(INTENT.c.action == str(Action.CREATE_BLOCK), standing.exists())
    query = select(INTENT.c.id, INTENT.c.before, INTENT.c.after).where(
        INTENT.c.opened_at < before, INTENT.c.state.in_(_SETTLED), ~proof
    )
    for rows in _pages(store, query, INTENT.c.id):
        yield [
            row["id"]
            for row in rows
            if all(v is None or v.end < before for v in (row["before"], row["after"]))
        ]


def _pages(store: Store, query: Select[Any], key: Column[Any]) -> Iterator[Sequence[Any]]:
    """Ask for rows in the order of their ids, a step's worth at a time."""
    last = ""
    while rows := list(
        store.query_once(query.where(key > last).order_by(key).limit(ROWS_PER_STEP))
    ):
        yield rows
        last = rows[-1][key.name]
