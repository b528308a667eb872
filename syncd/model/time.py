"""Instants, zones, the clock that is handed in, and the one rule for wall-clock times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


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


def utc(instant: datetime) -> datetime:
    """Return the instant in UTC. Raises ValueError for a naive one: it names no instant."""
    if instant.tzinfo is None:
        message = f"{instant.isoformat()} has no zone, so it names no instant"
        raise ValueError(message)
    return instant.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Resolved:
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


def resolve_wall_time(wall: datetime, zone_name: str) -> Resolved:
    """Turn a naive wall-clock time into an instant by syncd's one declared rule.

    A time that the clocks skip (gap) moves forward by the length of the gap; a time that happens
    twice (fold) means the first. Raises ValueError for an unknown zone.
    """
    where = zone(zone_name)
    local = wall.replace(tzinfo=where, fold=0)
    # By the offset from before a change of the clocks, and by that from after it (PEP 495).
    before, after = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if before == after:
        return Resolved(before)
    return Resolved(before, "gap" if before > after else "fold")


def floor_to(instant: datetime, grain: timedelta) -> datetime:
    """Round an instant down to a whole number of grains since the epoch."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return instant - (instant - epoch) % grain
