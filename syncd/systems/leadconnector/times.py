"""The spellings of one instant on v2 (leadconnector-v2.md 1.3, last paragraph)."""

from __future__ import annotations

from datetime import UTC, datetime

from syncd.model import from_millis, resolve_wall_time, utc
from syncd.systems.loose import text

_SHORTEST = len("2020-08-28")
_AWARE = len("2020-08-28T15:30:00Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(value: object, zone: str) -> datetime:
    """Read ISO 8601 with or without offset, or epoch milliseconds, as number or text.

    A time without offset is a wall clock in ``zone`` ('' if unknown). Raises ValueError.
    """
    written = text(value)
    if written.isascii() and written.isdigit() and len(written) > _SHORTEST:
        return from_millis(int(written))
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        message = "a time is missing or unreadable"
        raise ValueError(message) from None
    if moment.tzinfo is not None:
        return utc(moment)
    if not zone:
        message = "a time has no offset, and the location's zone is not known"
        raise ValueError(message)
    return resolve_wall_time(moment, zone).instant


def may_be_bare(value: object) -> bool:
    """Whether a time is too short to carry an offset: cheap enough to ask of every row."""
    return isinstance(value, str) and len(value) < _AWARE and not value.isdigit()


def millis(moment: datetime) -> int:
    """Spell an instant for a query."""
    return round((moment - _EPOCH).total_seconds() * 1000)


def written(moment: datetime) -> str:
    """Spell an instant for a body: ISO with the offset of UTC."""
    return utc(moment).isoformat(timespec="seconds")
