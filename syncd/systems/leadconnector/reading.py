"""Read lists of a v2 location: choose the calls, collect the rows, compute the coverage."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from syncd.model import Coverage, Kind, Statuses, Topic, Window, derived_id
from syncd.model.platform_facts import YES
from syncd.systems.capped_lists import ReadLimit
from syncd.systems.errors import PlatformError, RejectedError, UnauthorizedError, UnreadableError
from syncd.systems.fault_boundary import strip_traceback
from syncd.systems.last_read import LastRead, ListGaps
from syncd.systems.leadconnector import events
from syncd.systems.leadconnector.events import Parser
from syncd.systems.leadconnector.faults import most_relevant_fault
from syncd.systems.leadconnector.groups import GROUP_FACT as GROUP_LISTS_ALL
from syncd.systems.leadconnector.groups import GroupLists, ReadList, ungrouped
from syncd.systems.leadconnector.hosts import CalendarOwners
from syncd.systems.leadconnector.plan import LIST_LOOK_BACK, LISTS, plan
from syncd.systems.leadconnector.resources import normalize_resource, uses_resource
from syncd.systems.leadconnector.wire import Appointment, Block
from syncd.systems.lenient import text
from syncd.systems.list_caps import proven_spans
from syncd.systems.lookup_results import Found
from syncd.systems.port import NO_LOOK_BACK, NOTHING_KNOWN, Row, Snapshot
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
        """Return a parser with the location's time zone as known now."""
        rules = {provider: mapping.all_day for provider, mapping in self._calendars.items()}
        return Parser(
            self._system, self._clock, self._cache.zone, self._statuses, rules, self._title
        )

    def plan(self, window: Window, wanted: Collection[str]) -> Sequence[ListCall]:
        """Return the list calls that read these providers, from cached data; makes no call."""
        mappings = self._mappings(wanted)
        resources = _mapped_resources(mappings, self._cache.known_resources)
        directory = self._groups.grouped(self._cache.known_calendars)
        return self._lists.plan(plan(mappings, directory, resources, window))

    async def snapshot(
        self,
        window: Window,
        wanted: Collection[str],
        read_at: datetime,
        known: Mapping[str, str] = NOTHING_KNOWN,
        look_back: timedelta = NO_LOOK_BACK,
    ) -> Snapshot:
        """Read these providers. Raises PlatformError only if no list could be read."""
        mappings = self._mappings(wanted)
        if not mappings:
            return Snapshot(self._system, (), ())
        faults: list[PlatformError] = []
        directory: Mapping[str, Calendar] = {}
        try:
            directory = await self._cache.calendars()
        except PlatformError as fault:
            faults.append(strip_traceback(fault))
        reports: list[UnreadableError] = []
        resources, unknown_resources = await self._read_resources(mappings, faults, reports)
        requested = window.from_earlier(look_back)
        grouped = self._groups.grouped(directory, far=bool(look_back))
        calls = plan(mappings, grouped, resources, requested)
        sources = (mappings, directory, resources)
        comparisons = self._choose_comparisons(calls, *sources, requested, look_back)
        # An unchanged fingerprint does not include the resources, so every meeting must be parsed.
        known = NOTHING_KNOWN if resources or unknown_resources else known
        owners = CalendarOwners.of(self._calendars, directory)
        collector = _RowCollector(self.parser, owners, mappings, resources, known)
        collector.over = window.start - LIST_LOOK_BACK
        collector.compares = bool(comparisons)
        limit = ReadLimit(self._system, self._clock)

        async def ask(calls: Sequence[ListCall]) -> dict[ListCall, ReadList]:
            results = await asyncio.gather(
                *(self._read_list(call, collector, limit) for call in calls)
            )
            return dict(zip(calls, results, strict=True))

        read_lists = await ask((*calls, *(call for each in comparisons for call in each.due)))
        regrouped = any(_is_regrouped(each.listed) for each in read_lists.values())
        if regrouped and self._cache.renew():
            # The group was deleted, or the calendars are in another group now.
            return await self.snapshot(window, wanted, read_at, known, look_back)
        if comparisons:
            read_lists = await self._groups.compare(comparisons, read_lists, ask)
        listings = [each.listed for each in read_lists.values()]
        refused = _refused_providers(listings)
        failed = [fault for listed in listings for fault in listed.faults]
        if calls and not collector.lists:
            raise most_relevant_fault(failed)
        faults += [fault for fault in failed if fault not in refused.values()]
        reports += [item for listed in listings for item in listed.items(self._system)]
        # Without the directory the calendars of a user are not known.
        unknown_calendars = () if directory else [p for p, m in mappings.items() if not m.calendars]
        rows = list(collector.rows.values())
        faults += collector.faults
        unknown = dict.fromkeys(unknown_calendars, (Kind.APPOINTMENT,)) | dict.fromkeys(
            unknown_resources, tuple(Kind)
        )
        coverage = [
            Coverage(self._system, provider, kinds, span, read_at)
            for provider in mappings
            for span, kinds in _covered(requested, provider, listings, unknown)
        ]
        quantities = {provider: resource.units for provider, resource in resources.items()}
        malformed = [*collector.malformed, *collector.unowned.values()]
        malformed += [*collector.reports.values(), *reports]
        same = collector.same.keys()
        unreadable_ids = {
            id for id, report in collector.unowned.items() if report.topic is Topic.UNREADABLE
        }
        listed = frozenset((*collector.rows, *same, *unreadable_ids))
        groups = {calendar.id: calendar.group for calendar in grouped.values()}
        self._gaps.begin(LastRead(listed, coverage, tuple(read_lists), groups))
        return Snapshot(
            self._system,
            rows,
            coverage,
            faults,
            malformed,
            quantities,
            same,
            refused,
            unproven=[each for listed in listings for each in listed.unproven(requested)],
        )

    async def _read_resources(
        self,
        mappings: Mapping[str, CalendarMapping],
        faults: list[PlatformError],
        reports: list[UnreadableError],
    ) -> tuple[Mapping[str, Resource], Collection[str]]:
        """Return the mapped resources by provider, and the providers whose resource is unknown."""
        keys = _resource_keys(mappings)
        if not keys:
            return {}, ()
        try:
            known = await self._cache.resources()
        except (UnauthorizedError, RejectedError) as fault:
            # A missing scope for resources must not stop the sync of users.
            why = f"rooms and equipment cannot be read: {fault}"
            reports.append(
                UnreadableError(
                    self._system, "resources", why, Topic.RESOURCE, providers=keys.keys()
                )
            )
            return {}, tuple(keys)
        except PlatformError as fault:
            faults.append(strip_traceback(fault))
            return {}, tuple(keys)
        resources = _mapped_resources(mappings, known)
        unknown_resources = tuple(sorted(keys.keys() - resources.keys()))
        reason = "no active resource, or more than one, has this name"
        for provider in unknown_resources:
            key = keys[provider]
            reports.append(UnreadableError(self._system, key, reason, Topic.RESOURCE, provider))
        return resources, unknown_resources

    def found(self, event: Event, value: Value | None) -> Found:
        """Return the lookup result of an event that was found by its id.

        ``value`` is its last known value. If the last read should have listed the event, the
        directory may be outdated or the list capped, so both will be checked again.
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
        """Return the owners of all calendars. Raises PlatformError."""
        return CalendarOwners.of(self._calendars, await self._cache.calendars())

    def _choose_comparisons(
        self,
        calls: Sequence[ListCall],
        mappings: Mapping[str, CalendarMapping],
        directory: Mapping[str, Calendar],
        resources: Mapping[str, Resource],
        requested: Window,
        look_back: timedelta,
    ) -> Sequence[GroupComparison]:
        """Choose the group lists that this read compares; reads of the near window compare none."""
        if not look_back or all(call.selector != "groupId" for call in calls):
            return ()
        singles = plan(mappings, ungrouped(directory), resources, requested)
        return self._groups.due(calls, singles, directory, look_back)

    def _mappings(self, wanted: Collection[str]) -> dict[str, CalendarMapping]:
        return {p: mapping for p, mapping in self._calendars.items() if p in wanted}

    async def _read_list(
        self, call: ListCall, collector: _RowCollector, limit: ReadLimit
    ) -> ReadList:
        """Read a list and collect its rows as they arrive, to keep no responses in memory."""
        unnamed, ids = 0, set[str]()

        async def ask(piece: ListCall) -> Sequence[object]:
            nonlocal unnamed
            listing = (await self._calls.listing(piece)).events
            zone_or_fault = collector.parser.zone or collector.faults
            if not zone_or_fault and any(map(_needs_zone, listing)):
                await self._load_zone(collector)
            without_id, collector.lists = 0, collector.lists + 1
            async for batch in in_slices(listing):
                without_id += collector.take(piece, batch)
            unnamed = max(unnamed, without_id)
            if collector.compares:
                ids.update(id_of(row) for row in listing if not _is_deleted(row))
            return listing

        listed = await self._lists.read(call, ask, id_of, limit)
        listed.unnamed = unnamed
        return ReadList(listed, frozenset(ids - {""}))

    async def _load_zone(self, collector: _RowCollector) -> None:
        """Read the location's time zone, on which the times of the list depend."""
        try:
            await self._cache.location()
        except PlatformError as fault:
            collector.faults.append(strip_traceback(fault))
        collector.parser = self.parser


class _RowCollector:
    """Collects the rows of one snapshot, without duplicates.

    ``same`` maps the ids of unchanged rows to their update times.
    """

    def __init__(
        self,
        parser: Parser,
        owners: CalendarOwners,
        wanted: Collection[str],
        resources: Mapping[str, Resource],
        known: Mapping[str, str],
    ) -> None:
        self._system = parser.system
        self.parser = parser
        self._plain = parser.statuses.plain
        self._owners = owners
        self._wanted = wanted
        self._resources = resources
        self._known = known
        self._items: dict[str, Item] = {}
        self.lists = 0
        self.same: dict[str, object] = {}
        self.rows: dict[str, Row] = {}
        self.faults: list[PlatformError] = []
        self.malformed: list[UnreadableError] = []
        self.reports: dict[str, UnreadableError] = {}
        self.unowned: dict[str, UnreadableError] = {}
        self.over: datetime | None = None
        self.compares = False

    def take(self, call: ListCall, listing: Sequence[object]) -> int:
        """Add rows; return how many lack an id. One such row voids the list's absence proofs."""
        without_id = 0
        for item in listing:
            if self._known and self._is_same(item):
                continue
            id = text(item.id) if isinstance(item, Appointment | Block) else ""
            if not isinstance(item, Appointment | Block) or not id:
                without_id += 1
                continue
            if events.is_deleted(item) or self._is_over(item):
                continue
            self._add_all(id, item, call)
        return without_id

    def _is_over(self, item: Item) -> bool:
        return self.over is not None and self.parser.is_over(item, self.over)

    def _is_same(self, item: Any) -> bool:
        """Return true for an unchanged row, unless a changed copy of the row was listed."""
        if not events.unchanged(item, self._owners, self._wanted, self._known, self._plain):
            return False
        if item.id in self._items:
            return False
        previous = self.same.get(item.id)
        if previous is None or text(previous) < text(item.date_updated):
            self.same[item.id] = item.date_updated
        return True

    def _add_all(self, id: str, item: Item, call: ListCall) -> None:
        """Add a row to the calendar of each of its providers, or report that it has none."""
        requested = call.providers if call.selector == "userId" else ()
        provider = self._owners.owner(item, requested)
        further_hosts = self._owners.further_hosts(item, provider)
        if provider is None:
            self._note_unowned(id, item, call.providers)
        elif provider in self._wanted:
            self._add(id, provider, item, sorted(further_hosts))
        # For a further host who is not wanted, no other list may show the row.
        for event, host in further_hosts.items():
            self._add(event, host, item)
        if isinstance(item, Appointment) and item.assigned_resources:
            for provider, resource in self._resources.items():
                if uses_resource(item.assigned_resources, resource):
                    self._add(derived_id(id, resource.key), provider, item)

    def _note_unowned(self, id: str, item: Item, providers: Collection[str]) -> None:
        """Report a busy meeting without a provider."""
        unowned_row = self._owners.unowned(item, providers)
        if unowned_row is None or not set(unowned_row.providers) & set(self._wanted):
            return
        if isinstance(item, Appointment) and self.parser.is_busy(item):
            self.unowned[id] = UnreadableError(
                self._system, id, unowned_row.reason, unowned_row.topic, unowned_row.provider
            )

    def _add(self, id: str, provider: str, item: Item, derived_ids: Sequence[str] = ()) -> None:
        if self.parser.takes_no_time(item, provider):
            return
        previous = self._items.get(id)
        if previous is not None and text(item.date_updated) <= text(previous.date_updated):
            return  # An older copy; UTC texts sort like times.
        if id in self.same and text(item.date_updated) <= text(self.same[id]):
            return
        self._items[id] = item
        self.rows[id] = Row(
            id, provider, self.parser.fingerprint(item, provider, derived_ids), item
        )
        self.reports.pop(id, None)
        if (report := self.parser.unknown_status(item, id, provider)) is not None:
            self.reports[id] = report


def _resource_keys(mappings: Mapping[str, CalendarMapping]) -> dict[str, str]:
    """Return the resource keys by the provider that is mapped to each."""
    return {p: normalize_resource(m.resource) for p, m in mappings.items() if m.resource}


def _mapped_resources(
    mappings: Mapping[str, CalendarMapping], known: Mapping[str, Resource]
) -> dict[str, Resource]:
    """Return the known resources by the provider that is mapped to each."""
    return {p: known[key] for p, key in _resource_keys(mappings).items() if key in known}


def _refused_providers(listings: Sequence[ListResult]) -> dict[str, RejectedError]:
    """Return the providers whose list by user is refused: the user may no longer exist."""
    return {
        provider: fault
        for listed in listings
        if listed.call.selector == "userId"
        for fault in listed.faults
        if isinstance(fault, RejectedError)
        for provider in listed.call.providers
    }


def _is_regrouped(listed: ListResult) -> bool:
    """Return true if the list of a group is refused: the directory may be outdated."""
    refused = any(isinstance(fault, RejectedError) for fault in listed.faults)
    return refused and listed.call.selector == "groupId"


def _covered(
    window: Window,
    provider: str,
    listings: Sequence[ListResult],
    unknown: Mapping[str, Sequence[Kind]],
) -> list[tuple[Window, frozenset[Kind]]]:
    """Return the covered spans of a provider. ``unknown`` are its kinds without any coverage."""
    holes: dict[Kind, list[Window]] = {kind: [] for kind in Kind}
    for listed in listings:
        if provider in listed.call.providers:
            for kind in listed.call.kinds:
                holes[kind] += listed.holes(window)
    for kind in unknown.get(provider, ()):
        holes[kind].append(window)
    return proven_spans(window, holes)


def id_of(row: object) -> str:
    """Return the id of a row, '' if it has none."""
    return text(row.id) if isinstance(row, Appointment | Block) else ""


def _is_deleted(item: object) -> bool:
    return isinstance(item, Appointment | Block) and events.is_deleted(item)


def _needs_zone(item: object) -> bool:
    return isinstance(item, Appointment | Block) and events.needs_zone(item)
