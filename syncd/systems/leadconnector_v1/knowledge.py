"""What the v1 adapter knows of its location's services for a quarter of an hour at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.leadconnector_v1.wire import Service
from syncd.systems.loose import text
from syncd.systems.remembered import QUARTER, Remembered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.model import Clock
    from syncd.systems.leadconnector_v1.calls import Calls
    from syncd.systems.loose import Odd


class Knowledge:
    """The services of one location, kept."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        """Start knowing nothing."""
        self._calls = calls
        self._services: Remembered[Sequence[Service | Odd]] = Remembered(
            clock, QUARTER, better_than_none=True
        )

    async def services(self) -> Sequence[Service | Odd]:
        """Return all services. Raises SystemFault if they were never seen."""
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
