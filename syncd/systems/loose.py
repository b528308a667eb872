"""Reading values of APIs that send numbers as strings, strings as numbers, or nothing at all."""

from __future__ import annotations

from typing import Any

Odd = str | int | float | bool | list[Any] | None
"""What may stand where a JSON object was promised: decoded, so that one odd row spoils no page."""


def text(value: object) -> str:
    """Return an id or word as stripped text; '' for whatever is neither text nor whole number.

    NUL is replaced: PostgreSQL keeps no text that holds one.
    """
    if isinstance(value, str):
        return (value if "\0" not in value else value.replace("\0", "\ufffd")).strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def number(value: object) -> int | None:
    """Return a whole number that may come as text; None where there is none."""
    digits = text(value)
    return int(digits) if digits.isascii() and digits.lstrip("-").isdigit() else None
