"""The users of a LeadSquared account, and who is behind each mapped address.

See docs/platforms/leadsquared.md#users.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from syncd.model import UserDirectory
from syncd.systems.leadsquared.wire import User
from syncd.systems.lenient import number, text
from syncd.systems.port import PlatformError
from syncd.systems.ttl_cache import HOUR

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from syncd.model import Clock
    from syncd.systems.leadsquared.account import CalendarMapping
    from syncd.systems.leadsquared.calls import Api
    from syncd.systems.leadsquared.wire import Task

_ACTIVE = 0

REREAD = 300.0
"""Seconds: an id that no user has makes the list of users be read at most so often."""

_RETRY = 60.0


def is_active(user: User) -> bool:
    """Whether a user can own appointments that lists show."""
    return number(user.status_code) in {None, _ACTIVE}


def owner_of(task: Task) -> str:
    """The id of a task's owner; of one that names an address only, a digest of that address."""
    address = text(task.owner_email_address).strip().casefold()
    return text(task.owner_id) or (_digest(address) if address else "")


class AddressBook:
    """The addresses of an account's users by id, for tasks that name their owner by id only.

    They are read when an id is asked for that is not known, but at most every five minutes, and
    anew after an hour.
    """

    def __init__(self, clock: Clock, calls: Api) -> None:
        """Start with nobody."""
        self._clock = clock
        self._calls = calls
        self._addresses: Mapping[str, str] = {}
        self._read_at: float | None = None
        self._next = 0.0

    def address_of(self, user: str) -> str:
        """The address of a user in the form that compares; '' where it is not known."""
        return self._addresses.get(user, "")

    async def look_up(self, users: Collection[str]) -> None:
        """Read all users if one of these is not known. Raises no PlatformError.

        Where they cannot be read, what was known stays, and whose a task is remains open.
        """
        now = self._clock.monotonic()
        fresh = self._read_at is not None and now - self._read_at < HOUR
        if not users or (fresh and self._addresses.keys() >= set(users)) or now < self._next:
            return
        try:
            rows = await self._calls.users()
        except PlatformError:
            self._next = now + _RETRY
            return
        self._read_at, self._next = now, now + REREAD
        self.refresh(rows)

    def refresh(self, rows: Iterable[object]) -> None:
        """Take in a list of users, inactive ones as well; an empty one says nothing."""
        found = {
            text(row.id): address
            for row in rows
            if isinstance(row, User)
            and text(row.id)
            and (address := text(row.email_address).casefold())
        }
        if found:
            self._addresses = found


def _digest(address: str) -> str:
    """A short name for an address, which is in no log and no database itself."""
    return "address-" + blake2b(address.encode(), digest_size=6).hexdigest()


def directory(calendars: Mapping[str, CalendarMapping], rows: Iterable[object]) -> UserDirectory:
    """Index the active users. An account without any is one that was not listed."""
    active = [row for row in rows if isinstance(row, User) and is_active(row) and text(row.id)]
    ids = {text(row.email_address).strip().casefold(): text(row.id) for row in active}
    return UserDirectory(
        users=frozenset({*ids.values(), *map(_digest, ids)}),
        mapped={provider: ids.get(of.address) for provider, of in calendars.items()},
        listed=bool(ids),
    )
