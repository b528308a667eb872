"""The cached services (bookable calendars) of a v1 location, and the team of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.leadconnector_v1.wire import Service
from syncd.systems.lenient import text
from syncd.systems.ttl_cache import DIRECTORY_TTL, TtlCache

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.model import Clock
    from syncd.systems.leadconnector_v1.calls import Api
    from syncd.systems.lenient import LenientValue


class LocationCache:
    """The services of one location as read last."""

    def __init__(self, calls: Api, clock: Clock) -> None:
        """Start empty."""
        self._calls = calls
        self._services: TtlCache[Sequence[Service | LenientValue]] = TtlCache(
            clock, DIRECTORY_TTL, better_than_none=True
        )

    async def services(self) -> Sequence[Service | LenientValue]:
        """Return all services; read them if the cached ones are too old.

        Raises PlatformError if the read fails and no services are cached.
        """
        return await self._services.get("", self._calls.services)

    @property
    def teams(self) -> Mapping[str, str] | None:
        """Return the team id of each service as read last; None before the first read."""
        services = self._services.last("")
        if services is None:
            return None
        teams = {text(s.id): text(s.team_id) for s in services if isinstance(s, Service)}
        return {id: team for id, team in teams.items() if id and team}

    def renew(self) -> bool:
        """Expire the cached services, because a list of events contradicts them.

        Changes nothing and returns False if they were expired less than five minutes ago.
        """
        return self._services.renew("")
