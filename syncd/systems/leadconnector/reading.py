"""Reading lists: which calls, which rows count, and what they prove."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from syncd.model import Coverage, Kind, Statuses, Topic, Window, derived_id
from syncd.model.platform_facts import YES
from syncd.systems.capped_lists import ReadLimit
from syncd.systems.fault_boundary import strip_traceback
from syncd.systems.last_read import LastRead, ListGaps
from syncd.systems.leadconnector import events
from syncd.systems.leadconnector.events import Parser
from syncd.systems.leadconnector.faults import most_relevant_fault
from syncd.systems.leadconnector.groups import GROUP_FACT as GROUP_LISTS_ALL
from syncd.systems.leadconnector.groups import GroupLists, ReadList, ungrouped
from syncd.systems.leadconnector.hosts import CalendarOwners
from syncd.systems.leadconnector.plan import LIST_LOOK_BACK, LISTS, plan
from syncd.systems.leadconnector.resources import resource_key, uses_resource
from syncd.systems.leadconnector.wire import Appointment, Block
from syncd.systems.lenient import text
from syncd.systems.list_caps import proven_spans
from syncd.systems.port import (
    NO_LOOK_BACK,
    NOTHING_KNOWN,
    Found,
    PlatformError,
    RejectedError,
    Row,
    Snapshot,
    UnauthorizedError,
    UnreadableError,
)
from syncd.systems.time_slices import in_slices

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime, timedelta

    from syncd.model import Clock, Event, Value
    from syncd.systems.capped_lists import CappedLists, ListResult
    from syncd.systems.leadconnector.account import Account, CalendarMapping
    from syncd.systems.leadconnector.calls import Api
    from syncd.systems.leadconnector.directory import Calendar
    from syncd.systems.leadconnector.groups import GroupComparison
    from syncd.systems.leadconnector.location_cache import LocationCache
    from syncd.systems.leadconnector.resources import Resource
    from syncd.systems.leadconnector.wire import Item
    from syncd.systems.measured import MeasuredFacts
    from syncd.systems.port import ListCall


class SnapshotReader:
    """Reads the lists of one location."""

    def __init__(
        self,
        system: str,
        account: Account,
        calls: Api,
        cache: LocationCache,
        calendars: Mapping[str, CalendarMapping],
        clock: Clock,
        lists: CappedLists,
        measured: MeasuredFacts,
    ) -> None:
        """Keep the parts."""
        self._system = system
        self._statuses = Statuses.of(account.statuses)
        self._title = account.title
        self._clock = clock
        self._calls = calls
        self._cache = cache
        self._calendars = calendars
        self._clock = clock
        self._lists = lists
        self._gaps = ListGaps()
        self._measured = measured
        self._groups = GroupLists(calls, clock, measured)

    @property
    def parser(self) -> Parser:
        """What parses the rows of the location, by what is known of it now."""
        rules = {provider: of.all_day for provider, of in self._calendars.items()}
        return Parser(
            self._system,
            self._clock,
            self._cache.zone,
            self._statuses,
            rules,
            self._title,
        )

    def plan(self, window: Window, wanted: Collection[str]) -> Sequence[ListCall]:
        """The list calls that read these providers, as far as the location is known by now."""
        mapped = self._mapped(wanted)
        rooms = _rooms(mapped, self._cache.known_resources)
        directory = self._groups.grouped(self._cache.known_calendars)
        return self._lists.plan(plan(mapped, directory, rooms, window))

    async def snapshot(
        self,
        window: Window,
        wanted: Collection[str],
        read_at: datetime,
        known: Mapping[str, str] = NOTHING_KNOWN,
        look_back: timedelta = NO_LOOK_BACK,
    ) -> Snapshot:
        """Read these providers. Raises PlatformError only if nothing at all could be read."""
        mapped = self._mapped(wanted)
        if not mapped:
            return Snapshot(self._system, (), ())
        faults: list[PlatformError] = []
        directory: Mapping[str, Calendar] = {}
        try:
            directory = await self._cache.calendars()
        except PlatformError as fault:
            faults.append(strip_traceback(fault))
        odd: list[UnreadableError] = []
        rooms, lost = await self._rooms(mapped, faults, odd)
        asked = window.from_earlier(look_back)
        grouped = self._groups.grouped(directory, far=bool(look_back))
        calls = plan(mapped, grouped, rooms, asked)
        compared = self._verify(calls, mapped, directory, rooms, asked, look_back)
        # A meeting that is as it was may have taken another room: each must be looked at.
        known = NOTHING_KNOWN if rooms or lost else known
        owners = CalendarOwners.of(self._calendars, directory)
        collector = _RowCollector(self.parser, owners, mapped, rooms, known)
        collector.over = window.start - LIST_LOOK_BACK
        collector.compares = bool(compared)
        limit = ReadLimit(self._system, self._clock)

        async def ask(calls: Sequence[ListCall]) -> dict[ListCall, ReadList]:
            found = await asyncio.gather(
                *(self._read_list(call, collector, limit) for call in calls)
            )
            return dict(zip(calls, found, strict=True))

        shown = await ask((*calls, *(call for each in compared for call in each.due)))
        regrouped = any(_is_regrouped(each.listed) for each in shown.values())
        if regrouped and self._cache.renew():
            # The group is gone, or is another one by now.
            return await self.snapshot(window, wanted, read_at, known, look_back)
        if compared:
            shown = await self._groups.compare(compared, shown, ask)
        listings = [each.listed for each in shown.values()]
        refused = _refused(listings)
        failed = [fault for listed in listings for fault in listed.faults]
        if calls and not collector.lists:
            raise most_relevant_fault(failed)
        faults += [fault for fault in failed if fault not in refused.values()]
        odd += [item for listed in listings for item in listed.items(self._system)]
        # Without the directory nobody knows on which calendars a user is booked.
        guessed = () if directory else [p for p, of in mapped.items() if not of.calendars]
        rows = list(collector.rows.values())
        faults += collector.faults
        unknown = dict.fromkeys(guessed, (Kind.APPOINTMENT,)) | dict.fromkeys(lost, tuple(Kind))
        coverage = [
            Coverage(self._system, provider, kinds, span, read_at)
            for provider in mapped
            for span, kinds in _proven(asked, provider, listings, unknown)
        ]
        units = {provider: resource.units for provider, resource in rooms.items()}
        malformed = [
            *collector.malformed,
            *collector.unowned.values(),
            *collector.odd.values(),
            *odd,
        ]
        same = collector.same.keys()
        odd_ones = {e for e, odd in collector.unowned.items() if odd.topic is Topic.UNREADABLE}
        listed = frozenset((*collector.rows, *same, *odd_ones))
        groups = {calendar.id: calendar.group for calendar in grouped.values()}
        self._gaps.begin(LastRead(listed, coverage, tuple(shown), groups))
        return Snapshot(
            self._system,
            rows,
            coverage,
            faults,
            malformed,
            units,
            same,
            refused,
            unproven=[each for listed in listings for each in listed.unproven(asked)],
        )

    async def _rooms(
        self,
        mapped: Mapping[str, CalendarMapping],
        faults: list[PlatformError],
        odd: list[UnreadableError],
    ) -> tuple[Mapping[str, Resource], Collection[str]]:
        """Find the resources of the providers that are one, and those that are not to be found."""
        wanted = _resources(mapped)
        if not wanted:
            return {}, ()
        try:
            known = await self._cache.resources()
        except (UnauthorizedError, RejectedError) as fault:
            # A right that is missing for rooms must not stop the people.
            why = f"rooms and equipment cannot be read: {fault}"
            odd.append(
                UnreadableError(
                    self._system, "resources", why, Topic.RESOURCE, providers=wanted.keys()
                )
            )
            return {}, tuple(wanted)
        except PlatformError as fault:
            faults.append(strip_traceback(fault))
            return {}, tuple(wanted)
        rooms = _rooms(mapped, known)
        lost = tuple(sorted(wanted.keys() - rooms.keys()))
        reason = "there is no active resource of this name, or more than one"
        odd += [UnreadableError(self._system, wanted[p], reason, Topic.RESOURCE, p) for p in lost]
        return rooms, lost

    def found(self, event: Event, value: Value | None) -> Found:
        """Note an event that was found by its id, where it was last seen to be (``value``).

        If the last read did not list it, the directory may be out of date, or the list is capped:
        both are looked at again.
        """
        found = self._gaps.lookup_result(event, value, self._cache.renew)
        if found is None:
            return Found(event)
        if found.outdated or not found.elsewhere:
            self._lists.doubt(f"GET {LISTS[event.kind]}", event.provider, event.value.start)
        if event.kind is Kind.APPOINTMENT and self._gaps.is_of_group(event):
            self._measured.contradict(GROUP_LISTS_ALL, YES)
            calendar = self._cache.known_calendars.get(event.service or "")
            self._groups.doubt("" if calendar is None else calendar.group, event.id)
        return found

    async def owners(self) -> CalendarOwners:
        """Say whose records are. Raises PlatformError."""
        return CalendarOwners.of(self._calendars, await self._cache.calendars())

    def _verify(
        self,
        calls: Sequence[ListCall],
        mapped: Mapping[str, CalendarMapping],
        directory: Mapping[str, Calendar],
        rooms: Mapping[str, Resource],
        asked: Window,
        look_back: timedelta,
    ) -> Sequence[GroupComparison]:
        """Choose which lists of groups this read compares: none in one of the near window."""
        if not look_back or all(call.selector != "groupId" for call in calls):
            return ()
        singles = plan(mapped, ungrouped(directory), rooms, asked)
        return self._groups.due(calls, singles, directory, look_back)

    def _mapped(self, wanted: Collection[str]) -> dict[str, CalendarMapping]:
        return {p: of for p, of in self._calendars.items() if p in wanted}

    async def _read_list(self, call: ListCall, into: _RowCollector, limit: ReadLimit) -> ReadList:
        """Add a list as it arrives: kept until the last one is there, they cost far more."""
        unnamed, ids = 0, set[str]()

        async def ask(path_segment: ListCall) -> Sequence[object]:
            nonlocal unnamed
            listing = (await self._calls.listing(path_segment)).events
            if not into.parser.zone and not into.faults and any(map(_needs_zone, listing)):
                await self._load_zone(into)
            without_id, into.lists = 0, into.lists + 1
            async for batch in in_slices(listing):
                without_id += into.take(path_segment, batch)
            unnamed = max(unnamed, without_id)
            if into.compares:
                ids.update(id_of(row) for row in listing if not _is_deleted(row))
            return listing

        listed = await self._lists.read(call, ask, id_of, limit)
        listed.unnamed = unnamed
        return ReadList(listed, frozenset(ids - {""}))

    async def _load_zone(self, into: _RowCollector) -> None:
        """Ask for the location's zone, without which times of the list cannot be read."""
        try:
            await self._cache.location()
        except PlatformError as fault:
            into.faults.append(strip_traceback(fault))
        into.parser = self.parser


class _RowCollector:
    """The rows of one snapshot, without repetition.

    ``same`` holds, by id, when each row was updated that is as it is known.
    """

    def __init__(
        self,
        parser: Parser,
        owners: CalendarOwners,
        wanted: Collection[str],
        rooms: Mapping[str, Resource],
        known: Mapping[str, str],
    ) -> None:
        self._system = parser.system
        self.parser = parser
        self._plain = parser.statuses.plain
        self._owners = owners
        self._wanted = wanted
        self._rooms = rooms
        self._known = known
        self._items: dict[str, Item] = {}
        self.lists = 0
        self.same: dict[str, object] = {}
        self.rows: dict[str, Row] = {}
        self.faults: list[PlatformError] = []
        self.malformed: list[UnreadableError] = []
        self.odd: dict[str, UnreadableError] = {}
        self.unowned: dict[str, UnreadableError] = {}
        self.over: datetime | None = None
        self.compares = False

    def take(self, call: ListCall, listing: Sequence[object]) -> int:
        """Add rows; return how many of them have no id: the gaps of their list prove nothing."""
        unnamed = 0
        for item in listing:
            if self._known and self._is_same(item):
                continue
            known = text(item.id) if isinstance(item, Appointment | Block) else ""
            if not isinstance(item, Appointment | Block) or not known:
                unnamed += 1
                continue
            if events.is_deleted(item) or self._is_over(item):
                continue
            self._add_all(known, item, call)
        return unnamed

    def _is_over(self, item: Item) -> bool:
        return self.over is not None and self.parser.is_over(item, self.over)

    def _is_same(self, item: Any) -> bool:
        """Whether a row is as it is known, and no copy of it was listed that is not."""
        if not events.unchanged(item, self._owners, self._wanted, self._known, self._plain):
            return False
        if item.id in self._items:
            return False
        before = self.same.get(item.id)
        if before is None or text(before) < text(item.date_updated):
            self.same[item.id] = item.date_updated
        return True

    def _add_all(self, known: str, item: Item, call: ListCall) -> None:
        """Add a row to each calendar whose time it takes, or note that it is nobody's."""
        asked = call.providers if call.selector == "userId" else ()
        provider = self._owners.owner(item, asked)
        further_hosts = self._owners.further_hosts(item, provider)
        if provider is None:
            self._note_unowned(known, item, call.providers)
        elif provider in self._wanted:
            self._add(known, provider, item, sorted(further_hosts))
        # A further host who was not asked for may have no other list that shows the row.
        for event, host in further_hosts.items():
            self._add(event, host, item)
        if isinstance(item, Appointment) and item.assigned_resources:
            for room, resource in self._rooms.items():
                if uses_resource(item.assigned_resources, resource):
                    self._add(derived_id(known, resource.key), room, item)

    def _note_unowned(self, known: str, item: Item, listed: Collection[str]) -> None:
        """Report a meeting that takes place, and that is nobody's."""
        found = self._owners.unowned(item, listed)
        if found is None or not set(found.providers) & set(self._wanted):
            return
        if isinstance(item, Appointment) and self.parser.is_busy(item):
            self.unowned[known] = UnreadableError(
                self._system, known, found.reason, found.topic, found.provider
            )

    def _add(
        self, known: str, provider: str, item: Item, further_hosts: Sequence[str] = ()
    ) -> None:
        if self.parser.takes_no_time(item, provider):
            return
        before = self._items.get(known)
        if before is not None and text(item.date_updated) <= text(before.date_updated):
            return  # a copy: UTC texts sort as their times do
        if known in self.same and text(item.date_updated) <= text(self.same[known]):
            return
        self._items[known] = item
        self.rows[known] = Row(
            known, provider, self.parser.fingerprint(item, provider, further_hosts), item
        )
        self.odd.pop(known, None)
        if (odd := self.parser.unknown_status(item, known, provider)) is not None:
            self.odd[known] = odd


def _resources(mapped: Mapping[str, CalendarMapping]) -> dict[str, str]:
    """The keys of the providers that are a room or equipment."""
    return {p: resource_key(of.resource) for p, of in mapped.items() if of.resource}


def _rooms(
    mapped: Mapping[str, CalendarMapping], known: Mapping[str, Resource]
) -> dict[str, Resource]:
    """The resources of the providers that are one, as far as they are known."""
    return {p: known[key] for p, key in _resources(mapped).items() if key in known}


def _refused(listings: Sequence[ListResult]) -> dict[str, RejectedError]:
    """Find the providers whose own user's list is refused for good: the user may be gone."""
    return {
        provider: fault
        for listed in listings
        if listed.call.selector == "userId"
        for fault in listed.faults
        if isinstance(fault, RejectedError)
        for provider in listed.call.providers
    }


def _is_regrouped(listed: ListResult) -> bool:
    """Whether the list of a group is refused: the directory may be out of date."""
    refused = any(isinstance(fault, RejectedError) for fault in listed.faults)
    return refused and listed.call.selector == "groupId"


def _proven(
    window: Window,
    provider: str,
    listings: Sequence[ListResult],
    unknown: Mapping[str, Sequence[Kind]],
) -> list[tuple[Window, frozenset[Kind]]]:
    """What was proven of a provider. ``unknown`` are the kinds of which nothing was."""
    holes: dict[Kind, list[Window]] = {kind: [] for kind in Kind}
    for listed in listings:
        if provider in listed.call.providers:
            for kind in listed.call.kinds:
                holes[kind] += listed.holes(window)
    for kind in unknown.get(provider, ()):
        holes[kind].append(window)
    return proven_spans(window, holes)


def id_of(row: object) -> str:
    """The id of a row as it came, '' if it has none."""
    return text(row.id) if isinstance(row, Appointment | Block) else ""


def _is_deleted(item: object) -> bool:
    return isinstance(item, Appointment | Block) and events.is_deleted(item)


def _needs_zone(item: object) -> bool:
    return isinstance(item, Appointment | Block) and events.needs_zone(item)
