"""Events found at another owner: nothing leaves a calendar before that is proven (promise 3).

A person's address or id changes, two users are merged, the list of users is empty: then events that
are still the same person's show an owner that nobody mapped. Only the list of users tells that from
a meeting that was handed over, so it is read, once in a cycle and only if there is a question.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from syncd.core.observation import ObservationKind
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
from syncd.store.owners import calendar_users, owner_changes
from syncd.store.store import Store
from syncd.systems.port import PlatformError, Row, Snapshot, System, UnreadableError

log = structlog.get_logger(__name__)

RECHECK = timedelta(minutes=5)
"""An unproven change of owner is looked at again after this long."""


class Found(NamedTuple):
    """An event at another owner: its record so far, and with the owner and value of now."""

    before: TrackedEvent
    after: TrackedEvent
    event: Event
    news: ObservationKind


@dataclass(slots=True)
class OwnerTracker:
    """The owner changes of one system during one read.

    ``remapped`` are the providers whose calendar is another one than the state knows: who their
    events belong to follows from the configuration, and proves nothing about users. ``freed`` are
    the changes that may be decided on now, ``fault`` a refusal that is no matter of users.
    """

    system: System
    clock: Clock
    open: dict[Id, OwnerChange]
    known: Mapping[str, str]
    remapped: Collection[str]
    fault: PlatformError | None = None
    freed: list[OwnerChange] = field(default_factory=list)
    _found: list[Found] = field(default_factory=list)
    _missing: list[TrackedEvent] = field(default_factory=list)
    _held: list[tuple[OwnerChange, Event]] = field(default_factory=list)
    _gone: list[str] = field(default_factory=list)
    _settled: list[OwnerChange] = field(default_factory=list)
    _directory: UserDirectory | None = None
    _before: UserDirectory | None = None

    @classmethod
    def of(
        cls, system: System, store: Store, clock: Clock, remapped: Collection[str] = ()
    ) -> OwnerTracker:
        """Load what is known of a system's owners; asks no system."""
        mine = [c for c in owner_changes(store) if c.system == system.name]
        return cls(
            system,
            clock,
            {(c.provider, c.event): c for c in mine},
            calendar_users(store, system.name),
            remapped,
        )

    def change(self, record: TrackedEvent) -> OwnerChange | None:
        """The change that is open for an event of a calendar."""
        return self.open.get((record.provider, record.id))

    @property
    def events(self) -> list[str]:
        """The events whose owner change is open."""
        return sorted({change.event for change in self.open.values()})

    def concerns(self, record: TrackedEvent, event: Event) -> bool:
        """Whether an observation takes an event out of a calendar, which has to be proven."""
        return (
            not record.archived
            and record.provider in self.system.providers
            and event.provider != record.provider
            and _value(record) is not None
            and not {record.provider, event.provider} & {*self.remapped}
        )

    def found(self, found: Found) -> None:
        """Note an event that was found at another owner."""
        self._found.append(found)

    def given_back(self, before: TrackedEvent | None, after: TrackedEvent) -> TrackedEvent:
        """Return what an event shows, with the base of the calendar that it comes back to.

        While it was in doubt whose event it is, the other calendar decided on its news; its own
        has not, so what changed meanwhile is still news there.
        """
        change = self.change(after)
        if change is None or before is None or before.provider == after.provider:
            return after
        return replace(after, base=change.value)

    async def user_of(self, provider: str) -> UserState:
        """Whether the provider's user is there."""
        return (await self._users()).state_of(provider, self.known.get(provider, ""))

    async def look_ahead(self, unread: AbstractSet[str]) -> None:
        """Read the users before the lists if there are such providers: see `missing_of`."""
        if unread:
            self._before, self._directory = await self._users(), None

    async def missing_of(self, snapshot: Snapshot, unread: AbstractSet[str]) -> set[str]:
        """Return those of these providers whose list shows nothing and whose user is not there.

        A row that cannot be read is nothing: a broken answer has such rows, too. Such a list
        proves nothing of a calendar that was never read whole. A user who was missing when the
        list was asked for may be back a moment later, so that both what was read of users before
        it and what is read of them now have to show them. Rooms have no user.
        """
        listed = {c.provider for c in snapshot.coverage} | {a.provider for a in snapshot.unproven}
        empty = listed & unread
        for row in snapshot.rows if empty else ():
            if row.provider in empty and self._is_readable(row):
                empty.discard(row.provider)
        if not empty:
            return set()
        looks = [look for look in (self._before, await self._users()) if look is not None]
        return {
            provider
            for look in looks
            for provider in empty & look.mapped.keys()
            if look.state_of(provider, self.known.get(provider, "")) is UserState.MISSING
        }

    def _is_readable(self, row: Row) -> bool:
        try:
            self.system.event(row)
        except UnreadableError:
            return False
        return True

    def missing(self, record: TrackedEvent) -> None:
        """Note an event that is not shown, as the user whose list would show it may be missing."""
        self._missing.append(record)

    def still_held(self, record: TrackedEvent, event: Event) -> None:
        """Note where an event was found that was in doubt at another calendar before."""
        for change in [c for c in self.open.values() if c.event == record.id]:
            if event.provider == change.provider:
                self.resolve_change(change)
            elif change.provider != record.provider and not change.proven:
                self._held.append((change, event))

    def resolve_change(self, change: OwnerChange) -> None:
        """Note that nothing is to be proven any more."""
        if self.open.pop((change.provider, change.event), None) is not None:
            self._settled.append(change)

    def resolve_changes(self, provider: str) -> None:
        """Settle every change of one calendar, and have it decided on."""
        for change in [c for c in self.open.values() if c.provider == provider]:
            self.resolve_change(change)
            self.freed.append(change)

    def back(self, record: TrackedEvent) -> None:
        """Note that an event is where it belongs, or gone from the system itself."""
        if (change := self.change(record)) is not None:
            self.resolve_change(change)

    def gone(self, record: TrackedEvent) -> None:
        """Note an event that is gone from the system itself, whosever it was by then."""
        self.back(record)
        self._gone.append(record.id)

    def observe_owner(
        self, snapshot: Snapshot, known: Iterable[TrackedEvent], start: datetime
    ) -> None:
        """Settle the changes of events that their calendar shows again, and of those that ended."""
        listed = {row.id: row.provider for row in snapshot.rows}
        listed |= {r.id: r.provider for r in known if r.id in snapshot.same}
        for change in list(self.open.values()):
            if listed.get(change.event) == change.provider or change.value.end <= start:
                self.resolve_change(change)
        for provider in {c.provider for c in self.open.values()} - {*self.system.providers}:
            self.resolve_changes(provider)

    async def refused(self, snapshot: Snapshot, unlisted: Iterable[TrackedEvent]) -> None:
        """Judge whether calendars that the system refuses to list have lost their user.

        Otherwise the refusal is a fault of the system like any other.
        """
        for provider, fault in sorted(snapshot.refused.items()):
            if await self.user_of(provider) is not UserState.MISSING:
                self.fault = self.fault or fault
                continue
            for record in unlisted:
                if record.provider == provider and _value(record) is not None:
                    self.missing(record)

    async def due(self, *, thorough: bool, most: int) -> list[OwnerChange]:
        """Look again at what was unproven; return the changes whose events must be asked for.

        These are at most so many, those first that were asked for longest ago.
        """
        now = self.clock.now()
        asked: list[OwnerChange] = []
        for change in sorted(self.open.values(), key=lambda c: (c.asked_at, c.event)):
            if change.proven or (is_recent(change.asked_at, now, RECHECK) and not thorough):
                continue
            directory, known = await self._users(), self.known.get(change.provider, "")
            again = replace(change, asked_at=now)
            user = directory.state_of(change.provider, known)
            unseen = not change.owner and not change.holder
            if user is UserState.PRESENT or (user is UserState.UNKNOWN and unseen):
                # Its owner may be another one by now, or its list be proven to work.
                if len(asked) == most:
                    continue
                asked.append(again)
            else:
                proof = directory.proof(change.provider, change.owner, change.holder, known=known)
                again = replace(again, proof=proof)
            if again.proven:
                self.freed.append(again)
            self.open[change.provider, change.event] = again
        return asked

    async def prove(self, changes: Changes) -> list[Found]:
        """Judge what was found, and have it stored; return it.

        An event whose new owner is mapped moves there at once, as that time is taken, too. Any
        other one stays in its calendar as it was until a decision takes it out.
        """
        now = self.clock.now()
        for found in self._found:
            record, event = found.before, found.event
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
            self._put(record, OwnerChange(
                self.system.name, record.id, record.provider, event.owner, holder, proof, value,
                now, now,
            ))  # fmt: skip
        for change, event in self._held:
            holder = event.provider if event.provider in self.system.providers else ""
            proof = (await self._users()).proof(
                change.provider,
                event.owner,
                holder,
                place=event.service or "",
                known=self.known.get(change.provider, ""),
            )
            again = replace(change, owner=event.owner, holder=holder, proof=proof)
            self.open[change.provider, change.event] = again
            if again.proven:
                self.freed.append(again)
        for change in [c for c in self.open.values() if c.event in self._gone and not c.proven]:
            # It stands in no calendar. But while the user is missing, nothing of theirs is freed.
            if await self.user_of(change.provider) is UserState.PRESENT:
                again = replace(change, proof=OwnerProof.DELETED)
                self.open[change.provider, change.event] = again
                self.freed.append(again)
        for record in self._missing:
            value = _value(record)
            if value is not None and self.change(record) is None:
                known = self.known.get(record.provider, "")
                proof = (await self._users()).proof(record.provider, "", known=known)
                self._put(record, OwnerChange(
                    self.system.name, record.id, record.provider, "", "", proof, value, now, now,
                ))  # fmt: skip
        changes.owner_changes += self.open.values()
        changes.owners_resolved += self._settled
        return self._found

    def refresh(self, users: Mapping[str, str], changes: Changes) -> None:
        """Remember who is behind addresses, but not while it is in doubt whose events are whose."""
        doubted = {c.provider for c in self.open.values()}
        changes.users += [
            CalendarUser(self.system.name, provider, user)
            for provider, user in sorted(users.items())
            if self.known.get(provider) != user and provider not in doubted
        ]

    def _put(self, record: TrackedEvent, change: OwnerChange) -> None:
        old = self.change(record)
        since = old.since if old is not None else change.since
        self.open[record.provider, record.id] = replace(change, since=since)

    async def _users(self) -> UserDirectory:
        """The users of the account, asked for once; nothing is known where that fails."""
        if self._directory is None:
            try:
                self._directory = await self.system.users()
            except PlatformError as fault:
                log.info("users cannot be read", system=self.system.name, fault=str(fault))
                self._directory = UserDirectory()
        return self._directory


def _value(record: TrackedEvent) -> Value | None:
    """What an event showed while it was its calendar's."""
    return record.observed or record.base


def announce(system: str, before: Iterable[OwnerChange], after: Iterable[OwnerChange]) -> None:
    """Log which calendars are unknown from now on, and which are known again: each once."""
    was, now = _unproven(before), _unproven(after)
    for provider in sorted(now.keys() - was.keys()):
        found = now[provider]
        log.warning(
            "owners unknown: nothing is freed",
            system=system,
            provider=provider,
            events=len(found),
            owners=sorted({c.owner for c in found} - {""}),
            why=str(found[0].proof),
            remedy=f"correct {system} of [providers.{provider}.calendars] if the user has another "
            "address or id; `syncd check` tells more",
        )
    for provider in sorted(was.keys() - now.keys()):
        log.info("owners known again", system=system, provider=provider)


def _unproven(changes: Iterable[OwnerChange]) -> dict[str, list[OwnerChange]]:
    found: dict[str, list[OwnerChange]] = {}
    for change in changes:
        if not change.proven:
            found.setdefault(change.provider, []).append(change)
    return found
