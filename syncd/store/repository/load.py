"""Load the active state of a provider, with eight queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Dialect, bindparam, or_, select
from sqlalchemy.engine.interfaces import DBAPICursor

from syncd.model import IntentState, ProviderState
from syncd.store.database.prepared_statements import compiled
from syncd.store.tables import rows
from syncd.store.tables.tables import (
    BOOKING,
    CONFLICT,
    EVENT,
    INTENT,
    OWNER_CHANGE,
    REPLICA,
    WAIVER,
)

Read = TypeVar("Read")

PENDING = or_(*(INTENT.c.state == str(state) for state in IntentState if state.pending))
"""The condition for journal rows whose outcome is not known yet."""

_LIVING = select(BOOKING.c.id).where(
    BOOKING.c.provider == bindparam("provider"), BOOKING.c.retired.is_(False)
)
_RECORDS = (
    select(EVENT)
    .where(EVENT.c.provider == bindparam("provider"), EVENT.c.retired.is_(False))
    .order_by(EVENT.c.system, EVENT.c.id)
)
_ENDED = (
    select(EVENT)
    .distinct()
    .join(REPLICA, (REPLICA.c.system == EVENT.c.system) & (REPLICA.c.event == EVENT.c.id))
    .where(
        REPLICA.c.booking.in_(_LIVING),
        EVENT.c.provider == bindparam("provider"),
        EVENT.c.retired.is_(True),
        EVENT.c.ended.is_(True),
        EVENT.c.observed.is_(None),
    )
    .order_by(EVENT.c.system, EVENT.c.id)
)
_BOOKINGS = select(BOOKING).where(BOOKING.c.id.in_(_LIVING)).order_by(BOOKING.c.id)
_REPLICAS = (
    select(REPLICA)
    .where(REPLICA.c.booking.in_(_LIVING))
    .order_by(REPLICA.c.booking, REPLICA.c.system, REPLICA.c.event)
)
_CONFLICTS = (
    select(CONFLICT)
    .where(CONFLICT.c.provider == bindparam("provider"), CONFLICT.c.closed_at.is_(None))
    .order_by(CONFLICT.c.opened_at, CONFLICT.c.id)
)
_INTENTS = (
    select(INTENT)
    .where(INTENT.c.provider == bindparam("provider"), PENDING)
    .order_by(INTENT.c.opened_at, INTENT.c.id)
)
_WAIVERS = (
    select(WAIVER).where(WAIVER.c.booking.in_(_LIVING)).order_by(WAIVER.c.booking, WAIVER.c.system)
)
_OWNER_CHANGES = (
    select(OWNER_CHANGE)
    .where(OWNER_CHANGE.c.provider == bindparam("provider"))
    .order_by(OWNER_CHANGE.c.system, OWNER_CHANGE.c.event)
)


def load_provider(dialect: Dialect, cursor: DBAPICursor, provider: str) -> ProviderState:
    """Load the active state of a provider; use the cursor of a transaction for consistency."""

    def every(query: Any, read: Callable[[Mapping[str, Any]], Read]) -> tuple[Read, ...]:
        return tuple(map(read, compiled(dialect, query).query(cursor, [{"provider": provider}])))

    return ProviderState(
        provider,
        records=every(_RECORDS, rows.to_record),
        bookings=every(_BOOKINGS, rows.to_booking),
        replicas=every(_REPLICAS, rows.to_replica),
        conflicts=every(_CONFLICTS, rows.to_conflict),
        intents=every(_INTENTS, rows.to_intent),
        undo_suppressions=every(_WAIVERS, rows.to_suppression),
        owner_changes=every(_OWNER_CHANGES, rows.to_owner_change),
        ended=every(_ENDED, rows.to_ended),
    )
