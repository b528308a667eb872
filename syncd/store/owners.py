"""Load owner changes of events, and the users behind calendars mapped by e-mail address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, select

from syncd.model import OwnerChange
from syncd.store import rows
from syncd.store.tables import CALENDAR_USER, OWNER_CHANGE

if TYPE_CHECKING:
    from syncd.store.store import Store

_CHANGES = select(OWNER_CHANGE).order_by(
    OWNER_CHANGE.c.system, OWNER_CHANGE.c.provider, OWNER_CHANGE.c.event
)
_USERS = select(CALENDAR_USER).where(CALENDAR_USER.c.system == bindparam("of_system"))
DELETE_OWNER_CHANGE = delete(OWNER_CHANGE).where(
    OWNER_CHANGE.c.system == bindparam("of_system"),
    OWNER_CHANGE.c.event == bindparam("of_event"),
    OWNER_CHANGE.c.provider == bindparam("of_provider"),
)


def owner_changes(store: Store) -> list[OwnerChange]:
    """Load the owner changes without a decision, ordered by calendar. Raises StateError."""
    return [rows.to_owner_change(row) for row in store.query(_CHANGES, {})]


def calendar_users(store: Store, system: str) -> dict[str, str]:
    """Load the known user id behind each calendar that is mapped by e-mail address, by provider.

    Raises StateError.
    """
    return {row["provider"]: row["user"] for row in store.query(_USERS, {"of_system": system})}


def owner_change_key(change: OwnerChange) -> Mapping[str, str]:
    """Return the key of an owner change, as the parameters of `DELETE_OWNER_CHANGE`."""
    return {
        "of_system": change.system,
        "of_event": change.event,
        "of_provider": change.provider,
    }
