"""Instants, time zones, the clock protocol, and the conversion of wall-clock times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """The clock that ``daemon`` and ``cli`` pass in: no other package reads the system time."""

    def now(self) -> datetime:
        """Return the current time (aware, UTC)."""
        ...

    def monotonic(self) -> float:
        """Return seconds from a clock that never goes backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for this many seconds."""
        ...


FIRST_INSTANT = datetime.min.replace(tzinfo=UTC)
LAST_INSTANT = datetime.max.replace(tzinfo=UTC)


def utc(instant: datetime) -> datetime:
    """Return the instant in UTC. Raises ValueError for a naive datetime.

    A time before year 1 or after year 9999 in UTC becomes `FIRST_INSTANT` or `LAST_INSTANT`.
    """
    if instant.tzinfo is None:
        message = f"{instant.isoformat()} has no time zone"
        raise ValueError(message)
    return in_zone(instant, UTC)


def in_zone(instant: datetime, where: tzinfo) -> datetime:
    """Return an aware instant in a time zone; on overflow, the first or last time of that zone."""
    try:
        return instant.astimezone(where)
    except OverflowError:
        edge = FIRST_INSTANT if instant.year == FIRST_INSTANT.year else LAST_INSTANT
        return edge.replace(tzinfo=where)


def is_recent(at: datetime | None, now: datetime, within: timedelta) -> bool:
    """Return true if an instant is less than ``within`` ago; false for None.

    An instant after ``now`` is not recent: it was stored before this machine's clock was set back,
    so its age is unknown.
    """
    return at is not None and timedelta(0) <= now - at < within


@dataclass(frozen=True, slots=True)
class ResolvedTime:
    """The instant of a wall-clock time. ``note`` is 'gap' or 'fold' if the time was not unique."""

    instant: datetime
    note: str = ""


def zone(name: str) -> ZoneInfo:
    """Return the IANA time zone of this name (aliases count). Raises ValueError if unknown."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"unknown time zone {name!r}"
        raise ValueError(message) from error


def resolve_wall_time(wall: datetime, zone_name: str) -> ResolvedTime:
    """Convert a naive wall-clock time to an instant in UTC.

    A time that the clocks skip (gap) moves forward by the length of the gap. A time that occurs
    twice (fold) means the first one. Raises ValueError for an unknown time zone.
    """
    local_zone = zone(zone_name)
    if wall.year in {FIRST_INSTANT.year, LAST_INSTANT.year}:
        # Converting the zone could overflow, and no clock changes are known for these years.
        return ResolvedTime(wall.replace(tzinfo=UTC))
    local = wall.replace(tzinfo=local_zone, fold=0)
    # With the offset before a clock change, and with the offset after it (PEP 495).
    before, after = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if before == after:
        return ResolvedTime(before)
    return ResolvedTime(before, "gap" if before > after else "fold")


def floor_to(instant: datetime, grain: timedelta) -> datetime:
    """Round an instant down to a multiple of ``grain`` since 1970."""
    return instant - (instant - _EPOCH) % grain


def from_millis(millis: float) -> datetime:
    """Return the instant of some milliseconds since 1970. Raises ValueError if out of range."""
    try:
        return _EPOCH + timedelta(milliseconds=millis)
    except OverflowError as error:
        message = "a time is out of range"
        raise ValueError(message) from error
