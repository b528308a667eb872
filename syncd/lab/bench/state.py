"""The state of a syncd that has synced an agency, made without any write to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from syncd.app import App
from syncd.model import Booking, Changes, Kind, Replica, Role, TrackedEvent, Window
from syncd.store.store import Store
from syncd.systems.port import Snapshot

BATCH = 5000


async def converge(app: App, window: Window, now: datetime) -> None:
    """Store what `app` would know after its first sync: every event accepted, every pair linked."""
    snapshots = {name: await system.read(window) for name, system in app.systems.items()}
    changes = Changes()
    booked: dict[tuple[str, datetime], str] = {}
    for wanted in (Kind.APPOINTMENT, Kind.BLOCK):
        for name, snapshot in snapshots.items():
            _take(app, name, snapshot, wanted, now, changes, booked)
    changes.coverage = [c for s in snapshots.values() for c in s.coverage]
    for at in range(0, len(changes.records), BATCH):
        app.store.apply(Changes(records=changes.records[at : at + BATCH]))
    for at in range(0, len(changes.bookings), BATCH):
        app.store.apply(Changes(bookings=changes.bookings[at : at + BATCH]))
    for at in range(0, len(changes.replicas), BATCH):
        app.store.apply(Changes(replicas=changes.replicas[at : at + BATCH]))
    app.store.apply(Changes(coverage=changes.coverage))


def _take(
    app: App,
    name: str,
    snapshot: Snapshot,
    wanted: Kind,
    now: datetime,
    changes: Changes,
    booked: dict[tuple[str, datetime], str],
) -> None:
    """Accept the rows of one kind; link blocks to the booking of their interval."""
    system = app.systems[name]
    for row in snapshot.rows:
        event = system.event(row)
        if event.kind is not wanted:
            continue
        is_block = event.kind is Kind.BLOCK
        place = (event.provider, event.value.start)
        if not is_block:
            booked[place] = f"b{len(booked):011}"
            changes.bookings.append(
                Booking(booked[place], event.provider, event.kind, event.value, opened_at=now)
            )
        changes.records.append(
            TrackedEvent(
                system=name,
                provider=event.provider,
                id=event.id,
                kind=event.kind,
                observed=event.value,
                observed_at=now,
                fingerprint=row.fingerprint,
                base=event.value,
                created_by_us=is_block,
                customer=event.customer,
                service=event.service,
                key=event.key,
                updated_at=event.updated_at,
                written=event.value if is_block else None,
                written_at=now - timedelta(hours=1) if is_block else None,
            )
        )
        role = Role.BLOCK if is_block else Role.ORIGIN
        changes.replicas.append(Replica(booked[place], name, event.id, role))


def age(path: Path, rows: int) -> None:
    """Add old rows to a state: ``rows`` ended bookings with two events each, and their history."""
    with closing(sqlite3.connect(path)) as connection, connection:
        counted = f"SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}"
        numbers = f"WITH RECURSIVE n(i) AS ({counted})"
        template = {
            table: [c[1] for c in connection.execute(f"PRAGMA table_info({table})")]
            for table in ("booking", "event", "replica", "history")
        }
        for table, also in _PAST.items():
            columns = template[table]
            shown = ", ".join(also.get(c, f't."{c}"') for c in columns)
            named = ", ".join(f'"{c}"' for c in columns)
            source = f"(SELECT * FROM {table} LIMIT 1)" if table != "history" else "(SELECT 1)"
            connection.execute(
                f"INSERT INTO {table} ({named}) {numbers} SELECT {shown} FROM n, {source} t"
            )


_OLD = "strftime('%Y-%m-%dT%H:%M:%S.000000Z', '2020-01-01', '+' || (i % 30000) || ' hours')"
_END = "strftime('%Y-%m-%dT%H:%M:%S.000000Z', '2020-01-01', '+' || (i % 30000 + 1) || ' hours')"
_VALUE = f"{_OLD} || '/' || {_END} || ' confirmed'"
_PAST = {
    "booking": {"id": "'old' || i", "agreed": _VALUE, "retired": "1"},
    "event": {
        "id": "'old' || i",
        "starts": _OLD,
        "ends": _END,
        "observed": _VALUE,
        "base": _VALUE,
        "retired": "1",
    },
    "replica": {"booking": "'old' || i", "event": "'old' || i"},
    "history": {
        "seq": "NULL",
        "at": _OLD,
        "run": "'r' || (i % 1000)",
        "provider": "(SELECT provider FROM booking LIMIT 1)",
        "what": "'seen'",
        "booking": "'old' || i",
        "system": "'crm'",
        "event": "'old' || i",
        "before": _VALUE,
        "after": _VALUE,
        "rule": "''",
        "detail": "''",
        "place": "''",
        "seen_at": "NULL",
    },
}
"""The columns that differ from the first row of each table."""


def open_state(path: Path) -> Store:
    """Open the state; create it if needed."""
    return Store.open(path)


__all__: Sequence[str] = ("age", "converge", "open_state")
