"""The users of a v1 location, and the user or calendar of each mapping.

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
    """Index the users and, for providers without a user, calendars and teams (``places``).

    An empty list of users counts as not listed.
    """
    user_ids = frozenset(text(row.id) for row in rows if isinstance(row, User)) - {""}
    calendar_ids = frozenset(text(p.id) for p in places if isinstance(p, NamedRow | Service)) - {""}
    return UserDirectory(
        users=user_ids,
        calendars=calendar_ids,
        mapped={
            provider: (
                _if_listed(mapping.user, user_ids)
                if mapping.user
                else _if_listed(mapping.calendar or mapping.team, calendar_ids)
            )
            for provider, mapping in calendars.items()
        },
        listed=bool(user_ids),
    )


def _if_listed(id: str | None, ids: frozenset[str]) -> str | None:
    return id if id in ids else None
