"""Load the part of a provider's state that some changed events can affect.

The loaded part shares no event, no booking and no time with the other part. So a decision on the
loaded part equals the decision on the whole state, as long as nothing in the other part waits for a
decision (`engine.deciding.dirty`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import String, bindparam, func, select

from syncd.model import Booking, Id, ProviderState, Replica, StoredConflict, TrackedEvent, Value
from syncd.store.queries.owners import owner_changes
from syncd.store.store import Store
from syncd.store.tables import rows
from syncd.store.tables.tables import BOOKING, CONFLICT, EVENT, REPLICA, WAIVER
from syncd.store.tables.timestamps import instant_text

ProviderSpan = tuple[str, str, str]
"""(provider, start, end), with the times as stored text."""

_TOUCHING = select(EVENT.c.system, EVENT.c.id).where(
    EVENT.c.provider == bindparam("provider"),
    EVENT.c.retired.is_(False),
    EVENT.c.starts < bindparam("end", type_=String),
    EVENT.c.ends > bindparam("start", type_=String),
)
_OF_CUSTOMER = select(EVENT.c.system, EVENT.c.id).where(
    EVENT.c.system == bindparam("system"),
    EVENT.c.person == bindparam("person"),
    EVENT.c.provider == bindparam("provider"),
)
_SERVED = select(BOOKING).join(REPLICA, REPLICA.c.booking == BOOKING.c.id)
_SERVED = _SERVED.where(
    REPLICA.c.system == bindparam("system"),
    REPLICA.c.event == bindparam("event"),
    BOOKING.c.retired.is_(False),
)
_LINKED = select(REPLICA).where(REPLICA.c.booking == bindparam("booking"))
_PENDING_CHANGES = (
    select(EVENT.c.system, func.count().label("n"))
    .where(
        EVENT.c.provider == bindparam("provider"),
        EVENT.c.retired.is_(False),
        EVENT.c.ended.is_(False),
        EVENT.c.base.is_not(None),
        EVENT.c.observed.is_distinct_from(EVENT.c.base),
    )
    .group_by(EVENT.c.system)
)
_OPEN = select(CONFLICT).where(CONFLICT.c.closed_at.is_(None))
# A subquery, not a join: for a join SQLite would scan all bookings instead of the few waivers.
_SUPPRESSED = select(BOOKING.c.provider).where(
    BOOKING.c.id.in_(select(WAIVER.c.booking)), BOOKING.c.retired.is_(False)
)


def load_parts(store: Store, around: Mapping[str, Collection[Id]]) -> dict[str, ProviderState]:
    """Load the affected part of each provider's state; ``around`` gives the changed events.

    The result has no entry for providers that need a decision on their whole state. These are the
    providers with a held conflict, a write without an outcome, an undo suppression or an owner
    change, because their decision depends on more than overlapping events.
    """
    if not around:
        return {}
    conflicts: dict[str, list[StoredConflict]] = defaultdict(list)
    for row in store.query(_OPEN, {}):
        conflicts[row["provider"]].append(rows.to_conflict(row))
    whole = {i.operation.provider for i in store.pending_intents()}
    whole |= {p for p, held in conflicts.items() if not all(_is_double_booking(h) for h in held)}
    whole |= {row["provider"] for row in store.query(_SUPPRESSED, {})}
    whole |= {change.provider for change in owner_changes(store)}
    parts = related_state(store, {p: ids for p, ids in around.items() if p not in whole})
    return {
        provider: replace(part, conflicts=tuple(c for c in conflicts[provider] if _in(c, part)))
        for provider, part in parts.items()
    }


def related_state(store: Store, around: Mapping[str, Collection[Id]]) -> dict[str, ProviderState]:
    """Load all events, bookings and links that are related to these events, by provider.

    Related are events of the same booking, events that overlap in time, and certain appointments of
    the same customer. Conflicts, journal rows and undo suppressions are not loaded.
    """
    if not around:
        return {}
    growth = _Growth(store, frozenset(around))
    growth.grow({id_ for ids in around.values() for id_ in ids})
    return growth.states()


def _in(held: StoredConflict, part: ProviderState) -> bool:
    return bool({b.id for b in part.bookings} & set(held.conflict.subject.split("+")))


def pending_changes(store: Store, provider: str) -> dict[str, int]:
    """Count the events that differ from their base, by system, for one provider."""
    counted = store.query(_PENDING_CHANGES, {"provider": provider})
    return {row["system"]: int(row["n"]) for row in counted}


def _is_double_booking(held: StoredConflict) -> bool:
    """Return true for a double booking that is only reported; its subject is two booking ids."""
    return not held.conflict.held and "+" in held.conflict.subject


@dataclass(slots=True)
class _Growth:
    """The rows that were loaded so far, of all providers at once."""

    store: Store
    providers: frozenset[str]
    records: dict[Id, TrackedEvent] = field(default_factory=dict)
    bookings: dict[str, Booking] = field(default_factory=dict)
    replicas: dict[tuple[str, str, str], Replica] = field(default_factory=dict)

    def grow(self, ids: set[Id]) -> None:
        """Load these events and all related ones, until no new ones turn up."""
        known: set[Id] = set()
        searched: set[ProviderSpan] = set()
        while ids:
            known |= ids
            bookings = self._bookings(ids)
            self.bookings |= bookings
            parameters = ({"booking": booking} for booking in bookings)
            linked = [rows.to_replica(r) for r in self.store.query(_LINKED, *parameters)]
            self.replicas |= {(r.booking, r.system, r.event): r for r in linked}
            records = self._records(ids)
            self.records |= {(r.system, r.id): r for r in records}
            spans = {s for r in records for s in _spans(r)}
            spans |= {_span(b.provider, b.agreed) for b in bookings.values()}
            ids = {(r.system, r.event) for r in linked} | self._touching(spans - searched)
            ids |= self._of_customers(records) if not searched else set()
            ids -= known
            searched |= spans

    def states(self) -> dict[str, ProviderState]:
        """Return the part of each provider, in the order of `load_provider`."""
        records: dict[str, list[TrackedEvent]] = defaultdict(list)
        ended: dict[str, list[TrackedEvent]] = defaultdict(list)
        for _, record in sorted(self.records.items()):
            (ended if record.over else records)[record.provider].append(record)
        bookings: dict[str, list[Booking]] = defaultdict(list)
        for _, booking in sorted(self.bookings.items()):
            bookings[booking.provider].append(booking)
        replicas: dict[str, list[Replica]] = defaultdict(list)
        for _, replica in sorted(self.replicas.items()):
            replicas[self.bookings[replica.booking].provider].append(replica)
        return {
            p: ProviderState(
                p,
                tuple(records[p]),
                tuple(bookings[p]),
                tuple(replicas[p]),
                ended=tuple(ended[p]),
            )
            for p in self.providers
        }

    def _records(self, ids: Iterable[Id]) -> list[TrackedEvent]:
        """Load the active ones of these events, and ended ones that are linked to a booking."""
        linked = {(replica.system, replica.event) for replica in self.replicas.values()}
        loaded = (
            record
            for system, events in _by_system(ids).items()
            for record in self.store.records(system, events)
            if record.provider in self.providers
        )
        return [
            replace(record, archived=False)
            for record in loaded
            if not record.archived or (record.over and (record.system, record.id) in linked)
        ]

    def _bookings(self, ids: Iterable[Id]) -> dict[str, Booking]:
        """Load the bookings of these events that were not loaded yet."""
        parameters = ({"system": system, "event": event} for system, event in ids)
        return {
            row["id"]: rows.to_booking(row)
            for row in self.store.query(_SERVED, *parameters)
            if row["id"] not in self.bookings and row["provider"] in self.providers
        }

    def _of_customers(self, changed: Iterable[TrackedEvent]) -> set[Id]:
        """Find the appointments of customers with a new or ended one: it may be a reschedule."""
        parameters = (
            {"system": r.system, "person": r.customer, "provider": r.provider}
            for r in changed
            if r.customer and (r.base is None or r.observed is None or not r.observed.busy)
        )
        return {(row["system"], row["id"]) for row in self.store.query(_OF_CUSTOMER, *parameters)}

    def _touching(self, spans: Collection[ProviderSpan]) -> set[Id]:
        """Find the events that overlap any of these intervals."""
        parameters = ({"provider": p, "start": start, "end": end} for p, start, end in spans)
        return {(row["system"], row["id"]) for row in self.store.query(_TOUCHING, *parameters)}


def _by_system(ids: Iterable[Id]) -> dict[str, list[str]]:
    by_system: dict[str, list[str]] = defaultdict(list)
    for system, event in ids:
        by_system[system].append(event)
    return by_system


def _spans(record: TrackedEvent) -> set[ProviderSpan]:
    """Return the intervals of the event's observed, base and written values."""
    values: Sequence[Value | None] = (record.observed, record.base, record.written)
    return {_span(record.provider, value) for value in values if value is not None}


def _span(provider: str, value: Value) -> ProviderSpan:
    return (provider, instant_text(value.start), instant_text(value.end))
