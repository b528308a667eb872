"""Load owner changes of events, and the users behind calendars mapped by e-mail address."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from syncd.model import OwnerChange
from syncd.store.store import Store
from syncd.store.tables import rows
from syncd.store.tables.tables import CALENDAR_USER, OWNER_CHANGE

_CHANGES = select(OWNER_CHANGE).order_by(
    OWNER_CHANGE.c.system, OWNER_CHANGE.c.provider, OWNER_CHANGE.c.event
)
_USERS = select(CALENDAR_USER).where(CALENDAR_USER.c.system == bindparam("of_system"))


def owner_changes(store: Store) -> list[OwnerChange]:
    """Load the owner changes without a decision, ordered by calendar. Raises StateError."""
    return [rows.to_owner_change(row) for row in store.query(_CHANGES, {})]


def calendar_users(store: Store, system: str) -> dict[str, str]:
    """Load the known user id behind each calendar that is mapped by e-mail address, by provider.

    Raises StateError.
    """
    return {row["provider"]: row["user"] for row in store.query(_USERS, {"of_system": system})}
