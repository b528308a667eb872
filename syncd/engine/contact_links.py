"""Tie a booking from another system to the contact that it is of, and untie it when it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import structlog

from syncd.engine.supervise import supervised
from syncd.engine.write_pauses import WritePauses
from syncd.model import Booking, Clock, Event, Kind, Person, Replica, TrackedEvent
from syncd.store.relations import StoredRelation, delete_relation, relations, save_relation
from syncd.store.store import Store
from syncd.systems.port import PlatformError, System

log = structlog.get_logger(__name__)

MAX_LINKS = 20
"""So many bookings are tied or untied in one cycle and system; the rest wait."""
ASKED_AGAIN = timedelta(hours=1)
"""A person who is no contact is looked for again after so long."""


class LinkIds(Protocol):
    """What a registry made for a booking."""

    @property
    def record(self) -> str:
        """The record's id."""
        ...

    @property
    def relation(self) -> str:
        """The relation's id, '' if not told."""
        ...


class ContactDirectory(Protocol):
    """The contacts of a system, and what can be tied to them. All methods raise PlatformError."""

    @property
    def name(self) -> str:
        """The name of the system."""
        ...

    async def contact(self, person: Person) -> str:
        """Find a contact; '' for none."""
        ...

    async def link(self, contact: str, booking: str) -> LinkIds:
        """See that a booking is tied to a contact, once."""
        ...

    async def unlink(self, booking: str, record: str, relation: str) -> None:
        """See that it is not (any more)."""
        ...


@dataclass(slots=True)
class ContactLinks:
    """The ties of one system. ``unmatched`` are bookings whose person is no contact there."""

    directory: ContactDirectory
    unmatched: dict[str, float] = field(default_factory=dict)
    _trouble: str = ""

    async def sync(
        self, systems: Mapping[str, System], store: Store, clock: Clock, pauses: WritePauses
    ) -> None:
        """Tie what is new, untie what has ended. A fault is logged; the next cycle goes on.

        What a pause or observe mode holds back is done when that is over.
        """
        here = self.directory.name
        known = relations(store, here)
        wanted = dict(self._wanted(store, clock))
        ended = [booking for booking in known if booking not in wanted]
        fresh = [b for b in wanted if b not in known or not known[b].record]
        now = clock.monotonic()
        patient = [b for b in fresh if self.unmatched.get(b, 0.0) <= now]
        try:
            with supervised(here, "tying bookings to contacts"):
                for booking in ended[:MAX_LINKS]:
                    tie, place = known[booking], (_provider(store, booking), here)
                    if pauses.reason_now(*place) is None:
                        with pauses.sending([place]):
                            await self.directory.unlink(booking, tie.record, tie.relation)
                        delete_relation(store, here, booking)
                for booking in patient[:MAX_LINKS]:
                    place = (wanted[booking][0].provider, here)
                    if pauses.reason_now(*place) is None:
                        with pauses.sending([place]):
                            await self._tie(booking, wanted[booking], systems, store, clock)
        except PlatformError as fault:
            if str(fault) != self._trouble:
                log.warning("booking not tied to its contact", system=here, fault=str(fault))
            self._trouble = str(fault)
        else:
            self._trouble = ""

    async def _tie(
        self,
        booking: str,
        records: list[TrackedEvent],
        systems: Mapping[str, System],
        store: Store,
        clock: Clock,
    ) -> None:
        here = self.directory.name
        contact = next((r.person for r in records if r.system == here and r.person), None)
        for record in records:
            if contact is None and record.system in systems:
                person = await _person(systems[record.system], record)
                contact = await self.directory.contact(person) if person is not None else None
                contact = contact or None
        if contact is None:
            self.unmatched[booking] = clock.monotonic() + ASKED_AGAIN.total_seconds()
            return
        # Remembered first: whatever becomes of the answers, it will be looked for and removed.
        save_relation(store, StoredRelation(here, booking, contact, clock.now()))
        made = await self.directory.link(contact, booking)
        tied = StoredRelation(here, booking, contact, clock.now(), made.record, made.relation)
        save_relation(store, tied)

    def _wanted(self, store: Store, clock: Clock) -> Iterator[tuple[str, list[TrackedEvent]]]:
        """Meetings that other systems have, with their appointments."""
        living: dict[str, Booking] = {
            b.id: b
            for b in store.bookings()
            if b.kind is Kind.APPOINTMENT and b.agreed.busy and b.agreed.end > clock.now()
        }
        found: dict[str, list[TrackedEvent]] = {}
        pairs: list[tuple[Replica, TrackedEvent | None]] = store.replicas(sorted(living))
        for replica, record in pairs:
            if not replica.role.is_meeting or record is None or record.observed is None:
                continue
            if not record.end_accepted:
                found.setdefault(replica.booking, []).append(record)
        for booking, records in sorted(found.items()):
            others = [r for r in records if r.system != self.directory.name]
            if any(r.person for r in others):
                yield booking, records


def _provider(store: Store, booking: str) -> str:
    return next((b.provider for b in store.find_bookings(booking) if b.id == booking), "")


async def _person(system: System, record: TrackedEvent) -> Person | None:
    """Look up whose appointment it is; None if nobody's. Raises PlatformError."""
    if record.observed is None or record.person is None:
        return None
    named = (record.system, record.provider, record.id, record.kind, record.observed)
    return await system.person(Event(*named, record.person, record.service))
