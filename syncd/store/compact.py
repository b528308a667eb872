"""What is old is dropped, so that the state stays of one size; what still matters is kept.

Of bookings that are alive the last line of history stays, however old: it says why they are when
they are. Keys of blocks that may still stand stay in the journal, as does all that is open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Table, and_, delete, func, select

from syncd.model import Action, IntentState
from syncd.store.removal import CHUNK
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

WHY = ("seen", "changed", "agreed")
"""The lines of history that say why a booking is when it is."""

_SETTLED = [str(state) for state in IntentState if not state.pending]


def compact(store: Store, before: datetime) -> int:
    """Drop what is older, in one transaction; how many rows that were. Raises StateError."""
    why = select(func.max(HISTORY.c.seq)).join(BOOKING, BOOKING.c.id == HISTORY.c.booking)
    why = why.where(BOOKING.c.retired.is_(False), HISTORY.c.what.in_(WHY))
    kept = why.group_by(HISTORY.c.booking)
    over = _over(store, before)
    return store.carry_out(
        [
            delete(HISTORY).where(HISTORY.c.at < before, HISTORY.c.seq.not_in(kept)),
            delete(RUN).where(RUN.c.finished_at < before),
            delete(CONFLICT).where(CONFLICT.c.closed_at < before),
            delete(CLOSING).where(CLOSING.c.visible_at < before),
            delete(REPORTED).where(REPORTED.c.ended_at < before),
            delete(HELD_BACK).where(HELD_BACK.c.ended_at < before),
            delete(EXPOSURE).where(EXPOSURE.c.ends < before),
            *_each(INTENT, INTENT.c.id, _written(store, before)),
            *_each(WAIVER, WAIVER.c.booking, over),
            *_each(REPLICA, REPLICA.c.booking, over),
            *_each(BOOKING, BOOKING.c.id, over),
            delete(EVENT).where(_forgotten(before)),
        ]
    )


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


def _over(store: Store, before: datetime) -> list[str]:
    """Bookings that are retired, and ended before."""
    query = select(BOOKING.c.id, BOOKING.c.agreed).where(BOOKING.c.retired.is_(True))
    return [row["id"] for row in store.ask(query) if row["agreed"].end < before]


def _written(store: Store, before: datetime) -> list[str]:
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
    return [
        row["id"]
        for row in store.ask(query)
        if all(v is None or v.end < before for v in (row["before"], row["after"]))
    ]


def _each(table: Table, column: Column[Any], ids: Sequence[str]) -> Iterator[Any]:
    for at in range(0, len(ids), CHUNK):
        yield delete(table).where(column.in_(ids[at : at + CHUNK]))
