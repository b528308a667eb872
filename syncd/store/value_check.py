"""Whether what stands in a state's rows can be read: asked of a file that somebody put in place.

SQLite keeps text in a column of numbers, and any text in a column of times. The check is SQL, one
pass over each table, so that a state of a hundred thousand events is looked through in a moment.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, Column, Float, Integer, Table

from syncd.model import (
    Action,
    ConflictKind,
    ExposureCause,
    IntentState,
    Kind,
    OwnerProof,
    Role,
    Status,
    SystemState,
    Topic,
    WaitReason,
)
from syncd.store.errors import StateError
from syncd.store.tables import METADATA
from syncd.store.timestamps import claim_of
from syncd.store.types import Instant, JsonText, ValueText

MAX_STORED_TEXT = 64 * 1024
"""Characters in a text."""

MAX_STORED_JSON = 16 * 1024 * 1024
"""Characters in a list or an object: the report of a run names each of its operations."""

FIRST_YEAR, LAST_YEAR = "1970", "2200"
"""Between these lies the start of each event that syncd ever took for readable."""

_REMEDY = "Left alone. Restore another backup (`syncd restore FILE`)."

_WORDS: Mapping[tuple[str, str], type[StrEnum]] = {
    ("event", "kind"): Kind,
    ("booking", "kind"): Kind,
    ("replica", "role"): Role,
    ("intent", "kind"): Kind,
    ("intent", "action"): Action,
    ("intent", "state"): IntentState,
    ("conflict", "kind"): ConflictKind,
    ("reported", "topic"): Topic,
    ("health", "state"): SystemState,
    ("exposure", "cause"): ExposureCause,
    ("waiting", "why"): WaitReason,
    ("owner_change", "proof"): OwnerProof,
}
"""Columns whose text is one of a few words."""

_LISTS = frozenset({"bookings", "claims", "calendars", "seats", "offers"})
"""Columns of JSON that hold a list; the others hold an object, or null."""

_STARTS = frozenset({"observed", "base", "agreed", "written", "former", "before", "after"})
"""Columns of values whose start is one of an event."""

_DIGIT = "[0-9]"
_TIME = (
    f"{_DIGIT * 4}-[01]{_DIGIT}-[0-3]{_DIGIT}T[0-2]{_DIGIT}:[0-5]{_DIGIT}:[0-5]{_DIGIT}."
    f"{_DIGIT * 6}Z"
)


def check_values(database: sqlite3.Connection, place: str) -> None:
    """Check that every row of a state can be read. Raises `StateError` that names the first.

    The layout was checked before; of an older version, the columns that it has are looked at.
    """
    for table in METADATA.sorted_tables:
        there = {row[1] for row in database.execute(f'PRAGMA table_info("{table.name}")')}
        columns = [column for column in table.columns if column.name in there]
        if columns:
            _expect(database, table, columns, place)


def _expect(
    database: sqlite3.Connection, table: Table, columns: Iterable[Column[Any]], place: str
) -> None:
    tests = {column.name: _test(table, column) for column in columns}
    anything = " AND ".join(f"({test})" for test in tests.values())
    # The names are those of our own tables.
    query = f'SELECT rowid FROM "{table.name}" WHERE ({anything}) IS NOT TRUE LIMIT 1'  # noqa: S608
    found = database.execute(query).fetchone()
    if found is not None:
        for name, test in tests.items():
            one = f'SELECT ({test}) IS TRUE FROM "{table.name}" WHERE rowid = ?'  # noqa: S608
            if not database.execute(one, found).fetchone()[0]:
                raise _unreadable(place, table.name, name, found[0])
    for row, name, why in _unreadable_json(database, table, columns):
        raise _unreadable(place, table.name, name, row) from why


def _unreadable(place: str, table: str, column: str, row: object) -> StateError:
    return StateError(place, f"row {row} of its table {table} holds no readable {column}", _REMEDY)


def _test(table: Table, column: Column[Any]) -> str:
    """The SQL of a test that a column of one row is readable."""
    test = _typed(table.name, column, f'"{column.name}"')
    return f'"{column.name}" IS NULL OR {test}' if column.nullable else test


def _typed(table: str, column: Column[Any], name: str) -> str:
    kind = column.type
    if isinstance(kind, Boolean):
        return f"typeof({name}) = 'integer' AND {name} IN (0, 1)"
    if isinstance(kind, Integer):
        return f"typeof({name}) = 'integer'"
    if isinstance(kind, Float):
        return f"typeof({name}) IN ('integer', 'real') AND abs({name}) < 1e18"
    longest = MAX_STORED_JSON if isinstance(kind, JsonText) else MAX_STORED_TEXT
    test = f"typeof({name}) = 'text' AND instr({name}, char(0)) = 0 AND length({name}) <= {longest}"
    if isinstance(kind, Instant):
        return f"{test} AND {_is_time(name)}"
    if isinstance(kind, ValueText):
        return f"{test} AND {_is_value(name, an_event=column.name in _STARTS)}"
    if (words := _WORDS.get((table, column.name))) is not None:
        test += f" AND {name} IN ({_listed(words)})"
    return test


def _is_value(name: str, *, an_event: bool) -> str:
    start, end = f"substr({name}, 1, 27)", f"substr({name}, 29, 27)"
    rest = f"substr({name}, 28, 1) || substr({name}, 56)"
    words = _listed(f"/ {status}" for status in Status)
    test = f"{rest} IN ({words}) AND {_is_time(start)} AND {_is_time(end)}"
    return f"{test} AND {name} >= '{FIRST_YEAR}' AND {name} < '{LAST_YEAR}'" if an_event else test


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _is_time(name: str) -> str:
    # SQLite takes 31 days in each month: then it writes another day than it read. To ask that is
    # slow, so only the days that a month may lack are asked about.
    month, day, hour = (f"substr({name}, {at}, 2)" for at in (6, 9, 12))
    same = f"date(substr({name}, 1, 10), '+0 days') = substr({name}, 1, 10)"
    return (
        f"{name} GLOB '{_TIME}' AND {name} >= '0001' AND {month} BETWEEN '01' AND '12'"
        f" AND {hour} < '24' AND ({day} BETWEEN '01' AND '28' OR {same})"
    )


def _unreadable_json(
    database: sqlite3.Connection, table: Table, columns: Iterable[Column[Any]]
) -> Iterator[tuple[object, str, Exception]]:
    """Yield the rows whose JSON is none, or of another shape."""
    for column in columns:
        if not isinstance(column.type, JsonText):
            continue
        query = f'SELECT rowid, "{column.name}" FROM "{table.name}"'  # noqa: S608 - our own names
        for row, text in database.execute(query):
            try:
                _expect_shape(column.name, None if text is None else json.loads(text))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                yield row, column.name, error


def _expect_shape(name: str, said: object) -> None:
    if name not in _LISTS:
        if said is not None and not isinstance(said, dict):
            raise ValueError(name)
        return
    if not isinstance(said, list):
        raise TypeError(name)
    if name == "claims":
        for each in said:
            claim_of(each)
    elif name in {"bookings", "calendars"} and not all(isinstance(each, str) for each in said):
        raise TypeError(name)
