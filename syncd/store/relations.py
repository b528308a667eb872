"""Which bookings were related to a contact, and by what."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import and_, delete, select

from syncd.store.store import Store
from syncd.store.tables import RELATION


@dataclass(frozen=True, slots=True)
class Relation:
    """One booking's record in one system; ids are '' until the answers came."""

    system: str
    booking: str
    contact: str
    at: datetime
    record: str = ""
    relation: str = ""


def relations(store: Store, system: str) -> dict[str, Relation]:
    """All of a system, by booking. Raises StateError."""
    rows = store.ask(select(RELATION).where(RELATION.c.system == system))
    return {row["booking"]: Relation(**row) for row in rows}


def keep_relation(store: Store, relation: Relation) -> None:
    """Remember one. Raises StateError."""
    store.keep(RELATION, [asdict(relation)])


def drop_relation(store: Store, system: str, booking: str) -> None:
    """Forget one. Raises StateError."""
    here = and_(RELATION.c.system == system, RELATION.c.booking == booking)
    store.carry_out([delete(RELATION).where(here)])
