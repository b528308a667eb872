"""The users of a v2 location, and the user or calendar of each mapping.

See docs/platforms/leadconnector-v2.md#users.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model import UserDirectory
from syncd.systems.leadconnector.wire import User
from syncd.systems.lenient import text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from syncd.systems.leadconnector.account import CalendarMapping


def directory(
    mappings: Mapping[str, CalendarMapping], rows: Iterable[object], calendars: Collection[str]
) -> UserDirectory:
    """Build the user directory of a location: its users, and the calendars of other providers.

    ``rows`` is the location's list of users. ``calendars`` are its calendar ids, needed only for
    providers that are mapped without a user. An empty list of users proves nothing, because it was
    seen on a working location: `UserDirectory.listed` is then False.
    """
    active_rows = (row for row in rows if isinstance(row, User) and not _is_deleted(row))
    user_ids = frozenset(text(row.id) for row in active_rows) - {""}
    return UserDirectory(
        users=user_ids,
        calendars=frozenset(calendars),
        mapped={
            provider: _mapped_id(mapping, user_ids, calendars)
            for provider, mapping in mappings.items()
        },
        listed=bool(user_ids),
    )


def _is_deleted(user: User) -> bool:
    return user.deleted is True or user.deleted == "true"


def _mapped_id(
    mapping: CalendarMapping, users: Collection[str], calendars: Collection[str]
) -> str | None:
    """Return the user of a mapping, or its first calendar; None if the location lists neither."""
    if mapping.user is not None:
        return mapping.user if mapping.user in users else None
    return next((calendar for calendar in mapping.calendars if calendar in calendars), None)
