"""The least that a cycle without changes can cost: decode, fingerprint, compare two columns.

Nine fields of each event through msgspec, one text of those that matter, and the same two columns
streamed from SQLite. Nothing is checked, nobody's calendar is told apart, nothing is decided.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

import msgspec


class Lean(msgspec.Struct, rename="camel"):
    """Nine fields of an event."""

    id: Any = None
    calendar_id: Any = None
    assigned_user_id: Any = None
    contact_id: Any = None
    title: Any = None
    appointment_status: Any = None
    start_time: Any = None
    end_time: Any = None
    date_updated: Any = None


class LeanPage(msgspec.Struct):
    """A list of them."""

    events: list[Lean]


def bodies(size: int) -> list[bytes]:
    """So many events as v2 lists them, in pages of a thousand."""
    rows = [
        {
            "id": f"{n:020}",
            "address": "",
            "title": "Knee pain",
            "calendarId": f"calendar{n % 100:012}",
            "locationId": "C2QujeCh8ZnC7al2InWR",
            "contactId": f"contact{n % 1000:013}",
            "groupId": "group000000000000000",
            "appointmentStatus": "confirmed",
            "appoinmentStatus": "confirmed",
            "assignedUserId": f"user{n % 100:016}",
            "users": [],
            "notes": "",
            "source": "booking_widget",
            "startTime": f"2026-06-{n % 28 + 1:02}T09:00:00+02:00",
            "endTime": f"2026-06-{n % 28 + 1:02}T10:00:00+02:00",
            "dateAdded": "2026-05-01T09:00:00.000Z",
            "dateUpdated": "2026-05-01T09:00:00.000Z",
        }
        for n in range(size)
    ]
    return [
        msgspec.json.encode({"events": rows[at : at + 1000], "traceId": "trace"})
        for at in range(0, size, 1000)
    ]


def fill(connection: sqlite3.Connection, pages: Iterable[bytes]) -> None:
    """Store what the pages hold."""
    connection.execute("CREATE TABLE e (id TEXT PRIMARY KEY, f TEXT) WITHOUT ROWID")
    decode = msgspec.json.Decoder(LeanPage).decode
    for page in pages:
        rows = [(e.id, _print(e)) for e in decode(page).events]
        connection.executemany("INSERT INTO e VALUES (?, ?)", rows)
    connection.commit()


def cycle(connection: sqlite3.Connection, pages: Iterable[bytes]) -> int:
    """One cycle in which nothing changed; how many events differ."""
    decode = msgspec.json.Decoder(LeanPage).decode
    known = dict(connection.execute("SELECT id, f FROM e"))
    return sum(
        known.get(e.id)
        != f"{e.start_time}|{e.end_time}|{e.appointment_status}|{e.assigned_user_id}"
        for page in pages
        for e in decode(page).events
    )


def _print(event: Lean) -> str:
    return (
        f"{event.start_time}|{event.end_time}|{event.appointment_status}|{event.assigned_user_id}"
    )
