"""What the v1 adapter knows of its location's services for a quarter of an hour at a time."""

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
    """The services of one location, kept."""

    def __init__(self, calls: Api, clock: Clock) -> None:
        """Start knowing nothing."""
        self._calls = calls
        self._services: TtlCache[Sequence[Service | LenientValue]] = TtlCache(
            clock, DIRECTORY_TTL, better_than_none=True
        )

    async def services(self) -> Sequence[Service | LenientValue]:
        """Return all services. Raises PlatformError if they were never seen."""
        return await self._services.get("", self._calls.services)

    @property
    def teams(self) -> Mapping[str, str] | None:
        """The team of each calendar (service) as last seen; None before the first call."""
        found = self._services.last("")
        if found is None:
            return None
        rows = {text(s.id): text(s.team_id) for s in found if isinstance(s, Service)}
        return {id: team for id, team in rows.items() if id and team}

    def renew(self) -> bool:
        """Have the services read again: a list was not as they say. False: not again so soon."""
        return self._services.renew("")
