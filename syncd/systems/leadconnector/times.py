"""Parse and format times of v2 (docs/platforms/leadconnector-v2.md#times)."""

from __future__ import annotations

from datetime import UTC, datetime

from syncd.model import resolve_wall_time, utc
from syncd.systems.all_day import unwrap_time
from syncd.systems.epoch_times import parse_epoch
from syncd.systems.lenient import text

_LENGTH_WITH_OFFSET = len("2020-08-28T15:30:00Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time(value: object, zone: str) -> datetime:
    """Parse ISO 8601 with or without offset, or milliseconds or seconds since 1970.

    A time without offset is a wall time in ``zone`` ('' if unknown). Raises ValueError.
    """
    value = unwrap_time(value)
    if (moment := parse_epoch(value)) is not None:
        return moment
    format_time = text(value)
    try:
        moment = datetime.fromisoformat(format_time)
    except ValueError:
        message = "a time is missing or unreadable"
        raise ValueError(message) from None
    if moment.tzinfo is not None:
        return utc(moment)
    if not zone:
        message = "a time has no UTC offset, and the location's time zone is not known"
        raise ValueError(message)
    return resolve_wall_time(moment, zone).instant


def may_lack_offset(value: object) -> bool:
    """Return true if a time as sent is too short for a UTC offset; cheap enough for every row."""
    return isinstance(value, str) and len(value) < _LENGTH_WITH_OFFSET and not value.isdigit()


def millis(moment: datetime) -> int:
    """Format an instant for a query, in milliseconds since 1970."""
    return round((moment - _EPOCH).total_seconds() * 1000)


def format_time(moment: datetime) -> str:
    """Format an instant for a body: ISO 8601 in UTC."""
    return utc(moment).isoformat(timespec="seconds")
