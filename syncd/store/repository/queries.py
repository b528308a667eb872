"""Queries that every cycle and every write run.

They are built once and kept, because building one takes longer than running it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import BindParameter, bindparam, select, update

from syncd.store.repository.load import PENDING
from syncd.store.tables.tables import (
    BASELINE,
    BOOKING,
    CONFLICT,
    COVERAGE,
    EVENT,
    HEALTH,
    INTENT,
    REPLICA,
    RUN,
)

FINGERPRINTS = select(EVENT.c.id, EVENT.c.fingerprint).where(
    EVENT.c.system == bindparam("system"),
    EVENT.c.retired.is_(False),
    EVENT.c.starts < bindparam("end"),
    EVENT.c.ends > bindparam("start"),
)


@cache
def fingerprints_of(count: int) -> Any:
    """Return the query for the fingerprints of ``count`` providers."""
    providers: list[BindParameter[str]] = [bindparam(f"provider{n}") for n in range(count)]
    return FINGERPRINTS.where(EVENT.c.provider.in_(providers))


EVENT_BY_ID = select(EVENT).where(
    EVENT.c.system == bindparam("system"), EVENT.c.id == bindparam("event")
)
REPLICAS_OF_EVENT = select(REPLICA).where(
    REPLICA.c.system == bindparam("system"), REPLICA.c.event == bindparam("event")
)
PENDING_INTENTS = select(INTENT).where(PENDING).order_by(INTENT.c.opened_at, INTENT.c.id)
OPEN_CONFLICTS = (
    select(CONFLICT)
    .where(CONFLICT.c.closed_at.is_(None), CONFLICT.c.outcome == "")
    .order_by(CONFLICT.c.opened_at, CONFLICT.c.id)
)
LAST_COVERAGE, BASELINES = select(COVERAGE), select(BASELINE)
ALL_HEALTH = select(HEALTH)
EVENTS_OF_CALENDAR = select(EVENT).where(
    EVENT.c.system == bindparam("system"),
    EVENT.c.provider == bindparam("provider"),
    EVENT.c.retired.is_(False),
)
BOOKINGS = select(BOOKING).where(BOOKING.c.retired.is_(False))
BOOKINGS_OF = BOOKINGS.where(BOOKING.c.provider == bindparam("provider"))
FINISH_RUN = (
    update(RUN)
    .where(RUN.c.id == bindparam("run"))
    .values(finished_at=bindparam("finished_at"), report=bindparam("report"))
)
ENDED_CONFLICTS = select(CONFLICT).where(
    CONFLICT.c.provider == bindparam("provider"), CONFLICT.c.outcome == bindparam("outcome")
)
