"""The users of a LeadSquared account, found by id and by e-mail address.

See docs/platforms/leadsquared.md#users.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from syncd.model import UserDirectory
from syncd.systems.errors import PlatformError
from syncd.systems.leadsquared.wire import User
from syncd.systems.lenient import number, text
from syncd.systems.ttl_cache import ONE_HOUR

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from syncd.model import Clock
    from syncd.systems.leadsquared.account import CalendarMapping
    from syncd.systems.leadsquared.calls import Api
    from syncd.systems.leadsquared.wire import Task

_ACTIVE = 0

REREAD_EVERY = 300.0
"""Seconds between two reads of the user list because of an unknown id."""

_RETRY_AFTER = 60.0


def is_active(user: User) -> bool:
    """Return whether the user list shows a user as active; a missing status counts as active.

    Only active users count as existing (`directory`): lists show the appointments of active users.
    """
    return number(user.status_code) in {None, _ACTIVE}


def owner_of(task: Task) -> str:
    """Return the id of the user to whom a task belongs.

    Some tasks name the user only by e-mail address; then the result is a digest of the address.
    """
    address = text(task.owner_email_address).strip().casefold()
    return text(task.owner_id) or (_digest(address) if address else "")


class AddressBook:
    """The e-mail addresses of users by id, for tasks that name their user only by id.

    All users are read when an id is unknown, at most every five minutes, and again after an hour.
    """

    def __init__(self, clock: Clock, calls: Api) -> None:
        """Start empty."""
        self._clock = clock
        self._calls = calls
        self._addresses: Mapping[str, str] = {}
        self._read_at: float | None = None
        self._not_before = 0.0

    def address_of(self, user: str) -> str:
        """Return a user's e-mail address in lower case; '' if the id is unknown. Makes no call."""
        return self._addresses.get(user, "")

    async def look_up(self, users: Collection[str]) -> None:
        """Read all users if one of these ids is unknown, so that `address_of` knows them.

        If the users cannot be read, the known addresses are kept; no PlatformError is raised.
        """
        now = self._clock.monotonic()
        fresh = self._read_at is not None and now - self._read_at < ONE_HOUR
        if not users or (fresh and self._addresses.keys() >= set(users)) or now < self._not_before:
            return
        try:
            rows = await self._calls.users()
        except PlatformError:
            self._not_before = now + _RETRY_AFTER
            return
        self._read_at, self._not_before = now, now + REREAD_EVERY
        self.refresh(rows)

    def refresh(self, rows: Iterable[object]) -> None:
        """Replace the known addresses by those of a user list; an empty list is ignored."""
        addresses = {
            text(row.id): address
            for row in rows
            if isinstance(row, User)
            and text(row.id)
            and (address := text(row.email_address).casefold())
        }
        if addresses:
            self._addresses = addresses


def _digest(address: str) -> str:
    """Return a digest of an address, because logs and the database must not contain addresses."""
    return "address-" + blake2b(address.encode(), digest_size=6).hexdigest()


def directory(calendars: Mapping[str, CalendarMapping], rows: Iterable[object]) -> UserDirectory:
    """Build the user directory from the active users among ``rows``, the account's user list.

    Without any active user, the list counts as not readable (`UserDirectory.listed` is False).
    """
    active = [row for row in rows if isinstance(row, User) and is_active(row) and text(row.id)]
    ids = {text(row.email_address).strip().casefold(): text(row.id) for row in active}
    return UserDirectory(
        users=frozenset({*ids.values(), *map(_digest, ids)}),
        mapped={provider: ids.get(calendar.address) for provider, calendar in calendars.items()},
        listed=bool(ids),
    )
