"""Rows that go: links, events, and bookings that become history."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select, update

from syncd.model import EventRef, Replica
from syncd.store.tables import BOOKING, EVENT, REPLICA

CHUNK = 400
"""Ids in one IN (...): well below the number of variables that any SQLite allows."""


def unlink(connection: Connection, replica: Replica) -> None:
    """Drop a link."""
    connection.execute(
        delete(REPLICA).where(
            REPLICA.c.booking == replica.booking,
            REPLICA.c.system == replica.system,
            REPLICA.c.event == replica.event,
        )
    )


def forget(connection: Connection, ref: EventRef) -> None:
    """Drop an event and its links."""
    connection.execute(
        delete(REPLICA).where(REPLICA.c.system == ref.system, REPLICA.c.event == ref.id)
    )
    connection.execute(delete(EVENT).where(EVENT.c.system == ref.system, EVENT.c.id == ref.id))


def retire(connection: Connection, bookings: Sequence[str]) -> None:
    """Make bookings history, and with them the events that serve no other living booking."""
    for at in range(0, len(bookings), CHUNK):
        some = bookings[at : at + CHUNK]
        connection.execute(update(BOOKING).where(BOOKING.c.id.in_(some)).values(retired=True))
        events = connection.execute(
            select(REPLICA.c.system, REPLICA.c.event).where(REPLICA.c.booking.in_(some)).distinct()
        ).all()
        for system, event in events:
            serves = (
                select(BOOKING.c.id)
                .join(REPLICA, REPLICA.c.booking == BOOKING.c.id)
                .where(
                    REPLICA.c.system == system,
                    REPLICA.c.event == event,
                    BOOKING.c.retired.is_(False),
                )
            )
            connection.execute(
                update(EVENT)
                .where(EVENT.c.system == system, EVENT.c.id == event, ~serves.exists())
                .values(retired=True)
            )
