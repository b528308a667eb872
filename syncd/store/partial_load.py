"""The part of a provider's state that news can have to do with: what must be loaded to decide.

Nothing in it shares an event, a booking or a moment with anything outside of it, so a decision on
it is the decision on the whole, for as long as nothing waits in the rest (`engine.dirty`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import String, bindparam, func, select

from syncd.model import Booking, HeldConflict, Id, ProviderState, Replica, TrackedEvent, Value
from syncd.store import rows
from syncd.store.owners import owner_changes
from syncd.store.store import Store
from syncd.store.tables import BOOKING, CONFLICT, EVENT, REPLICA, WAIVER
from syncd.store.timestamps import instant_text

ProviderSpan = tuple[str, str, str]
"""(provider, start, end), the times as they are stored."""

_TOUCHING = select(EVENT.c.system, EVENT.c.id).where(
    EVENT.c.provider == bindparam("provider"),
    EVENT.c.retired.is_(False),
    EVENT.c.starts < bindparam("end", type_=String),
    EVENT.c.ends > bindparam("start", type_=String),
)
_OF_PERSON = select(EVENT.c.system, EVENT.c.id).where(
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
_NEWS = (
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
# Not joined: SQLite would go through all bookings, and not through the few waivers.
_WAIVED = select(BOOKING.c.provider).where(
    BOOKING.c.id.in_(select(WAIVER.c.booking)), BOOKING.c.retired.is_(False)
)


def load_parts(store: Store, around: Mapping[str, Collection[Id]]) -> dict[str, ProviderState]:
    """The parts of these providers around these events; who must be looked at whole is left out.

    That is who has a held conflict, a write without an outcome, something that was taken back, or
    an event that was found at another owner: what is decided there depends on more than events
    that meet.
    """
    if not around:
        return {}
    conflicts: dict[str, list[HeldConflict]] = defaultdict(list)
    for row in store.query(_OPEN, {}):
        conflicts[row["provider"]].append(rows.to_conflict(row))
    waits = {i.operation.provider for i in store.pending_intents()}
    waits |= {p for p, held in conflicts.items() if not all(_only_told(h) for h in held)}
    waits |= {row["provider"] for row in store.query(_WAIVED, {})}
    waits |= {change.provider for change in owner_changes(store)}
    grown = related_state(store, {p: ids for p, ids in around.items() if p not in waits})
    return {
        provider: replace(part, conflicts=tuple(c for c in conflicts[provider] if _in(c, part)))
        for provider, part in grown.items()
    }


def related_state(store: Store, around: Mapping[str, Collection[Id]]) -> dict[str, ProviderState]:
    """All that has to do with these events: events, bookings and links, and nothing that waits."""
    if not around:
        return {}
    grown = _Growth(store, frozenset(around))
    grown.grow({id_ for ids in around.values() for id_ in ids})
    return grown.states()


def _in(held: HeldConflict, part: ProviderState) -> bool:
    return bool({b.id for b in part.bookings} & set(held.conflict.subject.split("+")))


def pending_changes(store: Store, provider: str) -> dict[str, int]:
    """How many events of each of a provider's calendars differ from what was accepted."""
    return {row["system"]: int(row["n"]) for row in store.query(_NEWS, {"provider": provider})}


def _only_told(held: HeldConflict) -> bool:
    return not held.conflict.held and "+" in held.conflict.subject


@dataclass(slots=True)
class _Growth:
    """What was found so far, of all providers at once."""

    store: Store
    providers: frozenset[str]
    records: dict[Id, TrackedEvent] = field(default_factory=dict)
    bookings: dict[str, Booking] = field(default_factory=dict)
    replicas: dict[tuple[str, str, str], Replica] = field(default_factory=dict)

    def grow(self, ids: set[Id]) -> None:
        """Take in these events, and all that these have to do with."""
        known: set[Id] = set()
        asked: set[ProviderSpan] = set()
        while ids:
            known |= ids
            bookings = self._bookings(ids)
            self.bookings |= bookings
            opened = ({"booking": booking} for booking in bookings)
            linked = [rows.to_replica(r) for r in self.store.query(_LINKED, *opened)]
            self.replicas |= {(r.booking, r.system, r.event): r for r in linked}
            records = self._records(ids)
            self.records |= {(r.system, r.id): r for r in records}
            spans = {s for r in records for s in _spans(r)}
            spans |= {_span(b.provider, b.agreed) for b in bookings.values()}
            ids = {(r.system, r.event) for r in linked} | self._touching(spans - asked)
            ids |= self._of_persons(records) if not asked else set()
            ids -= known
            asked |= spans

    def states(self) -> dict[str, ProviderState]:
        """The part of each provider, in the order in which the whole is told."""
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
        """Those that are alive, and those that have ended of the bookings found so far."""
        linked = {(replica.system, replica.event) for replica in self.replicas.values()}
        found = (
            record
            for system, events in _by_system(ids).items()
            for record in self.store.records(system, events)
            if record.provider in self.providers
        )
        return [
            replace(record, archived=False)
            for record in found
            if not record.archived or (record.over and (record.system, record.id) in linked)
        ]

    def _bookings(self, ids: Iterable[Id]) -> dict[str, Booking]:
        """The bookings that these events serve, and that are not known yet."""
        asked = ({"system": system, "event": event} for system, event in ids)
        return {
            row["id"]: rows.to_booking(row)
            for row in self.store.query(_SERVED, *asked)
            if row["id"] not in self.bookings and row["provider"] in self.providers
        }

    def _of_persons(self, news: Iterable[TrackedEvent]) -> set[Id]:
        """The appointments of whose are new or ended: one may be booked instead of another."""
        asked = (
            {"system": r.system, "person": r.person, "provider": r.provider}
            for r in news
            if r.person and (r.base is None or r.observed is None or not r.observed.busy)
        )
        return {(row["system"], row["id"]) for row in self.store.query(_OF_PERSON, *asked)}

    def _touching(self, spans: Collection[ProviderSpan]) -> set[Id]:
        """The events that take place during any of these."""
        asked = ({"provider": who, "start": start, "end": end} for who, start, end in spans)
        return {(row["system"], row["id"]) for row in self.store.query(_TOUCHING, *asked)}


def _by_system(ids: Iterable[Id]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for system, event in ids:
        found[system].append(event)
    return found


def _spans(record: TrackedEvent) -> set[ProviderSpan]:
    """Every time at which the event is, was accepted to be, or was meant to be."""
    values: Sequence[Value | None] = (record.observed, record.base, record.written)
    return {_span(record.provider, value) for value in values if value is not None}


def _span(provider: str, value: Value) -> ProviderSpan:
    return (provider, instant_text(value.start), instant_text(value.end))
