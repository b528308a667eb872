"""Find times out of range in the state, which an older version could store (`model.ranges`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, func, or_, select, type_coerce

from syncd.store.repository.load import PENDING
from syncd.store.store import Store
from syncd.store.tables import rows
from syncd.store.tables.tables import BOOKING, CONFLICT, EVENT, INTENT
from syncd.store.tables.timestamps import instant_text

_INSTANT = len("2026-11-29T00:00:00.000000Z")


def providers_out_of_range(store: Store, first: datetime, last: datetime) -> set[str]:
    """Return the providers with active rows that begin before ``first`` or end after ``last``."""
    span = (instant_text(first), instant_text(last))
    queries = [
        select(EVENT.c.provider).where(
            EVENT.c.retired.is_(False),
            or_(
                *(
                    _outside(EVENT.c[name], *span)
                    for name in ("observed", "base", "written", "former")
                ),
                EVENT.c.updated_at < first,
                EVENT.c.updated_at > last,
            ),
        ),
        select(BOOKING.c.provider).where(
            BOOKING.c.retired.is_(False), _outside(BOOKING.c.agreed, *span)
        ),
        select(INTENT.c.provider).where(
            PENDING,
            or_(_outside(INTENT.c.before, *span), _outside(INTENT.c.after, *span)),
        ),
    ]
    providers = {row["provider"] for query in queries for row in store.query_once(query.distinct())}
    conflicts = map(
        rows.to_conflict, store.query_once(select(CONFLICT).where(CONFLICT.c.closed_at.is_(None)))
    )
    return providers | {
        held.conflict.provider
        for held in conflicts
        for claim in held.conflict.claims
        if claim.value is not None and not first <= claim.value.start <= claim.value.end <= last
    }


def _outside(column: Any, first: str, last: str) -> ColumnElement[bool]:
    """Compare a value, ``start/end status``, as text: all instants have the same length."""
    text = type_coerce(column, String)
    start, end = func.substr(text, 1, _INSTANT), func.substr(text, _INSTANT + 2, _INSTANT)
    return or_(start < first, start > last, end > last)
