"""The LeadConnector v2 implementation of `port.System`: one location.

See docs/platforms/leadconnector-v2.md.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from syncd.model import (
    Kind,
    Offer,
    UserDirectory,
    Window,
    is_derived,
    part_of,
    record_id,
)
from syncd.model.derived import USER_PREFIX
from syncd.model.event_fields import EventFields, event_fields
from syncd.model.intervals import slice_window
from syncd.model.platform_facts import PlatformKind
from syncd.systems import contact_addresses
from syncd.systems.capability_cache import CapabilityCache
from syncd.systems.capped_lists import CappedLists
from syncd.systems.errors import RejectedError, RejectionReason, UnreadableError
from syncd.systems.facts import FactStore
from syncd.systems.findings import skew_finding
from syncd.systems.leadconnector import buffers, checks, discover, slots, users
from syncd.systems.leadconnector.associations import Associations
from syncd.systems.leadconnector.blocks import BlockFinder
from syncd.systems.leadconnector.calls import Api
from syncd.systems.leadconnector.capabilities import capabilities
from syncd.systems.leadconnector.directory import EVENT_TYPE, booked_on, directory_of
from syncd.systems.leadconnector.events import is_deleted, needs_zone, status_word
from syncd.systems.leadconnector.hosts import hosts_of
from syncd.systems.leadconnector.inventory import Inventory
from syncd.systems.leadconnector.location_cache import LocationCache
from syncd.systems.leadconnector.opening import open_transport
from syncd.systems.leadconnector.probing import Prober, with_v3
from syncd.systems.leadconnector.reading import SnapshotReader
from syncd.systems.leadconnector.resource_blocking import block_targets_of, calendar_mapping_of
from syncd.systems.leadconnector.resources import normalize_resource, uses_resource
from syncd.systems.leadconnector.wire import Appointment, Block
from syncd.systems.leadconnector.writing import Writer
from syncd.systems.lenient import text
from syncd.systems.lookup_results import Found, Gone, Unknown
from syncd.systems.measured import MeasuredFacts
from syncd.systems.port import NO_LOOK_BACK, NOTHING_KNOWN
from syncd.systems.ttl_cache import TtlCache

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import httpx

    from syncd.model import BlockTarget, Buffer, Clock, Event, EventRef, Operation, Person, Value
    from syncd.systems.call_stats import CallStats
    from syncd.systems.inventory import OnProgress, SystemInventory
    from syncd.systems.leadconnector.account import Account, CalendarMapping
    from syncd.systems.leadconnector.events import Parser
    from syncd.systems.leadconnector.wire import Item
    from syncd.systems.lookup_results import LookupResult
    from syncd.systems.port import Capabilities, CheckResult, ListCall, Row, Snapshot
    from syncd.systems.replies import Reply
    from syncd.systems.stopping import Stopping


class LeadConnector:
    """One v2 location. Implements `port.System`; ``transport`` replaces the network."""

    def __init__(
        self,
        name: str,
        account: Account,
        calendars: Mapping[str, CalendarMapping],
        clock: Clock,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        stopping: Stopping | None = None,
    ) -> None:
        """Prepare the connections without sending anything. ``stopping`` is the stop signal."""
        self.name = name
        self.providers: Collection[str] = tuple(calendars)
        self._account = account
        self._calendars = dict(calendars)
        self._clock = clock
        self.facts = FactStore(name, clock)
        self.measured = MeasuredFacts(PlatformKind.V2, self.facts)
        self._capabilities = CapabilityCache(self.measured, partial(capabilities, account))
        self._transport = open_transport(name, account, clock, transport, self.facts, stopping)
        self._calls = Api(name, account, self._transport)
        self._cache = LocationCache(self._calls, clock)
        lists = CappedLists(name, clock, self.facts)
        parts = (self._calls, self._cache, self._calendars, clock, lists)
        self._reader = SnapshotReader(name, account, *parts, self.measured)
        self._blocks = BlockFinder(name, *parts, self.measured)
        self._writer = Writer(
            name, account, self._calls, self._cache, self._reader, self._calendars, self._blocks,
            clock, self._interpret, self.measured,
        )  # fmt: skip
        self._customers: TtlCache[Person | None] = TtlCache(clock)
        self._contact_directories: dict[tuple[str, str, str], Associations] = {}

    async def read(
        self,
        window: Window,
        providers: Collection[str] | None = None,
        known: Mapping[str, str] = NOTHING_KNOWN,
        *,
        look_back: timedelta = NO_LOOK_BACK,
    ) -> Snapshot:
        """Read the events of providers: one call per group or calendar, one per user for blocks."""
        wanted = self.providers if providers is None else providers
        now = self._clock.now()
        snapshot = await self._reader.snapshot(window, wanted, now, known, look_back)
        listed = (*(row.id for row in snapshot.rows), *snapshot.same)
        self._blocks.note_listed(listed, now, self.capabilities.lag)
        return self._with_buffers(snapshot, wanted)

    def event(self, row: Row) -> Event:
        """Parse one row of a snapshot. Raises UnreadableError."""
        if not isinstance(row.wire, Appointment | Block):
            raise UnreadableError(self.name, row.id, "the row is not an event")
        return replace(self._parser.event(row.wire, row.provider), id=row.id)

    async def read_one(self, ref: EventRef, value: Value | None = None) -> LookupResult:
        """Look up an event by id; search a block in its owner's list, too. Raises PlatformError."""
        if ref.provider not in self._calendars:
            return Unknown("the provider is no longer mapped")
        result = await self._look_up(ref, value)
        if isinstance(result, Found):
            return self._reader.found(result.event, value)
        return result

    async def _look_up(self, ref: EventRef, value: Value | None) -> LookupResult:
        if ref.kind is Kind.BLOCK:
            return await self._read_block(ref, value)
        try:
            item = await self._calls.appointment(record_id(ref.id))
        except RejectedError as fault:
            return (
                Gone() if fault.why is RejectionReason.GONE else Unknown(str(fault), refused=True)
            )
        if text(item.id) != record_id(ref.id):
            return Unknown("the response contains a different appointment")
        if is_deleted(item):
            return Gone()
        return await self._interpret(item, ref)

    async def whole(self, ref: EventRef) -> EventFields:
        """Read all fields of one appointment. Raises PlatformError."""
        item, all_fields = await self._calls.whole(record_id(ref.id))
        if text(item.id) != record_id(ref.id):
            detail = "the response contains a different appointment"
            raise RejectedError(self.name, "GET an appointment", detail=detail)
        status = self._parser.statuses.status_of(status_word(item))
        return event_fields(all_fields, status, self._account.token)

    async def users(self) -> UserDirectory:
        """Read the users, and the calendars if some are mapped directly. Raises PlatformError."""
        mappings = {p: m for p, m in self._calendars.items() if m.resource is None}
        rows = (await self._calls.users()).users
        if any(mapping.user is None for mapping in mappings.values()):
            return users.directory(mappings, rows, directory_of(await self._calls.calendars()))
        return users.directory(mappings, rows, {})

    async def customer(self, event: Event) -> Person | None:
        """Read the contact's addresses; they are cached in memory for an hour.

        Raises PlatformError.
        """
        contact_id = event.customer
        if contact_id is None:
            return None

        async def ask() -> Person | None:
            region = text((await self._cache.location()).country) or None
            try:
                contact = await self._calls.contact(contact_id)
            except RejectedError as fault:
                if fault.why is RejectionReason.GONE:
                    return None
                raise
            return contact_addresses.normalize_contact(
                [text(contact.email), *_further_addresses(contact.additional_emails, "email")],
                [text(contact.phone), *_further_addresses(contact.additional_phones, "phone")],
                region,
            )

        return await self._customers.get(contact_id, ask)

    async def write(self, operations: Sequence[Operation]) -> Reply:
        """Carry out one operation. Raises PlatformError."""
        return await self._writer.write(operations)

    async def free_slots(self, provider: str, window: Window) -> Sequence[Offer]:
        """Return the free slots of the provider's calendars, in order. Raises PlatformError."""
        mapping = self._calendars[provider]
        offers: set[Offer] = set()
        for calendar in booked_on(mapping, await self._cache.calendars()):
            windows = await self._read_slots(calendar, mapping.user, window)
            offers.update(Offer(slot.start, slot.end, calendar) for slot in windows)
        return sorted(offers, key=lambda slot: (slot.start, slot.end, slot.calendar_id))

    async def block_targets(self, former: Collection[str]) -> Sequence[BlockTarget]:
        """Return what busy resources can block here; from now on, reads and writes include them.

        ``former`` are earlier block targets, which are kept. Raises PlatformError.
        """
        resources = await self._cache.resources()
        providers = {p: m for p, m in self._calendars.items() if calendar_mapping_of(p) is None}
        targets, _ = block_targets_of(resources, providers, await self._cache.calendars())
        names = {*former, *(target.provider for target in targets)}
        for provider in names - self._calendars.keys():
            calendar_mapping = calendar_mapping_of(provider)
            if calendar_mapping is not None:
                self._calendars[provider] = calendar_mapping
        return targets

    async def prober(self) -> Prober:
        """Return the prober of the location's uncertain facts."""
        v3 = Api(self.name, with_v3(self._account), self._transport)
        parts = (self._account, self._calls, v3, self._cache, self._calendars)
        return Prober(*parts, self._writer.owner)

    def contact_directory(self, key: str, object: str, field: str) -> Associations:
        """Return the contacts of the location, and the association that links bookings to them.

        ``key``, ``object`` and ``field`` name association, custom object and its id field.
        """
        association = (key, object, field)
        if association not in self._contact_directories:
            location = self._account.location_id
            parts = (self.name, location, self._calls, self._transport, self._clock)
            self._contact_directories[association] = Associations(*parts, *association)
        return self._contact_directories[association]

    def plan(self, window: Window, providers: Collection[str] | None = None) -> Sequence[ListCall]:
        """Return one call per group or calendar and one per user for blocks.

        Block targets are included.
        """
        return self._reader.plan(window, self._calendars if providers is None else providers)

    def calls_per_read(self, window: Window, providers: Collection[str] | None = None) -> int:
        """Return the number of calls in `plan`."""
        return len(self.plan(window, providers))

    async def discover(self, on_progress: OnProgress) -> SystemInventory:
        """Read everything that a mapping may refer to. Raises no PlatformError."""
        inventory = Inventory(self._account, self._transport)
        parts = (self.name, self._account, self._calls, inventory)
        return await discover.discover(*parts, on_progress)

    async def check(self) -> Sequence[CheckResult]:
        """Check token, location, users, calendars and clock without writing."""
        findings = await checks.check(
            self.name, self._calendars, self._calls, self._cache, self._clock.now()
        )
        blocks_buffers, directory = self._blocks_buffers, self._cache.known_calendars
        args = (self.name, self._calendars, directory)
        findings += buffers.buffer_findings(*args, close=blocks_buffers)
        return [*findings, *skew_finding(self.name, self.traffic.skew)]

    @property
    def capabilities(self) -> Capabilities:
        """Return the capabilities of the location."""
        return self._capabilities()

    @property
    def seats(self) -> Mapping[str, int]:
        """Return the last known seats of calendars that have several."""
        calendars = self._cache.known_calendars.values()
        return {c.id: c.seats for c in calendars if c.seats > 1}

    @property
    def buffers(self) -> Mapping[str, Buffer]:
        """Return the buffers to block elsewhere, by calendar; none unless configured."""
        return buffers.stored_buffers(self.facts) if self._blocks_buffers else {}

    @property
    def traffic(self) -> CallStats:
        """Return the counters and learned limits so far."""
        return self._transport.traffic

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    @property
    def _parser(self) -> Parser:
        return self._reader.parser

    @property
    def _blocks_buffers(self) -> bool:
        return self._account.buffers == "close"

    def _with_buffers(self, snapshot: Snapshot, wanted: Collection[str]) -> Snapshot:
        """Store the buffers of the cached directory, and report unreadable ones."""
        directory = self._cache.known_calendars
        if not self._blocks_buffers or not directory:
            return snapshot
        buffers.store_buffers(self.facts, directory)
        mappings = {p: mapping for p, mapping in self._calendars.items() if p in wanted}
        reports = tuple(buffers.unreadable_buffers(self.name, mappings, directory))
        return replace(snapshot, malformed=(*snapshot.malformed, *reports)) if reports else snapshot

    async def _read_block(self, ref: EventRef, value: Value | None) -> LookupResult:
        """Look up a block by its id, then in the range to which it may have been moved.

        A list counts if it is certainly complete around the block's last time, and shows that it
        works by another block in the requested window. An empty list proves nothing, unless the
        platform offers the block's time for booking, or lists the blocks of another provider.
        """
        search = await self._blocks.find(ref.id, ref.provider, value)
        if search.block is not None and not is_deleted(search.block):
            return await self._result_of(search.block, ref)
        if search.block is not None or search.proven:
            return Gone(own_list=True)
        if search.by_id or (value is not None and await self._is_offered(ref.provider, value)):
            return Gone()
        others = self._calendars.keys() - {ref.provider} if search.empty else ()
        for other in sorted(others):
            listing = await self._blocks.search(other, value)
            item = listing.find_row(ref.id)
            if item is not None and not is_deleted(item):
                return await self._result_of(item, ref)
            if listing.shows:
                return Gone()
        return Unknown("neither a list of blocks nor a free slot proves that the block is gone")

    async def _is_offered(self, provider: str, value: Value) -> bool:
        """Return true if a time is offered on a calendar that a block of the provider would block.

        The user's calendars count only if a user's block is known to block them all; otherwise a
        time may be offered despite the block. An event calendar is blocked by its own blocks only,
        and counts alone (#blocks).
        """
        mapping, directory = self._calendars[provider], await self._cache.calendars()
        calendars = [directory[id] for id in booked_on(mapping, directory) if id in directory]
        event_calendars = [c.id for c in calendars if c.type == EVENT_TYPE]
        others = [c for c in calendars if c.type != EVENT_TYPE]
        user_calendars = [c.id for c in others if mapping.user in c.team]
        day = timedelta(days=1)
        window = Window(value.start - day, value.end + day)
        for calendar in event_calendars:
            if not _overlaps(value, await self._read_slots(calendar, mapping.user, window)):
                return False
        if mapping.user is None:
            return bool(event_calendars)
        if not self.measured.is_yes("block_closes_calendars"):
            return False
        for calendar in user_calendars:
            if _overlaps(value, await self._read_slots(calendar, mapping.user, window)):
                return True
        return False

    async def _read_slots(
        self, calendar: str, user: str | None, window: Window
    ) -> Sequence[Window]:
        """Read the free slots of one calendar."""
        calendar_info = (await self._cache.calendars()).get(calendar)
        length = calendar_info.length if calendar_info is not None else None
        windows: list[Window] = []
        for piece in slice_window(window, slots.MAX_SPAN):
            starts = await self._calls.free_slots(calendar, piece, user)
            windows += slots.slot_windows(starts, length, self._cache.zone)
        return windows

    async def _interpret(self, item: Item, ref: EventRef) -> LookupResult:
        """Return the lookup result of a record for the event that was requested."""
        if not isinstance(item, Appointment) or not is_derived(ref.id):
            return await self._result_of(item, ref)
        if part_of(ref.id).startswith(USER_PREFIX):
            return await self._host_result(item, ref)
        return await self._resource_result(item, ref)

    async def _host_result(self, item: Appointment, ref: EventRef) -> LookupResult:
        """Return the lookup result of an appointment for one of its further hosts.

        If the user is no longer a host, the event is found at the first host instead: whether the
        time is free depends on the account's users: promise 3 (docs/design.md#promises).
        """
        if needs_zone(item):
            await self._cache.location()
        owners = await self._reader.owners()
        first = owners.owner(item)
        host = owners.further_hosts(item, first).get(ref.id, "")
        user = part_of(ref.id).removeprefix(USER_PREFIX)
        if first is not None and owners.users.get(user) == first and user in hosts_of(item):
            return Gone()  # The record itself is this host's event now.
        try:
            return Found(replace(self._parser.event(item, host), id=ref.id))
        except UnreadableError as error:
            return Unknown(str(error))

    async def _resource_result(self, item: Appointment, ref: EventRef) -> LookupResult:
        """Return an appointment's lookup result for a resource; Gone if it uses another one."""
        if needs_zone(item):
            await self._cache.location()
        key = normalize_resource(self._calendars[ref.provider].resource or "")
        resource = (await self._cache.resources()).get(key)
        if resource is None:
            return Unknown("the mapped room or equipment does not exist")
        if not uses_resource(item.assigned_resources, resource):
            return Gone()
        try:
            return Found(replace(self._parser.event(item, ref.provider), id=ref.id))
        except UnreadableError as error:
            return Unknown(str(error))

    async def _result_of(self, item: Item, ref: EventRef) -> LookupResult:
        """Return the lookup result of a record, even of an unmapped owner. Raises PlatformError."""
        if needs_zone(item):
            await self._cache.location()
        provider = (await self._reader.owners()).owner(item, (ref.provider,))
        if self._parser.takes_no_time(item, provider or ""):
            return Gone(own_list=isinstance(item, Block))
        try:
            return Found(self._parser.event(item, provider or ""))
        except UnreadableError as error:
            return Unknown(str(error))


def _overlaps(value: Value, offered: Iterable[Window]) -> bool:
    return any(slot.overlaps(value) for slot in offered)


def _further_addresses(entries: object, field: str) -> Iterable[str]:
    """Yield further addresses, which are texts or objects."""
    for entry in entries if isinstance(entries, list) else ():
        yield text(entry.get(field)) if isinstance(entry, dict) else text(entry)
