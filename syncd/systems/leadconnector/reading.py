"""Reading lists: which calls, which rows count, and what they prove."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from syncd.model import Coverage, Kind, Topic, Unproven, Window, derived_id
from syncd.systems.leadconnector import events
from syncd.systems.leadconnector.hosts import Owners
from syncd.systems.leadconnector.plan import LONGEST, plan
from syncd.systems.leadconnector.resources import resource_key, takes
from syncd.systems.leadconnector.times import may_be_bare
from syncd.systems.leadconnector.wire import Appointment, Block
from syncd.systems.loose import text
from syncd.systems.port import (
    NO_LOOK_BACK,
    NOTHING_KNOWN,
    AuthLost,
    Malformed,
    RateLimited,
    Rejected,
    Row,
    Snapshot,
    SystemFault,
)
from syncd.systems.reported import nameless

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime, timedelta

    from syncd.systems.leadconnector.account import CalendarOf
    from syncd.systems.leadconnector.calls import Calls
    from syncd.systems.leadconnector.directory import Calendar
    from syncd.systems.leadconnector.knowledge import Knowledge
    from syncd.systems.leadconnector.resources import Resource
    from syncd.systems.leadconnector.wire import Item
    from syncd.systems.port import ListCall


class Blocks(NamedTuple):
    """A provider's blocks: whether every list held any row, and whether all rows have an id."""

    items: Sequence[Block]
    shown: bool
    named: bool


class Reading:
    """Reads the lists of one location."""

    def __init__(
        self,
        system: str,
        calls: Calls,
        knowledge: Knowledge,
        calendars: Mapping[str, CalendarOf],
    ) -> None:
        """Keep the parts."""
        self._system = system
        self._calls = calls
        self._knowledge = knowledge
        self._calendars = calendars

    def plan(self, window: Window, wanted: Collection[str]) -> Sequence[ListCall]:
        """The list calls that read these providers, as far as the location is known by now."""
        mapped = self._mapped(wanted)
        rooms = _rooms(mapped, self._knowledge.kept_resources)
        return plan(mapped, self._knowledge.kept, rooms, window)

    async def snapshot(
        self,
        window: Window,
        wanted: Collection[str],
        read_at: datetime,
        known: Mapping[str, str] = NOTHING_KNOWN,
        look_back: timedelta = NO_LOOK_BACK,
    ) -> Snapshot:
        """Read these providers. Raises SystemFault only if nothing at all could be read."""
        mapped = self._mapped(wanted)
        if not mapped:
            return Snapshot(self._system, (), ())
        faults: list[SystemFault] = []
        directory: Mapping[str, Calendar] = {}
        try:
            directory = await self._knowledge.calendars()
        except SystemFault as fault:
            faults.append(fault)
        odd: list[Malformed] = []
        rooms, lost = await self._rooms(mapped, faults, odd)
        asked = window.from_earlier(look_back)
        calls = plan(mapped, directory, rooms, asked)
        # A meeting that is as it was may have taken another room: each must be looked at.
        known = NOTHING_KNOWN if rooms or lost else known
        owners = Owners.of(self._calendars, directory)
        gathered = _Gathered(self._system, owners, mapped, rooms, known)
        gathered.over = partial(
            events.is_over, before=window.start - LONGEST, zone=self._knowledge.zone
        )
        outcomes = await asyncio.gather(*(self._gather(call, gathered) for call in calls))
        refused = _refused(calls, outcomes)
        failed = [outcome for outcome in outcomes if outcome is not None]
        if calls and not gathered.lists:
            raise _most_telling(failed)
        faults += [fault for fault in failed if fault not in refused.values()]
        # Without the directory nobody knows on which calendars a user is booked.
        guessed = () if directory else [p for p, of in mapped.items() if not of.calendars]
        rows = list(gathered.rows.values())
        if not self._knowledge.zone and any(map(_needs_zone, rows)):
            try:
                await self._knowledge.location()
            except SystemFault as fault:
                faults.append(fault)
        torn = {
            (provider, kind)
            for call, outcome in zip(calls, outcomes, strict=True)
            if outcome is not None
            for kind in call.kinds
            for provider in call.providers
        } | {(provider, Kind.APPOINTMENT) for provider in guessed}
        torn |= {(provider, kind) for provider in lost for kind in Kind}
        unproven = [
            Unproven(provider, call.kinds, asked)
            for call in gathered.nameless
            for provider in sorted(call.providers)
            if not torn & {(provider, kind) for kind in call.kinds}
        ]
        torn |= {(a.provider, kind) for a in unproven for kind in a.kinds}
        proven = {p: frozenset(kind for kind in Kind if (p, kind) not in torn) for p in mapped}
        coverage = [
            Coverage(self._system, provider, kinds, asked, read_at)
            for provider, kinds in proven.items()
            if kinds
        ]
        units = {provider: resource.units for provider, resource in rooms.items()}
        malformed = [*gathered.malformed, *gathered.unowned.values(), *odd]
        same = gathered.same.keys()
        return Snapshot(
            self._system,
            rows,
            coverage,
            faults,
            malformed,
            units,
            same,
            refused,
            unproven=unproven,
        )

    async def _rooms(
        self, mapped: Mapping[str, CalendarOf], faults: list[SystemFault], odd: list[Malformed]
    ) -> tuple[Mapping[str, Resource], Collection[str]]:
        """Find the resources of the providers that are one, and those that are not to be found."""
        wanted = _resources(mapped)
        if not wanted:
            return {}, ()
        try:
            known = await self._knowledge.resources()
        except (AuthLost, Rejected) as fault:
            # A right that is missing for rooms must not stop the people.
            why = f"rooms and equipment cannot be read: {fault}"
            odd.append(
                Malformed(self._system, "resources", why, Topic.RESOURCE, providers=wanted.keys())
            )
            return {}, tuple(wanted)
        except SystemFault as fault:
            faults.append(fault)
            return {}, tuple(wanted)
        rooms = _rooms(mapped, known)
        lost = tuple(sorted(wanted.keys() - rooms.keys()))
        reason = "there is no active resource of this name, or more than one"
        odd += [Malformed(self._system, wanted[p], reason, Topic.RESOURCE, p) for p in lost]
        return rooms, lost

    async def blocks(self, provider: str, window: Window) -> Blocks:
        """List a provider's blocks. Raises SystemFault if a list is not answered."""
        directory = await self._knowledge.calendars()
        calls = plan({provider: self._calendars[provider]}, directory, {}, window)
        listings = [
            (await self._calls.listing(call)).events for call in calls if Kind.BLOCK in call.kinds
        ]
        rows = [row for listing in listings for row in listing]
        items = [row for row in rows if isinstance(row, Block) and text(row.id)]
        return Blocks(items, all(listings), len(items) == len(rows))

    async def owners(self) -> Owners:
        """Say whose records are. Raises SystemFault."""
        return Owners.of(self._calendars, await self._knowledge.calendars())

    def _mapped(self, wanted: Collection[str]) -> dict[str, CalendarOf]:
        return {p: of for p, of in self._calendars.items() if p in wanted}

    async def _gather(self, call: ListCall, into: _Gathered) -> SystemFault | None:
        """Add a list as it arrives: kept until the last one is there, they cost far more."""
        try:
            listing = (await self._calls.listing(call)).events
        except SystemFault as fault:
            return fault
        into.take(call, listing)
        return None


class _Gathered:
    """The rows of one snapshot, without repetition.

    ``same`` holds, by id, when each row was updated that is as it is known.
    """

    def __init__(
        self,
        system: str,
        owners: Owners,
        wanted: Collection[str],
        rooms: Mapping[str, Resource],
        known: Mapping[str, str],
    ) -> None:
        self._system = system
        self._owners = owners
        self._wanted = wanted
        self._rooms = rooms
        self._known = known
        self._items: dict[str, Item] = {}
        self.lists = 0
        self.same: dict[str, object] = {}
        self.rows: dict[str, Row] = {}
        self.malformed: list[Malformed] = []
        self.nameless: list[ListCall] = []
        self.over: Callable[[Item], bool] = lambda _item: False
        self.unowned: dict[str, Malformed] = {}

    def take(self, call: ListCall, listing: Sequence[object]) -> None:
        """Add a list; a row that cannot be named takes away what the list's gaps would prove."""
        self.lists += 1
        asked = call.providers if call.selector == "userId" else ()
        unnamed = 0
        for item in listing:
            if self._known and self._is_same(item):
                continue
            known = text(item.id) if isinstance(item, Appointment | Block) else ""
            if not isinstance(item, Appointment | Block) or not known:
                unnamed += 1
                continue
            if events.is_deleted(item) or self.over(item):
                continue
            self._add_all(known, item, asked)
        if unnamed:
            self.nameless.append(call)
            self.malformed.append(nameless(self._system, call, unnamed))

    def _is_same(self, item: Any) -> bool:
        """Whether a row is as it is known, and no copy of it was listed that is not."""
        if not events.unchanged(item, self._owners, self._wanted, self._known):
            return False
        if item.id in self._items:
            return False
        before = self.same.get(item.id)
        if before is None or text(before) < text(item.date_updated):
            self.same[item.id] = item.date_updated
        return True

    def _add_all(self, known: str, item: Item, asked: Collection[str]) -> None:
        """Add a row to each calendar whose time it takes, or note that it is nobody's."""
        provider = self._owners.owner(item, asked)
        further = self._owners.further(item, provider)
        if provider is None:
            self._note_unowned(known, item)
        elif provider in self._wanted:
            self._add(known, provider, item, sorted(further))
        # A further host who was not asked for may have no other list that shows the row.
        for event, host in further.items():
            self._add(event, host, item)
        if isinstance(item, Appointment) and item.assigned_resources:
            for room, resource in self._rooms.items():
                if takes(item.assigned_resources, resource):
                    self._add(derived_id(known, resource.key), room, item)

    def _note_unowned(self, known: str, item: Item) -> None:
        """Report a meeting that takes place, and that is nobody's."""
        found = self._owners.unowned(item)
        if found is None or not set(found.providers) & set(self._wanted):
            return
        if isinstance(item, Appointment) and events.is_busy(item):
            self.unowned[known] = Malformed(
                self._system, known, found.reason, found.topic, found.provider
            )

    def _add(self, known: str, provider: str, item: Item, further: Sequence[str] = ()) -> None:
        before = self._items.get(known)
        if before is not None and text(item.date_updated) <= text(before.date_updated):
            return  # a copy: UTC texts sort as their times do
        if known in self.same and text(item.date_updated) <= text(self.same[known]):
            return
        self._items[known] = item
        self.rows[known] = Row(known, provider, events.fingerprint(item, provider, further), item)
        if isinstance(item, Appointment) and events.status_word(item) not in events.STATUSES:
            reason = f"the status {events.status_word(item)!r} is unknown: it counts as busy"
            topic = Topic.UNKNOWN_STATUS
            self.malformed.append(Malformed(self._system, known, reason, topic, provider))


def _resources(mapped: Mapping[str, CalendarOf]) -> dict[str, str]:
    """The keys of the providers that are a room or equipment."""
    return {p: resource_key(of.resource) for p, of in mapped.items() if of.resource}


def _rooms(mapped: Mapping[str, CalendarOf], known: Mapping[str, Resource]) -> dict[str, Resource]:
    """The resources of the providers that are one, as far as they are known."""
    return {p: known[key] for p, key in _resources(mapped).items() if key in known}


def _refused(
    calls: Sequence[ListCall], outcomes: Sequence[SystemFault | None]
) -> dict[str, Rejected]:
    """Find the providers whose own user's list is refused for good: the user may be gone."""
    return {
        provider: outcome
        for call, outcome in zip(calls, outcomes, strict=True)
        if isinstance(outcome, Rejected) and call.selector == "userId"
        for provider in call.providers
    }


def _needs_zone(row: Row) -> bool:
    item = row.wire
    return isinstance(item, Appointment | Block) and (
        may_be_bare(item.start_time) or may_be_bare(item.end_time)
    )


def _most_telling(faults: Sequence[SystemFault]) -> SystemFault:
    """Choose the fault that a person or a timer must act on."""
    return next(
        (fault for kind in (AuthLost, RateLimited) for fault in faults if isinstance(fault, kind)),
        faults[0],
    )
