"""Which bookings were related to a contact, and by what."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import and_, delete, select

from syncd.store.store import Store
from syncd.store.tables import RELATION


@dataclass(frozen=True, slots=True)
class StoredRelation:
    """One booking's record in one system; ids are '' until the answers came."""

    system: str
    booking: str
    contact: str
    at: datetime
    record: str = ""
    relation: str = ""


def relations(store: Store, system: str) -> dict[str, StoredRelation]:
    """All of a system, by booking. Raises StateError."""
    rows = store.query_once(select(RELATION).where(RELATION.c.system == system))
    return {row["booking"]: StoredRelation(**row) for row in rows}


def save_relation(store: Store, relation: StoredRelation) -> None:
    """Remember one. Raises StateError."""
    store.replace(RELATION, [asdict(relation)])


def delete_relation(store: Store, system: str, booking: str) -> None:
    """Forget one. Raises StateError."""
    here = and_(RELATION.c.system == system, RELATION.c.booking == booking)
    store.execute([delete(RELATION).where(here)])
