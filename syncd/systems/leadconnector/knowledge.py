"""What an adapter knows of its location for an hour at a time: calendars, zone, country."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model import zone
from syncd.systems.leadconnector.directory import directory_of
from syncd.systems.leadconnector.wire import Location
from syncd.systems.loose import text
from syncd.systems.port import AuthLost, Rejected, SystemFault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.model import Clock
    from syncd.systems.leadconnector.calls import Calls
    from syncd.systems.leadconnector.directory import Calendar

_KEPT = 3600.0
_RETRIED = 60.0


class Knowledge:
    """Kept answers about one location. What is old is better than nothing, and is asked anew."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        """Start knowing nothing."""
        self._calls = calls
        self._clock = clock
        self._directory: Mapping[str, Calendar] | None = None
        self._directory_until = 0.0
        self._location: Location | None = None
        self._location_until = 0.0

    @property
    def kept(self) -> Mapping[str, Calendar]:
        """The calendars as last seen; none before the first call."""
        return self._directory or {}

    @property
    def zone(self) -> str:
        """The location's IANA zone as last seen; '' while unknown, or unknown to this machine."""
        name = text(self._location.timezone) if self._location is not None else ""
        try:
            return zone(name).key if name else ""
        except ValueError:
            return ""

    async def calendars(self) -> Mapping[str, Calendar]:
        """Return the location's calendars. Raises SystemFault if they were never seen."""
        now = self._clock.monotonic()
        if self._directory is not None and now < self._directory_until:
            return self._directory
        try:
            self._directory = directory_of(await self._calls.calendars())
            self._directory_until = now + _KEPT
        except SystemFault:
            if self._directory is None:
                raise
            self._directory_until = now + _RETRIED
        return self._directory

    async def location(self) -> Location:
        """Return the location; an empty one if the token may not see it. Raises SystemFault."""
        now = self._clock.monotonic()
        if self._location is not None and now < self._location_until:
            return self._location
        try:
            self._location = await self._calls.location()
        except (AuthLost, Rejected):
            # A token without this scope can still sync: only bare times and numbers need it.
            self._location = Location()
        self._location_until = now + _KEPT
        return self._location
