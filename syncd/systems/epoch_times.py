"""Parse epoch times: milliseconds or seconds since 1970, as number or text."""

from __future__ import annotations

import re
from datetime import datetime

from syncd.model import from_millis

EPOCH_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,9})?")
_SECONDS_DIGITS = 10
"""Digits of a time in seconds, from 2001 to 2286; as milliseconds it would lie in 1970."""


def parse_epoch(value: object) -> datetime | None:
    """Return the instant of a number of milliseconds or seconds since 1970; None for others.

    Others are values that are no number, and numbers too small for a time. Raises ValueError for a
    number that is out of range.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    written = value.strip() if isinstance(value, str) else _decimal(value)
    if not EPOCH_NUMBER.fullmatch(written):
        return None
    digits = len(written.lstrip("-").partition(".")[0])
    if digits < _SECONDS_DIGITS:
        return None
    return from_millis(float(written) * (1000 if digits == _SECONDS_DIGITS else 1))


def _decimal(number: float) -> str:
    """Format a number without an exponent; infinity and NaN yield no digits."""
    return f"{number:.3f}" if isinstance(number, float) else str(number)
