"""What an adapter knows of its location for an hour at a time: calendars, zone, country."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from syncd.model import zone
from syncd.systems.leadconnector.directory import directory_of
from syncd.systems.leadconnector.resources import PATHS, resource_of
from syncd.systems.leadconnector.wire import Location
from syncd.systems.loose import text
from syncd.systems.port import AuthLost, Rejected, SystemFault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.model import Clock
    from syncd.systems.leadconnector.calls import Calls
    from syncd.systems.leadconnector.directory import Calendar
    from syncd.systems.leadconnector.resources import Resource

_KEPT = 3600.0
_RETRIED = 60.0
_RESOURCES_KEPT = 300.0
"""Seconds: what is out of service, or moves to another calendar, is to be heeded soon."""


class Knowledge:
    """Kept answers about one location. What is old is better than nothing, and is asked anew."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        """Start knowing nothing."""
        self._calls = calls
        self._clock = clock
        self._directory: Mapping[str, Calendar] | None = None
        self._directory_until = 0.0
        self._resources: Mapping[str, Resource] | None = None
        self._resources_until = 0.0
        self._location: Location | None = None
        self._location_until = 0.0

    async def resources(self) -> Mapping[str, Resource]:
        """Return rooms and equipment by key, those of one name left out. Raises SystemFault."""
        now = self._clock.monotonic()
        if self._resources is None or now >= self._resources_until:
            rows = [(sort, row) for sort in PATHS for row in await self._calls.resources(sort)]
            found = [r for sort, row in rows if (r := resource_of(sort, row)) is not None]
            count = Counter(resource.key for resource in found)
            self._resources = {r.key: r for r in found if count[r.key] == 1}
            self._resources_until = now + _RESOURCES_KEPT
        return self._resources

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
