"""Erase a customer from the state: the platforms' ids of the contact.

Nothing else about a customer is stored. Hashes of e-mail addresses and phone numbers are made with
a key that exists only in the running process.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, delete, func, select, update

from syncd.model import TrackedEvent
from syncd.store.store import Store
from syncd.store.tables import rows
from syncd.store.tables.tables import EVENT, RELATION, REPLICA

ContactRef = tuple[str, str]
"""(system, the platform's id of the contact)."""

ERASED_FIELDS = {"person": None, "fingerprint": ""}
"""The values of an appointment's row after the erasure. A fingerprint contains a contact's hash."""


@dataclass(frozen=True, slots=True)
class ErasureReport:
    """The number of rows from which the contacts were erased."""

    events: int
    replicas: int
    relations: int

    @property
    def total(self) -> int:
        """Return the number of all changed rows."""
        return self.events + self.replicas + self.relations

    def to_json(self) -> dict[str, object]:
        """Return a part of the object of `forget-person --json`. The keys are stable."""
        return {"events": self.events, "replicas": self.replicas, "relations": self.relations}

    @classmethod
    def from_json(cls, entry: Mapping[str, int]) -> ErasureReport:
        """Parse the object that `to_json` made, as a daemon sends it."""
        return cls(entry["events"], entry["replicas"], entry["relations"])


def known_contacts(store: Store) -> dict[ContactRef, int]:
    """Return every stored contact with the number of its appointments. Raises StateError."""
    query = select(EVENT.c.system, EVENT.c.person, func.count().label("number"))
    contacts = {
        (row["system"], row["person"]): row["number"]
        for row in store.query_once(query.where(EVENT.c.person > "").group_by("system", "person"))
    }
    linked = select(REPLICA.c.system, REPLICA.c.person).where(REPLICA.c.person > "")
    related = select(RELATION.c.system, RELATION.c.contact.label("person"))
    for other in (linked.distinct(), related.where(RELATION.c.contact > "").distinct()):
        for row in store.query_once(other):
            contacts.setdefault((row["system"], row["person"]), 0)
    return contacts


def event_of_contact(store: Store, contact: ContactRef) -> TrackedEvent | None:
    """Return one appointment of a contact, so that a system can be asked for the contact's data.

    An appointment that is gone is returned only if the contact has no other appointment. Raises
    StateError.
    """
    system, customer = contact
    query = select(EVENT).where(EVENT.c.system == system, EVENT.c.person == customer)
    gone = EVENT.c.observed.is_(None)
    loaded = store.query_once(query.order_by(gone, EVENT.c.ends.desc()).limit(1))
    return rows.to_record(loaded[0]) if loaded else None


def forget_customers(store: Store, contacts: Collection[ContactRef]) -> ErasureReport:
    """Erase these contacts from the state, including the free pages of its file.

    Raises StateError.
    """
    erased = ErasureReport(
        store.execute(_each(update(EVENT).values(ERASED_FIELDS), EVENT, contacts)),
        store.execute(_each(update(REPLICA).values(person=None), REPLICA, contacts)),
        store.execute(
            [
                delete(RELATION).where(and_(RELATION.c.system == s, RELATION.c.contact == c))
                for s, c in contacts
            ]
        ),
    )
    if erased.total:
        store.purge()
    return erased


def _each(statement: Any, table: Any, contacts: Iterable[ContactRef]) -> list[Any]:
    return [
        statement.where(and_(table.c.system == system, table.c.person == contact))
        for system, contact in contacts
    ]
