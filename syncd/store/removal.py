"""Rows that go, or become history: the statements of one transaction of `Store.apply`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Dialect, bindparam, delete, select, update
from sqlalchemy.engine.interfaces import DBAPICursor

from syncd.model import EventRef, Replica
from syncd.store.prepared import saying
from syncd.store.tables import BOOKING, EVENT, REPLICA

CHUNK = 400
"""Ids in one IN (...): well below the number of variables that any SQLite allows."""

_OF_EVENT = (REPLICA.c.system == bindparam("in_system"), REPLICA.c.event == bindparam("of_event"))
_THE_EVENT = (EVENT.c.system == bindparam("in_system"), EVENT.c.id == bindparam("of_event"))
_OF_BOOKING = REPLICA.c.booking == bindparam("of_booking")

_UNLINK = delete(REPLICA).where(_OF_BOOKING, *_OF_EVENT)
_UNLINK_ALL = delete(REPLICA).where(*_OF_EVENT)
_FORGET = delete(EVENT).where(*_THE_EVENT)
_RETIRE = update(BOOKING).where(BOOKING.c.id == bindparam("of_booking")).values(retired=True)
_EVENTS = select(REPLICA.c.system, REPLICA.c.event).where(_OF_BOOKING)
_SERVES = select(BOOKING.c.id).join(REPLICA, REPLICA.c.booking == BOOKING.c.id)
_SERVES = _SERVES.where(*_OF_EVENT, BOOKING.c.retired.is_(False))
_RETIRE_EVENT = update(EVENT).where(*_THE_EVENT, ~_SERVES.exists()).values(retired=True)


def unlink(dialect: Dialect, cursor: DBAPICursor, replicas: Sequence[Replica]) -> None:
    """Let bookings no more be linked to those events."""
    gone = [{"of_booking": r.booking, "in_system": r.system, "of_event": r.event} for r in replicas]
    saying(dialect, _UNLINK).carry_out(cursor, gone)


def forget(dialect: Dialect, cursor: DBAPICursor, refs: Sequence[EventRef]) -> None:
    """Drop events, and every link to them."""
    gone = [{"in_system": ref.system, "of_event": ref.id} for ref in refs]
    saying(dialect, _UNLINK_ALL).carry_out(cursor, gone)
    saying(dialect, _FORGET).carry_out(cursor, gone)


def retire(dialect: Dialect, cursor: DBAPICursor, bookings: Sequence[str]) -> None:
    """Make bookings history, and with them the events that serve no other living booking."""
    over = [{"of_booking": booking} for booking in bookings]
    saying(dialect, _RETIRE).carry_out(cursor, over)
    served = saying(dialect, _EVENTS).ask(cursor, over)
    if served:
        ended = {(row["system"], row["event"]) for row in served}
        saying(dialect, _RETIRE_EVENT).carry_out(
            cursor, [{"in_system": system, "of_event": event} for system, event in sorted(ended)]
        )
