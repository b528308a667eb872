"""Read values of APIs that send numbers as strings, strings as numbers, or nothing."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from syncd.systems.decoding import UNREADABLE, decode

T = TypeVar("T")

_WHOLE = re.compile(r"-?[0-9]{1,18}")
"""A whole number of at most 18 digits; `int` refuses thousands of digits."""

_MAX_TEXT = 64 * 1024
"""Characters of a text field; a longer one counts as empty."""

LenientValue = str | int | float | bool | list[Any] | None
"""JSON values accepted in place of an object, so that one odd row does not lose a page."""


def text(value: object) -> str:
    """Return a text or whole number as stripped text; '' for any other value.

    A text of more than 64 Ki characters counts as '', to bound memory. NUL is replaced, because
    PostgreSQL stores no text with it.
    """
    if isinstance(value, str):
        if len(value) > _MAX_TEXT:
            return ""
        return (value if "\0" not in value else value.replace("\0", "\ufffd")).strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def read_json(body: bytes, shape: type[T]) -> T | None:
    """Decode a JSON body; None if it does not fit the type, is no JSON, or is nested too deep."""
    try:
        return decode(body, shape)
    except (*UNREADABLE, MemoryError):
        return None


def number(value: object) -> int | None:
    """Return a whole number that may be sent as text; None for any other value."""
    digits = text(value)
    return int(digits) if _WHOLE.fullmatch(digits) else None
