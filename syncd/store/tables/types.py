"""Column types: instants, values and lists, stored as readable text that sorts correctly."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Dialect, String, Text, TypeDecorator

from syncd.model import Value
from syncd.store.tables.timestamps import instant_text, value_of

# Most values of a provider are stored several times: as observed, base, agreed, in each system.
_value = lru_cache(maxsize=4096)(value_of)

_write_json = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored as ISO 8601 text in UTC with microseconds."""

    impl = String(27)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], str | None]:
        """Return the function that converts an instant to text for the database.

        The function raises ValueError for a naive datetime.
        """
        del dialect
        return _from_instant

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[str | None], datetime | None]:
        """Return the function that converts the stored text to an instant."""
        del dialect, coltype
        return _to_instant


class ValueText(TypeDecorator[Value]):
    """A value, stored as ``start/end status``."""

    impl = String(80)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Value | None], str | None]:
        """Return the function that converts a value to text for the database."""
        del dialect
        return _from_value

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[str | None], Value | None]:
        """Return the function that converts the stored text to a value."""
        del dialect, coltype
        return _to_value


class JsonText(TypeDecorator[Any]):
    """A list or object, stored as JSON text, the same in every database."""

    impl = Text()
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str | None]:
        """Return the function that converts an object to JSON text for the database."""
        del dialect
        return _from_json

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[str | None], Any]:
        """Return the function that converts the stored JSON text to an object."""
        del dialect, coltype
        return _to_json


# Functions, not `process_bind_param`: that costs two more calls for each column of each row.


def _from_instant(value: datetime | None) -> str | None:
    return None if value is None else instant_text(value)


def _to_instant(value: str | None) -> datetime | None:
    try:
        return None if value is None else datetime.fromisoformat(value)
    except (ValueError, TypeError):
        raise _unreadable(value) from None


def _from_value(value: Value | None) -> str | None:
    if value is None:
        return None
    return f"{instant_text(value.start)}/{instant_text(value.end)} {value.status}"


def _to_value(value: str | None) -> Value | None:
    try:
        return None if value is None else _value(value)
    except (ValueError, TypeError, AttributeError):
        raise _unreadable(value) from None


def _from_json(value: Any) -> str | None:
    return None if value is None else _write_json(value)


def _to_json(value: str | None) -> Any:
    try:
        return None if value is None else json.loads(value)
    except (ValueError, TypeError, RecursionError):
        raise _unreadable(value) from None


def _unreadable(value: object) -> sqlite3.DataError:
    """Return an SQLite error for a damaged value, which `store.errors.translate_errors` knows."""
    return sqlite3.DataError(f"malformed value of {type(value).__name__} in a row")
