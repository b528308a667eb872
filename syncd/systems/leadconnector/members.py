"""The team members of a location's calendars, used if its list of users is empty.

An empty list was seen on a working location: the list lacks agency users. Members only serve to
propose and name users; whether a user exists is never derived from them: promise 3
(docs/design.md#promises).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.errors import PlatformError
from syncd.systems.inventory import UserInfo
from syncd.systems.leadconnector import wire
from syncd.systems.lenient import text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncd.systems.leadconnector.calls import Api
    from syncd.systems.leadconnector.directory import Calendar

MAX_NAMES = 25
"""Members whose names are read, at most."""


def user_of(row: wire.User) -> UserInfo:
    """Convert a row of the list of users."""
    full_name = " ".join(filter(None, (text(row.first_name), text(row.last_name))))
    return UserInfo(
        text(row.id),
        text(row.name) or full_name,
        text(row.email),
        text(row.phone),
        active=row.deleted is not True,
    )


async def members_of(calendars: Iterable[Calendar], calls: Api) -> tuple[UserInfo, ...]:
    """Return the members of all teams, with names as far as they can be read.

    After the first fault, the other names are not read. Raises no PlatformError.
    """
    ids = sorted({user for calendar in calendars for user in calendar.team})
    members = {id: UserInfo(id) for id in ids}
    try:
        for id in ids[:MAX_NAMES]:
            row = await calls.user(id)
            if text(row.id) == id:
                members[id] = user_of(row)
    except PlatformError:
        pass
    return tuple(members.values())
