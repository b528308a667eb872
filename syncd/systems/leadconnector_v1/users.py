"""The users of a v1 location, and what is behind each mapped calendar.

See docs/platforms/leadconnector-v1.md#contacts-users-and-locations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model import UserDirectory
from syncd.systems.leadconnector_v1.wire import NamedRow, Service, User
from syncd.systems.lenient import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncd.systems.leadconnector_v1.account import CalendarMapping


def directory(
    calendars: Mapping[str, CalendarMapping], rows: Iterable[object], places: Iterable[object]
) -> UserDirectory:
    """Index users and, for providers without one, calendars and teams (``places``).

    A location without any user is one that was not listed.
    """
    found = frozenset(text(row.id) for row in rows if isinstance(row, User)) - {""}
    booked = frozenset(text(p.id) for p in places if isinstance(p, NamedRow | Service)) - {""}
    return UserDirectory(
        users=found,
        calendars=booked,
        mapped={
            provider: (
                _listed(of.user, found) if of.user else _listed(of.calendar or of.team, booked)
            )
            for provider, of in calendars.items()
        },
        listed=bool(found),
    )


def _listed(id: str | None, among: frozenset[str]) -> str | None:
    return id if id in among else None
