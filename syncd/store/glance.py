"""What `syncd status` tells of a state, read with nothing but SQLite: it must be there at once.

SQLAlchemy with its tables takes several times as long to import as all of this takes to run.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from syncd.model import IntentState
from syncd.store.errors import told

SCHEMA = "0001"
"""The version of the schema that this program's migrations end with; a test compares them."""

_PENDING = ", ".join(f"'{state}'" for state in IntentState if state.pending)
_LIVING = {
    "bookings": "SELECT count(*) FROM booking WHERE NOT retired",
    "events": "SELECT count(*) FROM event WHERE NOT retired",
    "conflicts": "SELECT count(*) FROM conflict WHERE closed_at IS NULL",
    "intents": f"SELECT count(*) FROM intent WHERE state IN ({_PENDING})",  # noqa: S608 - our words
}
_LAST = (
    "SELECT id, kind, started_at, finished_at, report FROM run ORDER BY started_at DESC, id LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the store keeps it; ``report`` is the object of `resync --json`, or None."""

    id: str
    kind: str
    started_at: datetime
    finished_at: datetime | None
    report: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Glance:
    """How many rows are alive, the last run, and when each system was last read in full."""

    counts: Mapping[str, int]
    last: Run | None = None
    read_at: Mapping[str, datetime] = field(default_factory=dict)


NOTHING = Glance(dict.fromkeys(_LIVING, 0))
"""A state before its first run."""


def glance(path: Path) -> Glance:
    """Look at the state in this file. Raises `StateError` as `Store.open` does."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            if version == (SCHEMA,):
                return _look(connection)
    except sqlite3.Error as error:
        found = error
    else:
        found = sqlite3.DatabaseError("not a database of this version")
    # What is wrong is told by the one that looks closely.
    from syncd.store.store import Store  # noqa: PLC0415

    Store.open(path, write=False).close()
    with told(str(path)):
        raise found


def _look(connection: sqlite3.Connection) -> Glance:
    counts = {name: int(connection.execute(sql).fetchone()[0]) for name, sql in _LIVING.items()}
    instant = datetime.fromisoformat
    last = connection.execute(_LAST).fetchone()
    read = connection.execute("SELECT system, max(read_at) FROM coverage GROUP BY system")
    return Glance(
        counts,
        None
        if last is None
        else Run(
            last[0],
            last[1],
            instant(last[2]),
            instant(last[3]) if last[3] else None,
            json.loads(last[4]) if last[4] else None,
        ),
        {system: instant(at) for system, at in read},
    )
