"""The users of a v2 location, and what is behind each mapped calendar.

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
    mapped: Mapping[str, CalendarMapping], rows: Iterable[object], calendars: Collection[str]
) -> UserDirectory:
    """Index users and, for providers without one, calendars.

    ``GET /users/`` was seen to answer an empty list on a working location, which proves nothing.
    """
    present = (row for row in rows if isinstance(row, User) and not _is_deleted(row))
    found = frozenset(text(row.id) for row in present) - {""}
    return UserDirectory(
        users=found,
        calendars=frozenset(calendars),
        mapped={provider: _behind(of, found, calendars) for provider, of in mapped.items()},
        listed=bool(found),
    )


def _is_deleted(user: User) -> bool:
    return user.deleted is True or user.deleted == "true"


def _behind(of: CalendarMapping, users: Collection[str], calendars: Collection[str]) -> str | None:
    """The user of a calendar, else the first of its calendars; None where it is not listed."""
    if of.user is not None:
        return of.user if of.user in users else None
    return next((calendar for calendar in of.calendars if calendar in calendars), None)
