"""Store the contact links of bookings: the records and relations that syncd created in v2."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import and_, delete, select

from syncd.store.store import Store
from syncd.store.tables.tables import RELATION


@dataclass(frozen=True, slots=True)
class StoredRelation:
    """The contact link of one booking in one system.

    ``record`` and ``relation`` are the platform's ids, '' until the create has returned the id.
    """

    system: str
    booking: str
    contact: str
    at: datetime
    record: str = ""
    relation: str = ""


def relations(store: Store, system: str) -> dict[str, StoredRelation]:
    """Load the contact links of a system, by booking. Raises StateError."""
    rows = store.query_once(select(RELATION).where(RELATION.c.system == system))
    return {row["booking"]: StoredRelation(**row) for row in rows}


def save_relation(store: Store, relation: StoredRelation) -> None:
    """Store one contact link. Raises StateError."""
    store.replace(RELATION, [asdict(relation)])


def delete_relation(store: Store, system: str, booking: str) -> None:
    """Delete one contact link. Raises StateError."""
    condition = and_(RELATION.c.system == system, RELATION.c.booking == booking)
    store.execute([delete(RELATION).where(condition)])
