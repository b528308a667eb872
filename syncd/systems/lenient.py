"""Reading values of APIs that send numbers as strings, strings as numbers, or nothing at all."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from syncd.systems.decoding import UNREADABLE, decode

T = TypeVar("T")

_WHOLE = re.compile(r"-?[0-9]{1,18}")
"""More digits count nothing that exists, and thousands of them are more than `int` takes."""

_LONGEST = 64 * 1024
"""Characters of the longest text that a field may hold."""

LenientValue = str | int | float | bool | list[Any] | None
"""What may stand where a JSON object was promised: decoded, so that one odd row spoils no page."""


def text(value: object) -> str:
    """Return an id or word as stripped text; '' for whatever is neither text nor whole number.

    Megabytes of text count as nothing: each copy of them would take four times as much memory.
    NUL is replaced: PostgreSQL keeps no text that holds one.
    """
    if isinstance(value, str):
        if len(value) > _LONGEST:
            return ""
        return (value if "\0" not in value else value.replace("\0", "\ufffd")).strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def read_json(body: bytes, shape: type[T]) -> T | None:
    """Read a JSON body into a shape; None if it is not of that shape, or no JSON.

    Nesting of thousands of levels, which costs a few bytes a level, counts as no JSON.
    """
    try:
        return decode(body, shape)
    except (*UNREADABLE, MemoryError):
        return None


def number(value: object) -> int | None:
    """Return a whole number that may come as text; None where there is none."""
    digits = text(value)
    return int(digits) if _WHOLE.fullmatch(digits) else None
