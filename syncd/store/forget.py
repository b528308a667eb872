"""Erase what the state holds of a customer: the ids by which the platforms know the contact.

Nothing else of a customer is ever stored. Hashes of e-mail addresses and phone numbers are made
with a key of the process and end with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, delete, func, select, update

from syncd.model import TrackedEvent
from syncd.store import rows
from syncd.store.store import Store
from syncd.store.tables import EVENT, RELATION, REPLICA

ContactId = tuple[str, str]
"""(system, the platform's id of the contact)."""

ERASED_FIELDS = {"person": None, "fingerprint": ""}
"""What an appointment's record says afterwards: a fingerprint holds a hash of the contact."""


@dataclass(frozen=True, slots=True)
class ErasureReport:
    """How many rows no longer name the contacts."""

    events: int
    replicas: int
    relations: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.events + self.replicas + self.relations

    def to_json(self) -> dict[str, object]:
        """The object of `forget-person --json`, in part: its keys are stable."""
        return {"events": self.events, "replicas": self.replicas, "relations": self.relations}

    @classmethod
    def from_json(cls, said: Mapping[str, int]) -> ErasureReport:
        """Read what a daemon sent."""
        return cls(said["events"], said["replicas"], said["relations"])


def known_contacts(store: Store) -> dict[ContactId, int]:
    """Return every contact that is stored, with the number of its appointments.

    Raises StateError.
    """
    query = select(EVENT.c.system, EVENT.c.person, func.count().label("number"))
    found = {
        (row["system"], row["person"]): row["number"]
        for row in store.query_once(query.where(EVENT.c.person > "").group_by("system", "person"))
    }
    linked = select(REPLICA.c.system, REPLICA.c.person).where(REPLICA.c.person > "")
    related = select(RELATION.c.system, RELATION.c.contact.label("person"))
    for each in (linked.distinct(), related.where(RELATION.c.contact > "").distinct()):
        for row in store.query_once(each):
            found.setdefault((row["system"], row["person"]), 0)
    return found


def event_of_contact(store: Store, contact: ContactId) -> TrackedEvent | None:
    """Return one appointment of a contact, by which its system can be asked. Raises StateError.

    One that is gone is returned only where there is no other.
    """
    system, person = contact
    query = select(EVENT).where(EVENT.c.system == system, EVENT.c.person == person)
    gone = EVENT.c.observed.is_(None)
    found = store.query_once(query.order_by(gone, EVENT.c.ends.desc()).limit(1))
    return rows.to_record(found[0]) if found else None


def forget_persons(store: Store, contacts: Collection[ContactId]) -> ErasureReport:
    """Erase these contacts, so that the file of the state does not contain them either.

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


def _each(statement: Any, table: Any, contacts: Iterable[ContactId]) -> list[Any]:
    return [
        statement.where(and_(table.c.system == system, table.c.person == contact))
        for system, contact in contacts
    ]
