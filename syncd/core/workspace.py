"""One provider's state while it is being decided on: the stored rows with the changes so far.

`reconcile` makes one workspace per decision and shares it with nobody. What leaves it is `Changes`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

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
    """The stored rows of one provider by id, and the changes so far.

    - ``run``: the id of this run. ``now``: the time of the decision; UTC.
    - ``records``: the events. ``links``: by booking, the replicas of each event.
    - ``rebooked``: the bookings that continue with another event (`core.matching.rebooked`).
    - ``stopped``: the events whose changes the guard stopped, as their systems show them.
      ``records`` has the same events as they were last accepted.
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
    _handed_over: list[TrackedEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Index the stored state."""
        self.records = {(r.system, r.id): r for r in (*self.state.ended, *self.state.records)}
        self.records |= {id_: _as_accepted(record) for id_, record in self.stopped.items()}
        self.bookings = {b.id: b for b in self.state.bookings}
        self.links = defaultdict(dict)
        for replica in self.state.replicas:
            if (replica.system, replica.event) in self.records:
                self.links[replica.booking][replica.system, replica.event] = replica

    # --- queries ---

    def linked_ids(self) -> dict[Id, Replica]:
        """Return every linked event with one of its replicas."""
        return {id_: replica for links in self.links.values() for id_, replica in links.items()}

    def appointments(self, booking: str) -> list[TrackedEvent]:
        """Return the events that are the meeting itself: origin and twins, without blocks of syncd.

        Deleted events are included: if another system still shows the meeting, the deletion
        contradicts that.
        """
        return [record for _, record in self.pairs(booking)]

    def present(self, booking: str) -> list[TrackedEvent]:
        """Return the appointments that exist, or whose deletion is not decided on yet.

        Stopped events are returned as their systems show them.
        """
        return [record for record in self.shown(booking) if not record.over]

    def pairs(self, booking: str) -> list[tuple[Replica, TrackedEvent]]:
        """Return origin and twins with their tracked events, in a stable order."""
        return [
            (replica, self.records[id_])
            for id_, replica in sorted(self.links.get(booking, {}).items())
            if replica.role.is_meeting and id_ in self.records
        ]

    def shown(self, booking: str) -> list[TrackedEvent]:
        """Return the appointments as the systems show them, stopped ones too."""
        return [self.stopped.get((r.system, r.id), r) for r in self.appointments(booking)]

    def replicas(self) -> Iterable[Replica]:
        """Return all links."""
        return (replica for links in self.links.values() for replica in links.values())

    def unlinked(self) -> list[TrackedEvent]:
        """Return the existing events that are not ours and have no booking, in a stable order."""
        known = self.linked_ids().keys() | self.stopped.keys()
        return [
            record
            for id_, record in sorted(self.records.items())
            if id_ not in known and not record.created_by_us and record.observed is not None
        ]

    # --- changes ---

    def upsert(self, record: TrackedEvent) -> None:
        """Store a tracked event."""
        self.records[record.system, record.id] = record
        self._touched[record.system, record.id] = None

    def accept(self, record: TrackedEvent) -> None:
        """Set the base of an event to its observed value: its change is decided on.

        The base of a deleted event is its last known value, cancelled.
        """
        if record.observed is None:
            known = record.base or record.before_write
            base = known.cancelled() if known is not None else None
            self.upsert(replace(record, base=base, end_accepted=True))
        else:
            # The last write of syncd is no longer the expected value of this event.
            self.upsert(replace(record, base=record.observed, end_accepted=False, written=None))

    def link(self, replica: Replica) -> None:
        """Store a link."""
        self.links[replica.booking][replica.system, replica.event] = replica
        self.changes.replicas.append(replica)

    def unlink(self, replica: Replica) -> None:
        """Remove a link."""
        self.links[replica.booking].pop((replica.system, replica.event), None)
        self.changes.unlinked.append(replica)

    def unlink_ended(self, replica: Replica, rule: str) -> None:
        """Remove the link to an event that is no longer the meeting.

        If no other appointment of the meeting exists, the booking is cancelled, with the text
        ``rule``.
        """
        self.unlink(replica)
        booking = self.bookings.get(replica.booking)
        if booking is None or not replica.role.is_meeting or self.present(booking.id):
            return
        if booking.agreed.busy:
            cancelled = booking.agreed.cancelled()
            revision = booking.revision + 1
            after = replace(
                booking, agreed=cancelled, revision=revision, rule=rule, status_revision=revision
            )
            self.put_booking(after)
            self.log(after, "agreed", before=booking, rule=rule)

    def put_booking(self, booking: Booking) -> None:
        """Store a booking."""
        self.bookings[booking.id] = booking
        self.changes.bookings.append(booking)

    def delete(self, record: TrackedEvent) -> None:
        """Delete a tracked event from the state."""
        self.records.pop((record.system, record.id), None)
        self._touched.pop((record.system, record.id), None)
        self.changes.deleted.append(record.ref)

    def hand_over(self, id_: Id) -> None:
        """Remove an event that belongs to another provider now, with its links."""
        for links in self.links.values():
            links.pop(id_, None)
        self._touched.pop(id_, None)
        if (record := self.records.pop(id_, None)) is not None:
            self._handed_over.append(replace(record, provider="", fingerprint=""))

    def open_booking(self, record: TrackedEvent, booking_id: str) -> Booking:
        """Open a booking for an event that is not ours. Raises ValueError if the event is gone."""
        if record.observed is None:
            message = f"event {record.id} is gone, so no booking can be opened for it"
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
        self.link(
            Replica(booking_id, record.system, record.id, Role.ORIGIN, customer=record.customer)
        )
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
        """Add a history entry for a booking.

        ``what`` is the kind of entry. With ``before`` (the former booking), the entry has the
        change of the agreed value; otherwise it has the change of the event ``record``.
        """
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
        """Return all changes, each row once and in its final form."""
        changes = self.changes
        changes.records = [self._to_store(id_) for id_ in self._touched]
        changes.records += self._handed_over
        changes.bookings = list({booking.id: booking for booking in changes.bookings}.values())
        links = {(r.booking, r.system, r.event): r for r in changes.replicas}
        for replica in changes.unlinked:
            if (replica.system, replica.event) not in self.links.get(replica.booking, {}):
                links.pop((replica.booking, replica.system, replica.event), None)
        changes.replicas = list(links.values())
        changes.unlinked = [
            r for r in changes.unlinked if (r.system, r.event) not in self.links.get(r.booking, {})
        ]
        return changes

    def _to_store(self, id_: Id) -> TrackedEvent:
        """Return a tracked event to store: a stopped event keeps its observed value as a change."""
        record, stopped = self.records[id_], self.stopped.get(id_)
        return record if stopped is None else replace(record, observed=stopped.observed)


def is_foreign_block(record: TrackedEvent) -> bool:
    """Return true for a block that is not ours."""
    return record.kind is Kind.BLOCK and not record.created_by_us


def _as_accepted(record: TrackedEvent) -> TrackedEvent:
    """Return a stopped event as it was last accepted."""
    return replace(record, observed=record.base, absence_proofs=0, absent_since=None)
