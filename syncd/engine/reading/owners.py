"""Follow changes of an event's owner (the platform's user whose calendar shows the event).

When a provider's e-mail address or user id changes, when two users are merged, or when the list of
users is empty by mistake, events of the same provider show an owner that is not mapped. Only the
list of users distinguishes these cases from a meeting that was handed over to another user. So no
event leaves a calendar before its change of owner is proven (promise 3, docs/design.md#promises).
The list of users is read at most once per read, and only if an owner has changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from syncd.core.event_state.observation import ObservationKind
from syncd.model import (
    CalendarUser,
    Changes,
    Clock,
    Event,
    Id,
    OwnerChange,
    OwnerProof,
    TrackedEvent,
    UserDirectory,
    UserState,
    Value,
    is_recent,
)
from syncd.store.queries.owners import calendar_users, owner_changes
from syncd.store.store import Store
from syncd.systems.errors import PlatformError, UnreadableError
from syncd.systems.port import Row, Snapshot, System

log = structlog.get_logger(__name__)

OWNER_RECHECK_AFTER = timedelta(minutes=5)
"""An unproven change of owner is checked again after this time."""


class FoundElsewhere(NamedTuple):
    """An event that was found at another owner: its record ``before`` and ``after``."""

    before: TrackedEvent
    after: TrackedEvent
    event: Event
    news: ObservationKind


@dataclass(slots=True)
class OwnerTracker:
    """The changes of owner in one system during one read.

    - ``open``: the open (not yet applied) changes, by (provider, event).
    - ``known``: the stored user id of each provider.
    - ``remapped``: providers whose calendar was changed in the configuration; their events prove
      nothing about users.
    - ``fault``: a refused list call that a missing user does not explain; None if there is none.
    - ``decidable``: the changes that are proven or obsolete, so that a decision may use them.
    """

    system: System
    clock: Clock
    open: dict[Id, OwnerChange]
    known: Mapping[str, str]
    remapped: Collection[str]
    fault: PlatformError | None = None
    decidable: list[OwnerChange] = field(default_factory=list)
    _elsewhere: list[FoundElsewhere] = field(default_factory=list)
    _unlisted: list[TrackedEvent] = field(default_factory=list)
    _doubted: list[tuple[OwnerChange, Event]] = field(default_factory=list)
    _deleted: list[str] = field(default_factory=list)
    _resolved: list[OwnerChange] = field(default_factory=list)
    _directory: UserDirectory | None = None
    _users_before: UserDirectory | None = None

    @classmethod
    def of(
        cls, system: System, store: Store, clock: Clock, remapped: Collection[str] = ()
    ) -> OwnerTracker:
        """Load the stored changes of owner and the user ids of a system; makes no call."""
        changes = [c for c in owner_changes(store) if c.system == system.name]
        return cls(
            system,
            clock,
            {(c.provider, c.event): c for c in changes},
            calendar_users(store, system.name),
            remapped,
        )

    def change(self, record: TrackedEvent) -> OwnerChange | None:
        """Return the open change of an event, if there is one."""
        return self.open.get((record.provider, record.id))

    @property
    def events(self) -> list[str]:
        """Return the ids of the events with an open change."""
        return sorted({change.event for change in self.open.values()})

    def leaves_calendar(self, record: TrackedEvent, event: Event) -> bool:
        """Return true if an observation takes an event out of its calendar (to be proven first).

        ``record`` is the stored row; ``event`` is what the read shows, for another provider or for
        none. In a calendar whose mapping was changed, an event leaves without proof; but our own
        block does not join another provider's calendar, where it would be removed as not needed.
        """
        remapped = bool({record.provider, event.provider} & {*self.remapped})
        joins = record.created_by_us and event.provider in self.system.providers
        return (
            not record.archived
            and record.provider in self.system.providers
            and event.provider != record.provider
            and _value(record) is not None
            and (joins or not remapped)
        )

    def note_elsewhere(self, sighting: FoundElsewhere) -> None:
        """Record an event that was found at another owner; `prove` looks for the proof."""
        self._elsewhere.append(sighting)

    def restored_base(self, before: TrackedEvent | None, after: TrackedEvent) -> TrackedEvent:
        """Return ``after`` with its former base if the event returns to the calendar that it left.

        While the owner was in doubt, changes of the event were decided on for the other calendar
        only. With the former base, those changes count in the event's own calendar too. ``before``
        is the stored row; without an open change, ``after`` is returned unchanged.
        """
        change = self.change(after)
        if change is None or before is None or before.provider == after.provider:
            return after
        return replace(after, base=change.value)

    async def user_state(self, provider: str) -> UserState:
        """Return whether the provider's user exists. Reads the list of users once."""
        return (await self._users()).state_of(provider, self.known.get(provider, ""))

    async def read_users_first(self, unread: AbstractSet[str]) -> None:
        """Read the users before the lists, if a provider's calendar was never read in full.

        See `providers_without_user`, which compares the users before and after the list calls.
        """
        if unread:
            self._users_before, self._directory = await self._users(), None

    async def providers_without_user(
        self, snapshot: Snapshot, unread: AbstractSet[str]
    ) -> set[str]:
        """Return the ``unread`` providers whose list is empty and whose user is missing.

        ``unread`` are the providers whose calendar was never read in full; an empty list of a
        missing user proves nothing about these. Unreadable rows do not make a list non-empty: a
        broken response contains such rows, too. A user may come back between the list call and now,
        so a user who is missing before or after the list calls counts as missing. Rooms have no
        user.
        """
        listed = {c.provider for c in snapshot.coverage} | {a.provider for a in snapshot.unproven}
        empty = listed & unread
        for row in snapshot.rows if empty else ():
            if row.provider in empty and self.is_readable(row):
                empty.discard(row.provider)
        if not empty:
            return set()
        directories = [
            directory
            for directory in (self._users_before, await self._users())
            if directory is not None
        ]
        return {
            provider
            for directory in directories
            for provider in empty & directory.mapped.keys()
            if directory.state_of(provider, self.known.get(provider, "")) is UserState.MISSING
        }

    def is_readable(self, row: Row) -> bool:
        """Return true if a listed row can be parsed; only such a row proves that a user exists."""
        try:
            self.system.event(row)
        except UnreadableError:
            return False
        return True

    def note_unlisted(self, record: TrackedEvent) -> None:
        """Record an event that no list shows, possibly because the provider's user is missing."""
        self._unlisted.append(record)

    def update_open_changes(self, record: TrackedEvent, event: Event) -> None:
        """Update the open changes of an event after a lookup found the event at its current owner.

        A change is closed if the event is back in the calendar that it left.
        """
        for change in [c for c in self.open.values() if c.event == record.id]:
            if event.provider == change.provider:
                self.resolve_change(change)
            elif change.provider != record.provider and not change.proven:
                self._doubted.append((change, event))

    def resolve_change(self, change: OwnerChange) -> None:
        """Close a change because nothing is left to prove."""
        if self.open.pop((change.provider, change.event), None) is not None:
            self._resolved.append(change)

    def resolve_changes(self, provider: str) -> None:
        """Close all changes of one provider's calendar, and let the next decision use them."""
        for change in [c for c in self.open.values() if c.provider == provider]:
            self.resolve_change(change)
            self.decidable.append(change)

    def note_returned(self, record: TrackedEvent) -> None:
        """Close the change of an event that is back in its calendar, or that no longer exists."""
        if (change := self.change(record)) is not None:
            self.resolve_change(change)

    def note_deleted(self, record: TrackedEvent) -> None:
        """Record that an event was deleted from the system, whoever owned it at that time."""
        self.note_returned(record)
        self._deleted.append(record.id)

    def observe_owner(
        self, snapshot: Snapshot, known: Iterable[TrackedEvent], start: datetime
    ) -> None:
        """Close the changes of events that are in their calendar again, or ended before start.

        ``known`` are the stored rows of events with an open change. Changes of providers that this
        system no longer has are closed too, and become decidable.
        """
        listed = {row.id: row.provider for row in snapshot.rows}
        listed |= {r.id: r.provider for r in known if r.id in snapshot.same}
        for change in list(self.open.values()):
            if listed.get(change.event) == change.provider or change.value.end <= start:
                self.resolve_change(change)
        for provider in {c.provider for c in self.open.values()} - {*self.system.providers}:
            self.resolve_changes(provider)

    async def check_refused(self, snapshot: Snapshot, unlisted: Iterable[TrackedEvent]) -> None:
        """Find out why the system refuses to list some calendars: a missing user, or a fault.

        ``unlisted`` are the known events that no list shows. If a calendar's user is missing, its
        events are recorded as unlisted. Otherwise the refusal becomes the ``fault`` of the read.
        """
        for provider, fault in sorted(snapshot.refused.items()):
            if await self.user_state(provider) is not UserState.MISSING:
                self.fault = self.fault or fault
                continue
            for record in unlisted:
                if record.provider == provider and _value(record) is not None:
                    self.note_unlisted(record)

    async def due(self, *, thorough: bool, limit: int) -> list[OwnerChange]:
        """Check unproven changes again; return those whose events must be looked up by id.

        At most ``limit`` changes are returned, the least recently checked first. ``thorough``:
        check also the changes that were checked less than `OWNER_RECHECK_AFTER` ago.
        """
        now = self.clock.now()
        to_ask: list[OwnerChange] = []
        for change in sorted(self.open.values(), key=lambda c: (c.asked_at, c.event)):
            if change.proven or (
                is_recent(change.asked_at, now, OWNER_RECHECK_AFTER) and not thorough
            ):
                continue
            directory, known = await self._users(), self.known.get(change.provider, "")
            updated = replace(change, asked_at=now)
            user = directory.state_of(change.provider, known)
            without_owner = not change.owner and not change.holder
            if user is UserState.PRESENT or (user is UserState.UNKNOWN and without_owner):
                # The owner may have changed again, or the list of users may be complete again.
                if len(to_ask) == limit:
                    continue
                to_ask.append(updated)
            else:
                proof = directory.proof(change.provider, change.owner, change.holder, known=known)
                updated = replace(updated, proof=proof)
            if updated.proven:
                self.decidable.append(updated)
            self.open[change.provider, change.event] = updated
        return to_ask

    async def prove(self, changes: Changes) -> list[FoundElsewhere]:
        """Find the proof of each recorded change; return the events found at another owner.

        The changes of owner are added to ``changes``, which the read stores. An event whose new
        owner is mapped moves to that provider's calendar at once, as its time is busy there too.
        Any other event stays in its calendar until a decision takes the event out.
        """
        now = self.clock.now()
        for sighting in self._elsewhere:
            record, event = sighting.before, sighting.event
            value = _value(record)
            if value is None:
                continue
            directory = await self._users()
            holder = event.provider if event.provider in self.system.providers else ""
            proof = directory.proof(
                record.provider,
                event.owner,
                holder,
                place=event.service or "",
                known=self.known.get(record.provider, ""),
            )
            self._add(record, OwnerChange(
                self.system.name, record.id, record.provider, event.owner, holder, proof, value,
                now, now,
            ))  # fmt: skip
        for change, event in self._doubted:
            holder = event.provider if event.provider in self.system.providers else ""
            proof = (await self._users()).proof(
                change.provider,
                event.owner,
                holder,
                place=event.service or "",
                known=self.known.get(change.provider, ""),
            )
            updated = replace(change, owner=event.owner, holder=holder, proof=proof)
            self.open[change.provider, change.event] = updated
            if updated.proven:
                self.decidable.append(updated)
        for change in [c for c in self.open.values() if c.event in self._deleted and not c.proven]:
            # The event is in no calendar. But while the user is missing, no time is freed.
            if await self.user_state(change.provider) is UserState.PRESENT:
                updated = replace(change, proof=OwnerProof.DELETED)
                self.open[change.provider, change.event] = updated
                self.decidable.append(updated)
        for record in self._unlisted:
            value = _value(record)
            if value is not None and self.change(record) is None:
                known = self.known.get(record.provider, "")
                proof = (await self._users()).proof(record.provider, "", known=known)
                self._add(record, OwnerChange(
                    self.system.name, record.id, record.provider, "", "", proof, value, now, now,
                ))  # fmt: skip
        changes.owner_changes += self.open.values()
        changes.owners_resolved += self._resolved
        return self._elsewhere

    def refresh(self, users: Mapping[str, str], changes: Changes) -> None:
        """Add the providers' user ids to ``changes``, except providers with an open change."""
        doubted = {c.provider for c in self.open.values()}
        changes.users += [
            CalendarUser(self.system.name, provider, user)
            for provider, user in sorted(users.items())
            if self.known.get(provider) != user and provider not in doubted
        ]

    def _add(self, record: TrackedEvent, change: OwnerChange) -> None:
        old = self.change(record)
        since = old.since if old is not None else change.since
        self.open[record.provider, record.id] = replace(change, since=since)

    async def _users(self) -> UserDirectory:
        """Return the users of the account, read once; an empty directory if the call fails."""
        if self._directory is None:
            try:
                self._directory = await self.system.users()
            except PlatformError as fault:
                log.info("users could not be read", system=self.system.name, fault=str(fault))
                self._directory = UserDirectory()
        return self._directory


def _value(record: TrackedEvent) -> Value | None:
    """Return the last value of an event while its calendar owned it."""
    return record.observed or record.base


def announce(system: str, before: Iterable[OwnerChange], after: Iterable[OwnerChange]) -> None:
    """Log the calendars of events with an owner that is not proven, when that begins or ends.

    ``before`` and ``after`` are the unconfirmed changes of owners before and after a read.
    """
    was, now = _unproven(before), _unproven(after)
    for provider in sorted(now.keys() - was.keys()):
        unproven = now[provider]
        log.warning(
            "owners unknown: nothing is freed",
            system=system,
            provider=provider,
            events=len(unproven),
            owners=sorted({c.owner for c in unproven} - {""}),
            why=str(unproven[0].proof),
            remedy=f"if the user has another address or id, correct {system} in "
            f"[providers.{provider}.calendars]; `syncd check` shows details",
        )
    for provider in sorted(was.keys() - now.keys()):
        log.info("owners known again", system=system, provider=provider)


def _unproven(changes: Iterable[OwnerChange]) -> dict[str, list[OwnerChange]]:
    by_provider: dict[str, list[OwnerChange]] = {}
    for change in changes:
        if not change.proven:
            by_provider.setdefault(change.provider, []).append(change)
    return by_provider
