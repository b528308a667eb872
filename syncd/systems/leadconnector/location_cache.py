"""Cached data of a v2 location: calendars, resources, time zone and country."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from syncd.model import zone
from syncd.systems.errors import RejectedError, UnauthorizedError
from syncd.systems.leadconnector.directory import directory_of
from syncd.systems.leadconnector.resources import PATHS, resource_of
from syncd.systems.leadconnector.wire import Location
from syncd.systems.lenient import text
from syncd.systems.ttl_cache import DIRECTORY_TTL, TtlCache

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.model import Clock
    from syncd.systems.leadconnector.calls import Api
    from syncd.systems.leadconnector.directory import Calendar
    from syncd.systems.leadconnector.resources import Resource

RESOURCES_TTL = 300.0
"""Seconds; short, to notice soon when a resource goes out of service or changes calendars."""


class LocationCache:
    """The last responses about one location, each with its own time to live."""

    def __init__(self, calls: Api, clock: Clock) -> None:
        """Start empty."""
        self._calls = calls
        self._directory: TtlCache[Mapping[str, Calendar]] = TtlCache(
            clock, DIRECTORY_TTL, better_than_none=True
        )
        self._resources: TtlCache[Mapping[str, Resource]] = TtlCache(clock, RESOURCES_TTL)
        self._location: TtlCache[Location] = TtlCache(clock, better_than_none=True)

    @property
    def known_calendars(self) -> Mapping[str, Calendar]:
        """Return the calendars as read last, by id; empty before the first read."""
        return self._directory.last("") or {}

    @property
    def known_resources(self) -> Mapping[str, Resource]:
        """Return the resources as read last, by key; empty before the first read."""
        return self._resources.last("") or {}

    @property
    def zone(self) -> str:
        """Return the location's time zone (IANA name).

        Returns '' before the location was read, and if this machine does not know the time zone.
        """
        location = self._location.last("")
        name = text(location.timezone) if location is not None else ""
        try:
            return zone(name).key if name else ""
        except ValueError:
            return ""

    async def calendars(self) -> Mapping[str, Calendar]:
        """Return the location's calendars by id; read them if the cached ones are too old.

        Raises PlatformError if the read fails and no calendars are cached.
        """

        async def ask() -> Mapping[str, Calendar]:
            return directory_of(await self._calls.calendars())

        return await self._directory.get("", ask)

    def renew(self) -> bool:
        """Expire the cached calendars, because a list of events contradicts them.

        Changes nothing and returns False if they were expired less than five minutes ago.
        """
        return self._directory.renew("")

    async def resources(self) -> Mapping[str, Resource]:
        """Return the active resources by key (``rooms/yoga room``). Raises PlatformError.

        A key that several resources share is left out: the configuration could mean any of them.
        """

        async def ask() -> Mapping[str, Resource]:
            rows = [(type, row) for type in PATHS for row in await self._calls.resources(type)]
            resources = [r for type, row in rows if (r := resource_of(type, row)) is not None]
            count = Counter(resource.key for resource in resources)
            return {r.key: r for r in resources if count[r.key] == 1}

        return await self._resources.get("", ask)

    async def location(self) -> Location:
        """Return name, time zone and country of the location. Raises PlatformError.

        If the token may not read the location, all fields are empty.
        """

        async def ask() -> Location:
            try:
                return await self._calls.location()
            except (UnauthorizedError, RejectedError):
                # Only times without an offset and phone numbers need the location.
                return Location()

        return await self._location.get("", ask)
