"""The users of a LeadSquared account, and who is behind each mapped address (leadsquared.md 3)."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from syncd.model import Directory
from syncd.systems.leadsquared.wire import User
from syncd.systems.loose import number, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncd.systems.leadsquared.account import CalendarOf
    from syncd.systems.leadsquared.wire import Task

_ACTIVE = 0


def is_active(user: User) -> bool:
    """Whether a user can own appointments that lists show."""
    return number(user.status_code) in {None, _ACTIVE}


def owner_of(task: Task) -> str:
    """The id of a task's owner; of one that names an address only, a digest of that address."""
    address = text(task.owner_email_address).strip().casefold()
    return text(task.owner_id) or (_digest(address) if address else "")


def _digest(address: str) -> str:
    """A short name for an address, which is in no log and no database itself."""
    return "address-" + blake2b(address.encode(), digest_size=6).hexdigest()


def directory(calendars: Mapping[str, CalendarOf], rows: Iterable[object]) -> Directory:
    """Index the active users. An account without any is one that was not listed."""
    active = [row for row in rows if isinstance(row, User) and is_active(row) and text(row.id)]
    ids = {text(row.email_address).strip().casefold(): text(row.id) for row in active}
    return Directory(
        users=frozenset({*ids.values(), *map(_digest, ids)}),
        mapped={provider: ids.get(of.address) for provider, of in calendars.items()},
        listed=bool(ids),
    )
