"""Link bookings from other systems to contacts, and remove the links of ended bookings.

Example: a customer books in LeadSquared; the contact of the same customer in LeadConnector v2 is
then linked to the booking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import structlog

from syncd.engine.tasks.supervise import supervised
from syncd.engine.writing.pauses import WritePauses
from syncd.model import Booking, Clock, Event, Kind, Person, Replica, TrackedEvent
from syncd.store.queries.relations import StoredRelation, delete_relation, relations, save_relation
from syncd.store.store import Store
from syncd.systems.errors import PlatformError
from syncd.systems.port import Lookups, System

log = structlog.get_logger(__name__)

MAX_LINKS = 20
"""The most links that are created, and the most that are removed, in one cycle and system."""
RETRY_UNMATCHED_AFTER = timedelta(hours=1)
"""The delay before a customer without a contact is looked up again."""


class LinkIds(Protocol):
    """The ids that a contact directory returns for a new link."""

    @property
    def record(self) -> str:
        """The id of the record that stands for the booking."""
        ...

    @property
    def relation(self) -> str:
        """The id of the relation; '' if the platform returned none."""
        ...


class ContactDirectory(Protocol):
    """The contacts of a system and their links. All methods raise PlatformError."""

    @property
    def name(self) -> str:
        """The name of the system."""
        ...

    async def contact(self, person: Person) -> str:
        """Return the id of a customer's contact; '' if there is none."""
        ...

    async def link(self, contact: str, booking: str) -> LinkIds:
        """Link a booking to a contact; an existing link is kept."""
        ...

    async def unlink(self, booking: str, record: str, relation: str) -> None:
        """Remove the link of a booking if it exists; the ids are those of `LinkIds`."""
        ...


@dataclass(slots=True)
class ContactLinks:
    """The contact links of one system.

    ``unmatched`` are bookings whose customer has no contact in the system, each with the time of
    the next lookup, in seconds of the monotonic clock.
    """

    directory: ContactDirectory
    unmatched: dict[str, float] = field(default_factory=dict)
    _last_fault: str = ""

    async def sync(
        self, systems: Mapping[str, System], store: Store, clock: Clock, pauses: WritePauses
    ) -> None:
        """Create missing links and remove the links of ended bookings, at the end of a cycle.

        A fault is logged; the next cycle continues. Links that a pause or observe mode holds back
        are written when the pause or the mode ends.
        """
        name = self.directory.name
        known = relations(store, name)
        wanted = dict(self._wanted(store, clock))
        ended = [booking for booking in known if booking not in wanted]
        unlinked = [b for b in wanted if b not in known or not known[b].record]
        now = clock.monotonic()
        due = [b for b in unlinked if self.unmatched.get(b, 0.0) <= now]
        try:
            with supervised(name, "linking bookings to contacts"):
                for booking in ended[:MAX_LINKS]:
                    link, place = known[booking], (_provider(store, booking), name)
                    if pauses.reason_now(*place) is None:
                        with pauses.sending([place]):
                            await self.directory.unlink(booking, link.record, link.relation)
                        delete_relation(store, name, booking)
                for booking in due[:MAX_LINKS]:
                    place = (wanted[booking][0].provider, name)
                    if pauses.reason_now(*place) is None:
                        with pauses.sending([place]):
                            await self._link(booking, wanted[booking], systems, store, clock)
        except PlatformError as fault:
            if str(fault) != self._last_fault:
                log.warning("booking not linked to its contact", system=name, fault=str(fault))
            self._last_fault = str(fault)
        else:
            self._last_fault = ""

    async def _link(
        self,
        booking: str,
        records: list[TrackedEvent],
        systems: Mapping[str, System],
        store: Store,
        clock: Clock,
    ) -> None:
        name = self.directory.name
        contact = next((r.customer for r in records if r.system == name and r.customer), None)
        for record in records:
            if contact is None and record.system in systems:
                person = await _look_up_customer(systems[record.system], record)
                contact = await self.directory.contact(person) if person is not None else None
                contact = contact or None
        if contact is None:
            self.unmatched[booking] = clock.monotonic() + RETRY_UNMATCHED_AFTER.total_seconds()
            return
        # Store the link first: if the response is lost, the link can still be found and removed.
        save_relation(store, StoredRelation(name, booking, contact, clock.now()))
        ids = await self.directory.link(contact, booking)
        linked = StoredRelation(name, booking, contact, clock.now(), ids.record, ids.relation)
        save_relation(store, linked)

    def _wanted(self, store: Store, clock: Clock) -> Iterator[tuple[str, list[TrackedEvent]]]:
        """Yield the bookings to link, each with its appointments in all systems.

        These are the bookings that have not ended and have a customer in another system.
        """
        upcoming: dict[str, Booking] = {
            b.id: b
            for b in store.bookings()
            if b.kind is Kind.APPOINTMENT and b.agreed.busy and b.agreed.end > clock.now()
        }
        appointments: dict[str, list[TrackedEvent]] = {}
        pairs: list[tuple[Replica, TrackedEvent | None]] = store.replicas(sorted(upcoming))
        for replica, record in pairs:
            if not replica.role.is_meeting or record is None or record.observed is None:
                continue
            if not record.end_accepted:
                appointments.setdefault(replica.booking, []).append(record)
        for booking, records in sorted(appointments.items()):
            others = [r for r in records if r.system != self.directory.name]
            if any(r.customer for r in others):
                yield booking, records


def _provider(store: Store, booking: str) -> str:
    return next((b.provider for b in store.find_bookings(booking) if b.id == booking), "")


async def _look_up_customer(system: Lookups, record: TrackedEvent) -> Person | None:
    """Look up the customer of an appointment; None if unknown. Raises PlatformError."""
    if record.observed is None or record.customer is None:
        return None
    fields = (record.system, record.provider, record.id, record.kind, record.observed)
    return await system.customer(Event(*fields, record.customer, record.service))
