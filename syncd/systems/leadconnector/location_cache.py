"""What an adapter knows of its location for a while: calendars, resources, zone, country."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from syncd.model import zone
from syncd.systems.leadconnector.directory import directory_of
from syncd.systems.leadconnector.resources import PATHS, resource_of
from syncd.systems.leadconnector.wire import Location
from syncd.systems.lenient import text
from syncd.systems.port import RejectedError, UnauthorizedError
from syncd.systems.ttl_cache import DIRECTORY_TTL, TtlCache

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.model import Clock
    from syncd.systems.leadconnector.calls import Api
    from syncd.systems.leadconnector.directory import Calendar
    from syncd.systems.leadconnector.resources import Resource

RESOURCES_TTL = 300.0
"""Seconds: what is out of service, or moves to another calendar, is to be heeded soon."""


class LocationCache:
    """Kept answers about one location."""

    def __init__(self, calls: Api, clock: Clock) -> None:
        """Start knowing nothing."""
        self._calls = calls
        self._directory: TtlCache[Mapping[str, Calendar]] = TtlCache(
            clock, DIRECTORY_TTL, better_than_none=True
        )
        self._resources: TtlCache[Mapping[str, Resource]] = TtlCache(clock, RESOURCES_TTL)
        self._location: TtlCache[Location] = TtlCache(clock, better_than_none=True)

    @property
    def known_calendars(self) -> Mapping[str, Calendar]:
        """The calendars as last seen; none before the first call."""
        return self._directory.last("") or {}

    @property
    def known_resources(self) -> Mapping[str, Resource]:
        """Rooms and equipment as last seen; none before the first call."""
        return self._resources.last("") or {}

    @property
    def zone(self) -> str:
        """The location's IANA zone as last seen; '' while unknown, or unknown to this machine."""
        location = self._location.last("")
        name = text(location.timezone) if location is not None else ""
        try:
            return zone(name).key if name else ""
        except ValueError:
            return ""

    async def calendars(self) -> Mapping[str, Calendar]:
        """Return the location's calendars. Raises PlatformError if they were never seen."""

        async def ask() -> Mapping[str, Calendar]:
            return directory_of(await self._calls.calendars())

        return await self._directory.get("", ask)

    def renew(self) -> bool:
        """Have the calendars read again: a list was not as they say. False: not again so soon."""
        return self._directory.renew("")

    async def resources(self) -> Mapping[str, Resource]:
        """Return rooms and equipment by key, those of one name left out. Raises PlatformError."""

        async def ask() -> Mapping[str, Resource]:
            rows = [(sort, row) for sort in PATHS for row in await self._calls.resources(sort)]
            found = [r for sort, row in rows if (r := resource_of(sort, row)) is not None]
            count = Counter(resource.key for resource in found)
            return {r.key: r for r in found if count[r.key] == 1}

        return await self._resources.get("", ask)

    async def location(self) -> Location:
        """Return the location; an empty one if the token may not see it. Raises PlatformError."""

        async def ask() -> Location:
            try:
                return await self._calls.location()
            except (UnauthorizedError, RejectedError):
                # A token without this scope can still sync: only bare times and numbers need it.
                return Location()

        return await self._location.get("", ask)
