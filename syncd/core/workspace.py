"""The state of one provider while a decision is being made: what is stored, with changes laid over.

Mutable, but never shared: `reconcile` makes one, and what comes out of it is `Changes`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.core.guard_stops import as_unchanged
from syncd.model import (
    Booking,
    Changes,
    HistoryEntry,
    Id,
    Kind,
    ProviderState,
    Replica,
    Role,
    TrackedEvent,
)


@dataclass(slots=True)
class Workspace:
    """Records by (system, event), bookings by id, links both ways; and the changes so far.

    ``rebooked`` are the bookings that went on with another event (`core.rebooked`);
    ``stopped`` are events whose news the guard withholds, as they are shown: among ``records`` they
    are as they were accepted last.
    """

    state: ProviderState
    run: str
    now: datetime
    stopped: Mapping[Id, TrackedEvent] = field(default_factory=dict)
    records: dict[Id, TrackedEvent] = field(init=False)
    bookings: dict[str, Booking] = field(init=False)
    links: dict[str, dict[Id, Replica]] = field(init=False)
    changes: Changes = field(default_factory=Changes)
    rebooked: set[str] = field(default_factory=set)
    _touched: dict[Id, None] = field(default_factory=dict)
    _given_away: list[TrackedEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Index the stored state."""
        self.records = {(r.system, r.id): r for r in (*self.state.ended, *self.state.records)}
        self.records |= {id_: as_unchanged(record) for id_, record in self.stopped.items()}
        self.bookings = {b.id: b for b in self.state.bookings}
        self.links = defaultdict(dict)
        for replica in self.state.replicas:
            if (replica.system, replica.event) in self.records:
                self.links[replica.booking][replica.system, replica.event] = replica

    # what is there

    def linked_ids(self) -> dict[Id, Replica]:
        """Every linked event with one of its replicas."""
        return {id_: replica for links in self.links.values() for id_, replica in links.items()}

    def appointments(self, booking: str) -> list[TrackedEvent]:
        """The events that are the meeting itself: origin and twins, not blocks of syncd's.

        Also those that are over: whoever differs from their end contradicts it.
        """
        return [record for _, record in self.pairs(booking)]

    def present(self, booking: str) -> list[TrackedEvent]:
        """The appointments that are still there, or whose end is still to be decided on."""
        return [record for record in self.shown(booking) if not record.over]

    def pairs(self, booking: str) -> list[tuple[Replica, TrackedEvent]]:
        """Origin and twins with their records, in a stable order."""
        return [
            (replica, self.records[id_])
            for id_, replica in sorted(self.links.get(booking, {}).items())
            if replica.role.is_meeting and id_ in self.records
        ]

    def shown(self, booking: str) -> list[TrackedEvent]:
        """Its appointments as the systems show them, stopped ones too."""
        return [self.stopped.get((r.system, r.id), r) for r in self.appointments(booking)]

    def replicas(self) -> Iterable[Replica]:
        """All links."""
        return (replica for links in self.links.values() for replica in links.values())

    def unlinked(self) -> list[TrackedEvent]:
        """Foreign events that no booking knows and that are there."""
        known = self.linked_ids().keys() | self.stopped.keys()
        return [
            record
            for id_, record in sorted(self.records.items())
            if id_ not in known and not record.created_by_us and record.observed is not None
        ]

    # what changes

    def upsert(self, record: TrackedEvent) -> None:
        """Store a record."""
        self.records[record.system, record.id] = record
        self._touched[record.system, record.id] = None

    def accept(self, record: TrackedEvent) -> None:
        """Move a record's base to what it shows: its news is decided on."""
        if record.observed is None:
            last = record.base or record.before_write
            base = last.cancelled() if last is not None else None
            self.upsert(replace(record, base=base, end_accepted=True))
        else:
            # What syncd wrote there once no longer says where the event is meant to be.
            self.upsert(replace(record, base=record.observed, end_accepted=False, written=None))

    def link(self, replica: Replica) -> None:
        """Put a link."""
        self.links[replica.booking][replica.system, replica.event] = replica
        self.changes.replicas.append(replica)

    def unlink(self, replica: Replica) -> None:
        """Drop a link."""
        self.links[replica.booking].pop((replica.system, replica.event), None)
        self.changes.unlinked.append(replica)

    def unlink_ended(self, replica: Replica, rule: str) -> None:
        """Drop a link to an event that is the meeting no more.

        A twin that stays keeps the meeting: nobody said that it is off. Without one, it is off.
        """
        self.unlink(replica)
        booking = self.bookings.get(replica.booking)
        if booking is None or not replica.role.is_meeting or self.present(booking.id):
            return
        if booking.agreed.busy:
            off = booking.agreed.cancelled()
            revision = booking.revision + 1
            after = replace(
                booking, agreed=off, revision=revision, rule=rule, status_revision=revision
            )
            self.put_booking(after)
            self.log(after, "agreed", before=booking, rule=rule)

    def put_booking(self, booking: Booking) -> None:
        """Put a booking."""
        self.bookings[booking.id] = booking
        self.changes.bookings.append(booking)

    def delete(self, record: TrackedEvent) -> None:
        """Drop a record for good."""
        self.records.pop((record.system, record.id), None)
        self._touched.pop((record.system, record.id), None)
        self.changes.deleted.append(record.ref)

    def hand_over(self, id_: Id) -> None:
        """Take an event that is somebody else's now, with its links, out of the provider's."""
        for links in self.links.values():
            links.pop(id_, None)
        self._touched.pop(id_, None)
        if (record := self.records.pop(id_, None)) is not None:
            self._given_away.append(replace(record, provider="", fingerprint=""))

    def open_booking(self, record: TrackedEvent, booking_id: str) -> Booking:
        """Open a booking on a foreign event. The event must be there."""
        if record.observed is None:
            message = f"event {record.id} is gone and opens nothing"
            raise ValueError(message)
        booking = Booking(
            id=booking_id,
            provider=record.provider,
            kind=record.kind,
            agreed=record.observed,
            opened_at=self.now,
        )
        self.put_booking(booking)
        self.accept(record)
        self.link(Replica(booking_id, record.system, record.id, Role.ORIGIN, person=record.person))
        self.log(booking, "seen", record=record, rule="opens a booking")
        return booking

    def log(
        self,
        booking: Booking,
        what: str,
        *,
        record: TrackedEvent | None = None,
        before: Booking | None = None,
        rule: str = "",
    ) -> None:
        """Write a line of history."""
        self.changes.history.append(
            HistoryEntry(
                at=self.now,
                run=self.run,
                provider=booking.provider,
                what=what,
                booking=booking.id,
                system=record.system if record else "",
                event=record.id if record else "",
                before=before.agreed if before else (record.base if record else None),
                after=booking.agreed if before else (record.observed if record else None),
                rule=rule,
                seen_at=record.observed_at if record else None,
            )
        )

    def final_changes(self) -> Changes:
        """All changes, each row once, in its last form."""
        changes = self.changes
        changes.records = [self._as_seen(id_) for id_ in self._touched]
        changes.records += self._given_away
        changes.bookings = list({booking.id: booking for booking in changes.bookings}.values())
        kept = {(r.booking, r.system, r.event): r for r in changes.replicas}
        for replica in changes.unlinked:
            if (replica.system, replica.event) not in self.links.get(replica.booking, {}):
                kept.pop((replica.booking, replica.system, replica.event), None)
        changes.replicas = list(kept.values())
        changes.unlinked = [
            r for r in changes.unlinked if (r.system, r.event) not in self.links.get(r.booking, {})
        ]
        return changes

    def _as_seen(self, id_: Id) -> TrackedEvent:
        """Return a record to be stored: what a stopped event shows is still news."""
        record, stopped = self.records[id_], self.stopped.get(id_)
        return record if stopped is None else replace(record, observed=stopped.observed)


def is_foreign_block(record: TrackedEvent) -> bool:
    """Whether the event is busy time that somebody else made."""
    return record.kind is Kind.BLOCK and not record.created_by_us
