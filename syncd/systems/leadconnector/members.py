"""The team members of a location's calendars, where its list of users is empty.

That was seen on a working location: agency users are missing from the list. The members serve to
find and name people only. Whether a user exists is never concluded from them (promise 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.inventory import UserInfo
from syncd.systems.leadconnector import wire
from syncd.systems.lenient import text
from syncd.systems.port import PlatformError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncd.systems.leadconnector.calls import Api
    from syncd.systems.leadconnector.directory import Calendar

MAX_NAMES = 25
"""So many members are asked for by id, to have their names."""


def user_of(row: wire.User) -> UserInfo:
    """Return a row of the list of users in the words of all platforms."""
    whole = " ".join(filter(None, (text(row.first_name), text(row.last_name))))
    return UserInfo(
        text(row.id),
        text(row.name) or whole,
        text(row.email),
        text(row.phone),
        active=row.deleted is not True,
    )


async def members_of(calendars: Iterable[Calendar], calls: Api) -> tuple[UserInfo, ...]:
    """Return the members of all teams, with their names as far as these can be read.

    After the first fault no further name is asked for. Raises no PlatformError.
    """
    ids = sorted({user for calendar in calendars for user in calendar.team})
    found = {id: UserInfo(id) for id in ids}
    try:
        for id in ids[:MAX_NAMES]:
            row = await calls.user(id)
            if text(row.id) == id:
                found[id] = user_of(row)
    except PlatformError:
        pass
    return tuple(found.values())
