"""Check that every value in a state can be read. Used for files that somebody put in place.

SQLite accepts text in a column of numbers, and any text in a column of times. The check is SQL with
one pass per table, so it is fast for a state of a hundred thousand events.
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
from syncd.store.tables.tables import METADATA
from syncd.store.tables.timestamps import claim_of
from syncd.store.tables.types import Instant, JsonText, ValueText

MAX_STORED_TEXT = 64 * 1024
"""The maximum number of characters in a text."""

MAX_STORED_JSON = 16 * 1024 * 1024
"""The maximum number of characters in JSON. The report of a run lists all its operations."""

FIRST_YEAR, LAST_YEAR = "1970", "2200"
"""The range of the starts of events that any version of syncd accepted; the last is excluded."""

_REMEDY = "The file was not changed. Restore another backup (`syncd restore FILE`)."

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
"""The columns whose text is a member of an enumeration."""

_LISTS = frozenset({"bookings", "claims", "calendars", "seats", "offers"})
"""The JSON columns with a list. The others contain an object or null."""

_STARTS = frozenset({"observed", "base", "agreed", "written", "former", "before", "after"})
"""The columns of values whose start is the start of an event."""

_DIGIT = "[0-9]"
_TIME = (
    f"{_DIGIT * 4}-[01]{_DIGIT}-[0-3]{_DIGIT}T[0-2]{_DIGIT}:[0-5]{_DIGIT}:[0-5]{_DIGIT}."
    f"{_DIGIT * 6}Z"
)


def check_values(database: sqlite3.Connection, place: str) -> None:
    """Check that every value of a state can be read. Raises `StateError` for the first bad value.

    The layout must have been checked before (`store.database.layout`). An older version may lack
    tables and columns.
    """
    for table in METADATA.sorted_tables:
        existing = {row[1] for row in database.execute(f'PRAGMA table_info("{table.name}")')}
        columns = [column for column in table.columns if column.name in existing]
        if columns:
            _check_table(database, table, columns, place)


def _check_table(
    database: sqlite3.Connection, table: Table, columns: Iterable[Column[Any]], place: str
) -> None:
    tests = {column.name: _test(table, column) for column in columns}
    all_tests = " AND ".join(f"({test})" for test in tests.values())
    # S608: the names are those of our own tables.
    query = f'SELECT rowid FROM "{table.name}" WHERE ({all_tests}) IS NOT TRUE LIMIT 1'  # noqa: S608
    bad_row = database.execute(query).fetchone()
    if bad_row is not None:
        for name, test in tests.items():
            one = f'SELECT ({test}) IS TRUE FROM "{table.name}" WHERE rowid = ?'  # noqa: S608
            if not database.execute(one, bad_row).fetchone()[0]:
                raise _unreadable(place, table.name, name, bad_row[0])
    for row, name, error in _unreadable_json(database, table, columns):
        raise _unreadable(place, table.name, name, row) from error


def _unreadable(place: str, table: str, column: str, row: object) -> StateError:
    return StateError(place, f"row {row} of table {table} has an unreadable {column}", _REMEDY)


def _test(table: Table, column: Column[Any]) -> str:
    """Return the SQL condition that is true if a column of a row is readable."""
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
    # SQLite accepts 31 days in every month, but then date() returns another day. That comparison is
    # slow, so it is only made for days after the 28th.
    month, day, hour = (f"substr({name}, {at}, 2)" for at in (6, 9, 12))
    same = f"date(substr({name}, 1, 10), '+0 days') = substr({name}, 1, 10)"
    return (
        f"{name} GLOB '{_TIME}' AND {name} >= '0001' AND {month} BETWEEN '01' AND '12'"
        f" AND {hour} < '24' AND ({day} BETWEEN '01' AND '28' OR {same})"
    )


def _unreadable_json(
    database: sqlite3.Connection, table: Table, columns: Iterable[Column[Any]]
) -> Iterator[tuple[object, str, Exception]]:
    """Yield row id, column and error of the values that are not JSON of the expected shape."""
    for column in columns:
        if not isinstance(column.type, JsonText):
            continue
        query = f'SELECT rowid, "{column.name}" FROM "{table.name}"'  # noqa: S608 - our own names
        for row, text in database.execute(query):
            try:
                _check_shape(column.name, None if text is None else json.loads(text))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                yield row, column.name, error


def _check_shape(name: str, value: object) -> None:
    if name not in _LISTS:
        if value is not None and not isinstance(value, dict):
            raise ValueError(name)
        return
    if not isinstance(value, list):
        raise TypeError(name)
    if name == "claims":
        for claim in value:
            claim_of(claim)
    elif name in {"bookings", "calendars"} and not all(isinstance(each, str) for each in value):
        raise TypeError(name)
