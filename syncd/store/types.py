"""Column types: instants, values and lists as text that sorts, compares and can be read."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Dialect, String, Text, TypeDecorator

from syncd.model import Status, Value
from syncd.store.instants import instant_text


@lru_cache(maxsize=4096)  # a provider's, whose state is loaded at a time
def _value(text: str) -> Value:
    """Read a value; most are stored several times: as observed, base, agreed, in each system."""
    interval, _, status = text.partition(" ")
    start, _, end = interval.partition("/")
    return Value(datetime.fromisoformat(start), datetime.fromisoformat(end), Status(status))


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as ISO 8601 text in UTC with microseconds."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """To text. Raises ValueError for a naive datetime."""
        del dialect
        return None if value is None else instant_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From text."""
        del dialect
        return None if value is None else datetime.fromisoformat(value)


class ValueText(TypeDecorator[Value]):
    """A value as ``start/end status``."""

    impl = String(80)
    cache_ok = True

    def process_bind_param(self, value: Value | None, dialect: Dialect) -> str | None:
        """To text."""
        del dialect
        if value is None:
            return None
        return f"{instant_text(value.start)}/{instant_text(value.end)} {value.status}"

    def process_result_value(self, value: Any, dialect: Dialect) -> Value | None:
        """From text."""
        del dialect
        return None if value is None else _value(value)


class JsonText(TypeDecorator[Any]):
    """Lists and objects as JSON text, the same on every database."""

    impl = Text()
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """To text."""
        del dialect
        return None if value is None else json.dumps(value, sort_keys=True, separators=(",", ":"))

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """From text."""
        del dialect
        return None if value is None else json.loads(value)
