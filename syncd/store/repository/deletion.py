"""Delete or archive rows: statements in a transaction of `Store.apply`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Dialect, bindparam, delete, select, update
from sqlalchemy.engine.interfaces import DBAPICursor

from syncd.model import EventRef, OwnerChange, Replica
from syncd.store.database.prepared_statements import compiled
from syncd.store.tables.tables import BOOKING, EVENT, OWNER_CHANGE, REPLICA

CHUNK = 400
"""The number of ids in one IN (...), below the variable limit of every SQLite version."""

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


def delete_links(dialect: Dialect, cursor: DBAPICursor, replicas: Sequence[Replica]) -> None:
    """Delete the links between bookings and events."""
    gone = [{"of_booking": r.booking, "in_system": r.system, "of_event": r.event} for r in replicas]
    compiled(dialect, _UNLINK).execute(cursor, gone)


def delete_events(dialect: Dialect, cursor: DBAPICursor, refs: Sequence[EventRef]) -> None:
    """Delete events and all links to them."""
    gone = [{"in_system": ref.system, "of_event": ref.id} for ref in refs]
    compiled(dialect, _UNLINK_ALL).execute(cursor, gone)
    compiled(dialect, _FORGET).execute(cursor, gone)


def archive_events(dialect: Dialect, cursor: DBAPICursor, bookings: Sequence[str]) -> None:
    """Archive these bookings, and their events that belong to no other active booking."""
    archived = [{"of_booking": booking} for booking in bookings]
    compiled(dialect, _RETIRE).execute(cursor, archived)
    linked = compiled(dialect, _EVENTS).query(cursor, archived)
    if linked:
        events = {(row["system"], row["event"]) for row in linked}
        compiled(dialect, _RETIRE_EVENT).execute(
            cursor, [{"in_system": system, "of_event": event} for system, event in sorted(events)]
        )


DELETE_OWNER_CHANGE = delete(OWNER_CHANGE).where(
    OWNER_CHANGE.c.system == bindparam("of_system"),
    OWNER_CHANGE.c.event == bindparam("of_event"),
    OWNER_CHANGE.c.provider == bindparam("of_provider"),
)


def owner_change_key(change: OwnerChange) -> Mapping[str, str]:
    """Return the key of an owner change, as the parameters of `DELETE_OWNER_CHANGE`."""
    return {
        "of_system": change.system,
        "of_event": change.event,
        "of_provider": change.provider,
    }
