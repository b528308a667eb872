"""Cached facts about a location: calendars, resources, zone and country."""

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
"""Seconds; short, to notice soon when a resource goes out of service or changes calendars."""


class LocationCache:
    """A cache of the answers about one location."""

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
        """Return the last known calendars; empty before the first call."""
        return self._directory.last("") or {}

    @property
    def known_resources(self) -> Mapping[str, Resource]:
        """Return the last known resources; empty before the first call."""
        return self._resources.last("") or {}

    @property
    def zone(self) -> str:
        """Return the location's IANA zone; '' while unknown or if this machine does not know it."""
        location = self._location.last("")
        name = text(location.timezone) if location is not None else ""
        try:
            return zone(name).key if name else ""
        except ValueError:
            return ""

    async def calendars(self) -> Mapping[str, Calendar]:
        """Return the calendars of the location. Raises PlatformError if none are known."""

        async def ask() -> Mapping[str, Calendar]:
            return directory_of(await self._calls.calendars())

        return await self._directory.get("", ask)

    def renew(self) -> bool:
        """Expire the calendars because a list contradicts them; false if they are too new."""
        return self._directory.renew("")

    async def resources(self) -> Mapping[str, Resource]:
        """Return the resources by key, without ambiguous names. Raises PlatformError."""

        async def ask() -> Mapping[str, Resource]:
            rows = [(type, row) for type in PATHS for row in await self._calls.resources(type)]
            resources = [r for type, row in rows if (r := resource_of(type, row)) is not None]
            count = Counter(resource.key for resource in resources)
            return {r.key: r for r in resources if count[r.key] == 1}

        return await self._resources.get("", ask)

    async def location(self) -> Location:
        """Return the location; an empty one if the token may not read it. Raises PlatformError."""

        async def ask() -> Location:
            try:
                return await self._calls.location()
            except (UnauthorizedError, RejectedError):
                # Only times without an offset and phone numbers need the location.
                return Location()

        return await self._location.get("", ask)
