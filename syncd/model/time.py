"""Instants, zones, the clock that is handed in, and the one rule for wall-clock times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Time as it is handed in: nothing below ``daemon`` and ``cli`` asks for it by itself."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


FIRST_INSTANT = datetime.min.replace(tzinfo=UTC)
LAST_INSTANT = datetime.max.replace(tzinfo=UTC)


def utc(instant: datetime) -> datetime:
    """Return the instant in UTC. Raises ValueError for a naive one: it names no instant.

    What lies before year 1 or after year 9999 in UTC becomes `FIRST_INSTANT` or `LAST_INSTANT`.
    """
    if instant.tzinfo is None:
        message = f"{instant.isoformat()} has no zone, so it names no instant"
        raise ValueError(message)
    return in_zone(instant, UTC)


def in_zone(instant: datetime, where: tzinfo) -> datetime:
    """Return an aware instant on the clock of a zone; the first or last time that the clock has."""
    try:
        return instant.astimezone(where)
    except OverflowError:
        edge = FIRST_INSTANT if instant.year == FIRST_INSTANT.year else LAST_INSTANT
        return edge.replace(tzinfo=where)


def is_recent(at: datetime | None, now: datetime, within: timedelta) -> bool:
    """Return whether an instant lies less than this long ago; False for None.

    An instant after ``now`` was stamped before this machine's clock was set back: how long ago it
    was is unknown, so it is not recent.
    """
    return at is not None and timedelta(0) <= now - at < within


@dataclass(frozen=True, slots=True)
class ResolvedTime:
    """An instant read off a wall clock, and what had to be decided: '' , 'gap' or 'fold'."""

    instant: datetime
    note: str = ""


def zone(name: str) -> ZoneInfo:
    """Return the IANA zone of that name, old aliases included. Raises ValueError if unknown."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"unknown time zone {name!r}"
        raise ValueError(message) from error


def resolve_wall_time(wall: datetime, zone_name: str) -> ResolvedTime:
    """Turn a naive wall-clock time into an instant by syncd's one declared rule.

    A time that the clocks skip (gap) moves forward by the length of the gap; a time that happens
    twice (fold) means the first. Raises ValueError for an unknown zone.
    """
    where = zone(zone_name)
    if wall.year in {FIRST_INSTANT.year, LAST_INSTANT.year}:
        # A day's arithmetic leads out of the calendar; no clock changes are known for these years.
        return ResolvedTime(wall.replace(tzinfo=UTC))
    local = wall.replace(tzinfo=where, fold=0)
    # By the offset from before a change of the clocks, and by that from after it (PEP 495).
    before, after = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if before == after:
        return ResolvedTime(before)
    return ResolvedTime(before, "gap" if before > after else "fold")


def floor_to(instant: datetime, grain: timedelta) -> datetime:
    """Round an instant down to a whole number of grains since the epoch."""
    return instant - (instant - _EPOCH) % grain


def from_millis(millis: float) -> datetime:
    """Return an instant by its milliseconds since 1970. Raises ValueError where no year fits."""
    try:
        return _EPOCH + timedelta(milliseconds=millis)
    except OverflowError as error:
        message = "a time is out of range"
        raise ValueError(message) from error
