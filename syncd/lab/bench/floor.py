"""The minimal cost of a cycle without changes: decode, make fingerprints, compare two columns.

It reads the same bodies as syncd: nine fields of each event through msgspec, one text of the
relevant fields, and the same two columns streamed from SQLite. It validates nothing, separates no
calendars and decides nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec


class LeanV2(msgspec.Struct, rename="camel"):
    """Nine fields of a v2 event."""

    id: Any = None
    calendar_id: Any = None
    assigned_user_id: Any = None
    contact_id: Any = None
    title: Any = None
    appointment_status: Any = None
    start_time: Any = None
    end_time: Any = None
    date_updated: Any = None


class LeanV1(msgspec.Struct, rename="camel"):
    """Nine fields of a v1 appointment."""

    id: Any = None
    calendar_id: Any = None
    assigned_user_id: Any = None
    contact_id: Any = None
    title: Any = None
    appointment_status: Any = None
    start_time: Any = None
    end_time: Any = None
    updated_at: Any = None


class LeanTask(msgspec.Struct, rename="pascal"):
    """Nine fields of a LeadSquared task."""

    user_task_id: Any = None
    name: Any = None
    description: Any = None
    related_entity_id: Any = None
    due_date: Any = None
    end_date: Any = None
    status_code: Any = None
    owner_email_address: Any = None
    modified_on: Any = None


class PageV2(msgspec.Struct):
    """A list of v2."""

    events: list[LeanV2]


class PageV1(msgspec.Struct):
    """A list of v1."""

    appointments: list[LeanV1]


class PageOfTasks(msgspec.Struct):
    """A list of LeadSquared."""

    rows: list[LeanTask] = msgspec.field(name="List")


Pairs = list[tuple[str, str]]
Bodies = Mapping[str, Sequence[bytes]]


_DECODE_V2 = msgspec.json.Decoder(PageV2).decode
_DECODE_V1 = msgspec.json.Decoder(PageV1).decode
_DECODE_TASKS = msgspec.json.Decoder(PageOfTasks).decode


def _v2(page: bytes) -> Pairs:
    return [
        (e.id, f"{e.start_time}|{e.end_time}|{e.appointment_status}|{e.assigned_user_id}")
        for e in _DECODE_V2(page).events
    ]


def _v1(page: bytes) -> Pairs:
    return [
        (e.id, f"{e.start_time}|{e.end_time}|{e.appointment_status}|{e.assigned_user_id}")
        for e in _DECODE_V1(page).appointments
    ]


def _tasks(page: bytes) -> Pairs:
    return [
        (e.user_task_id, f"{e.due_date}|{e.end_date}|{e.status_code}|{e.owner_email_address}")
        for e in _DECODE_TASKS(page).rows
    ]


LISTS: Mapping[bytes, tuple[str, Callable[[bytes], Pairs]]] = {
    b'{"events":': ("clinic", _v2),
    b'{"appointments":': ("legacy", _v1),
    b'{"RecordCount":': ("crm", _tasks),
}
"""The start of a list's body, and how the list is read."""


def fill(connection: sqlite3.Connection, pages: Sequence[bytes]) -> None:
    """Store the content of the pages."""
    connection.execute("CREATE TABLE e (s TEXT, id TEXT, f TEXT, PRIMARY KEY (s, id))")
    for begin, (system, read) in LISTS.items():
        for page in pages:
            if page.startswith(begin):
                rows = [(system, *pair) for pair in read(page)]
                connection.executemany("INSERT INTO e VALUES (?, ?, ?)", rows)
    connection.commit()


def cycle(connection: sqlite3.Connection, pages: Sequence[bytes]) -> int:
    """Run one cycle without changes; return the number of events that differ."""
    differ = 0
    for begin, (system, read) in LISTS.items():
        known = dict(connection.execute("SELECT id, f FROM e WHERE s = ?", (system,)))
        for page in pages:
            if page.startswith(begin):
                differ += sum(known.get(event) != spelt for event, spelt in read(page))
    return differ
