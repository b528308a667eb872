"""One LeadConnector v2 location behind the port (docs/platforms/leadconnector-v2.md)."""

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
from syncd.model.platform_facts import PlatformKind
from syncd.model.whole_record import WholeRecord, whole_record
from syncd.systems import contact_addresses
from syncd.systems.capability_cache import CapabilityCache
from syncd.systems.capped_lists import CappedLists
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
from syncd.systems.leadconnector.probing import Prober, v3_of
from syncd.systems.leadconnector.reading import SnapshotReader
from syncd.systems.leadconnector.resource_blocking import block_targets_of, calendar_mapping_of
from syncd.systems.leadconnector.resources import resource_key, uses_resource
from syncd.systems.leadconnector.wire import Appointment, Block
from syncd.systems.leadconnector.writing import Writer
from syncd.systems.lenient import text
from syncd.systems.measured import MeasuredFacts
from syncd.systems.port import (
    NO_LOOK_BACK,
    NOTHING_KNOWN,
    Found,
    Gone,
    RejectedError,
    RejectionReason,
    Unknown,
    UnreadableError,
)
from syncd.systems.ttl_cache import TtlCache
from syncd.systems.windows import slice_window

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import httpx

    from syncd.model import BlockTarget, Buffer, Clock, Event, EventRef, Operation, Person, Value
    from syncd.systems.inventory import OnProgress, SystemInventory
    from syncd.systems.leadconnector.account import Account, CalendarMapping
    from syncd.systems.leadconnector.events import Parser
    from syncd.systems.leadconnector.wire import Item
    from syncd.systems.port import (
        CallStats,
        Capabilities,
        CheckResult,
        ListCall,
        LookupResult,
        Reply,
        Row,
        Snapshot,
    )
    from syncd.systems.stopping import Stopping


class LeadConnector:
    """One v2 location. Keeps `port.System`; ``transport`` replaces the network."""

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
        """Prepare the connections; nothing is sent yet, nor after ``stopping`` is set."""
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
            name,
            account,
            self._calls,
            self._cache,
            self._reader,
            self._calendars,
            self._blocks,
            clock,
            self._interpret,
            self.measured,
        )
        self._persons: TtlCache[Person | None] = TtlCache(clock)
        self._registries: dict[tuple[str, str, str], Associations] = {}

    async def read(
        self,
        window: Window,
        providers: Collection[str] | None = None,
        known: Mapping[str, str] = NOTHING_KNOWN,
        *,
        look_back: timedelta = NO_LOOK_BACK,
    ) -> Snapshot:
        """Read these providers: a call per group or calendar, and one per user for blocks."""
        wanted = self.providers if providers is None else providers
        now = self._clock.now()
        snapshot = await self._reader.snapshot(window, wanted, now, known, look_back)
        listed = (*(row.id for row in snapshot.rows), *snapshot.same)
        self._blocks.note_listed(listed, now, self.capabilities.lag)
        return self._with_buffers(snapshot, wanted)

    def event(self, row: Row) -> Event:
        """Parse one row of a snapshot. Raises UnreadableError."""
        if not isinstance(row.wire, Appointment | Block):
            raise UnreadableError(self.name, row.id, "is no event")
        return replace(self._parser.event(row.wire, row.provider), id=row.id)

    async def read_one(self, ref: EventRef, value: Value | None = None) -> LookupResult:
        """Look for an event by id, for a block also in its user's list. Raises PlatformError."""
        if ref.provider not in self._calendars:
            return Unknown("its provider is not mapped any more")
        result = await self._look_for(ref, value)
        if isinstance(result, Found):
            return self._reader.found(result.event, value)
        return result

    async def _look_for(self, ref: EventRef, value: Value | None) -> LookupResult:
        if ref.kind is Kind.BLOCK:
            return await self._read_block(ref, value)
        try:
            item = await self._calls.appointment(record_id(ref.id))
        except RejectedError as fault:
            return (
                Gone() if fault.why is RejectionReason.GONE else Unknown(str(fault), refused=True)
            )
        if text(item.id) != record_id(ref.id):
            return Unknown("the answer is about another appointment")
        if is_deleted(item):
            return Gone()
        return await self._interpret(item, ref)

    async def whole(self, ref: EventRef) -> WholeRecord:
        """Read all fields of one appointment. Raises PlatformError."""
        item, tree = await self._calls.whole(record_id(ref.id))
        if text(item.id) != record_id(ref.id):
            detail = "the answer is about another appointment"
            raise RejectedError(self.name, "GET an appointment", detail=detail)
        status = self._parser.statuses.status_of(status_word(item))
        return whole_record(tree, status, self._account.token)

    async def users(self) -> UserDirectory:
        """Read users now, and calendars where they are mapped themselves. Raises PlatformError."""
        mapped = {p: of for p, of in self._calendars.items() if of.resource is None}
        found = (await self._calls.users()).users
        if any(of.user is None for of in mapped.values()):
            return users.directory(mapped, found, directory_of(await self._calls.calendars()))
        return users.directory(mapped, found, {})

    async def person(self, event: Event) -> Person | None:
        """Look up a customer's addresses; kept in memory for an hour. Raises PlatformError."""
        contact_id = event.person
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
                [text(contact.email), *_more(contact.additional_emails, "email")],
                [text(contact.phone), *_more(contact.additional_phones, "phone")],
                region,
            )

        return await self._persons.get(contact_id, ask)

    async def write(self, operations: Sequence[Operation]) -> Reply:
        """Carry out one operation. Raises PlatformError."""
        return await self._writer.write(operations)

    async def free_slots(self, provider: str, window: Window) -> Sequence[Offer]:
        """List what each of the provider's calendars offers, in order. Raises PlatformError."""
        of = self._calendars[provider]
        found: set[Offer] = set()
        for calendar in booked_on(of, await self._cache.calendars()):
            offered = await self._offered(calendar, of.user, window)
            found.update(Offer(slot.start, slot.end, calendar) for slot in offered)
        return sorted(found, key=lambda slot: (slot.start, slot.end, slot.calendar_id))

    async def block_targets(self, also: Collection[str]) -> Sequence[BlockTarget]:
        """What busy rooms can close here; from now on these are read and written as providers are.

        ``also`` are providers that were such once. Raises PlatformError.
        """
        resources = await self._cache.resources()
        mapped = {p: of for p, of in self._calendars.items() if calendar_mapping_of(p) is None}
        found, _ = block_targets_of(resources, mapped, await self._cache.calendars())
        for provider in {*also, *(door.provider for door in found)} - self._calendars.keys():
            seat = calendar_mapping_of(provider)
            if seat is not None:
                self._calendars[provider] = seat
        return found

    async def prober(self) -> Prober:
        """Return what measures the location's uncertain facts."""
        v3 = Api(self.name, v3_of(self._account), self._transport)
        parts = (self._account, self._calls, v3, self._cache, self._calendars)
        return Prober(*parts, self._writer.owner)

    def contact_directory(self, key: str, object: str, field: str) -> Associations:
        """The contacts of the location, and the association that ties bookings to them."""
        asked = (key, object, field)
        if asked not in self._registries:
            self._registries[asked] = Associations(
                self.name,
                self._account.location_id,
                self._calls,
                self._transport,
                self._clock,
                *asked,
            )
        return self._registries[asked]

    def plan(self, window: Window, providers: Collection[str] | None = None) -> Sequence[ListCall]:
        """A call per group or calendar, and one per user for blocks; those of `doors` count."""
        return self._reader.plan(window, self._calendars if providers is None else providers)

    def calls_per_read(self, window: Window, providers: Collection[str] | None = None) -> int:
        """How many calls `plan` names."""
        return len(self.plan(window, providers))

    async def discover(self, told: OnProgress) -> SystemInventory:
        """Read everything that a mapping may name. Raises no PlatformError."""
        inventory = Inventory(self._account, self._transport)
        return await discover.discover(self.name, self._account, self._calls, inventory, told)

    async def check(self) -> Sequence[CheckResult]:
        """Look at token, location, users, calendars and clock without writing."""
        findings = await checks.check(
            self.name, self._calendars, self._calls, self._cache, self._clock.now()
        )
        close, directory = self._closes_buffers, self._cache.known_calendars
        findings += buffers.buffer_findings(self.name, self._calendars, directory, close=close)
        return [*findings, *skew_finding(self.name, self.traffic.skew)]

    @property
    def capabilities(self) -> Capabilities:
        """What the location can be relied on for."""
        return self._capabilities()

    @property
    def seats(self) -> Mapping[str, int]:
        """The seats of the calendars that have several, as last seen."""
        kept = self._cache.known_calendars.values()
        return {c.id: c.seats for c in kept if c.seats > 1}

    @property
    def buffers(self) -> Mapping[str, Buffer]:
        """The buffers that blocks elsewhere cover, by calendar: none unless configured so."""
        return buffers.stored_buffers(self.facts) if self._closes_buffers else {}

    @property
    def traffic(self) -> CallStats:
        """Counters and learned limits so far."""
        return self._transport.traffic

    async def aclose(self) -> None:
        """Give back the connections."""
        await self._transport.aclose()

    @property
    def _parser(self) -> Parser:
        return self._reader.parser

    @property
    def _closes_buffers(self) -> bool:
        return self._account.buffers == "close"

    def _with_buffers(self, snapshot: Snapshot, wanted: Collection[str]) -> Snapshot:
        """Note the buffers of the directory that was read; report those that cannot be read."""
        directory = self._cache.known_calendars
        if not self._closes_buffers or not directory:
            return snapshot
        buffers.store_buffers(self.facts, directory)
        mapped = {p: of for p, of in self._calendars.items() if p in wanted}
        odd = tuple(buffers.unreadable_buffers(self.name, mapped, directory))
        return replace(snapshot, malformed=(*snapshot.malformed, *odd)) if odd else snapshot

    async def _read_block(self, ref: EventRef, value: Value | None) -> LookupResult:
        """Look for a block by its id, then where it may have been moved to.

        A list counts if it is surely whole around the block's place, and holds others that lie
        where it was asked for, which proves that it works. An empty one proves nothing, unless the
        platform offers the very time for booking, or shows the blocks of somebody else when asked
        the same of them.
        """
        found = await self._blocks.find(ref.id, ref.provider, value)
        if found.block is not None and not is_deleted(found.block):
            return await self._result_of(found.block, ref)
        if found.block is not None or found.proven:
            return Gone(own_list=True)
        if found.by_id or (value is not None and await self._is_open(ref.provider, value)):
            return Gone()
        others = self._calendars.keys() - {ref.provider} if found.empty else ()
        for other in sorted(others):
            listing = await self._blocks.search(other, value)
            item = listing.find_row(ref.id)
            if item is not None and not is_deleted(item):
                return await self._result_of(item, ref)
            if listing.shows:
                return Gone()
        return Unknown("no list of blocks proves that it is gone, nor a free slot at its time")

    async def _is_open(self, provider: str, value: Value) -> bool:
        """Whether a time is offered on a calendar that a block of the provider's would close.

        That is one of the user's calendars where a user's block is known to close them all. Where
        it does not, or nothing is known, it may be offered while the block stands. An event
        calendar is closed by its own blocks only, and proves for itself (#blocks).
        """
        of, directory = self._calendars[provider], await self._cache.calendars()
        seats = [directory[seat] for seat in booked_on(of, directory) if seat in directory]
        own = [seat.id for seat in seats if seat.type == EVENT_TYPE]
        of_user = [seat.id for seat in seats if seat.type != EVENT_TYPE and of.user in seat.team]
        day = timedelta(days=1)
        near = Window(value.start - day, value.end + day)
        for calendar in own:
            if not _touched(value, await self._offered(calendar, of.user, near)):
                return False
        if of.user is None:
            return bool(own)
        if not self.measured.is_yes("block_closes_calendars"):
            return False
        for calendar in of_user:
            if _touched(value, await self._offered(calendar, of.user, near)):
                return True
        return False

    async def _offered(self, calendar: str, user: str | None, window: Window) -> Sequence[Window]:
        """List what one calendar offers."""
        known = (await self._cache.calendars()).get(calendar)
        length = known.length if known is not None else None
        found: list[Window] = []
        for piece in slice_window(window, slots.MAX_SPAN):
            starts = await self._calls.free_slots(calendar, piece, user)
            found += slots.offered(starts, length, self._cache.zone)
        return found

    async def _interpret(self, item: Item, ref: EventRef) -> LookupResult:
        """Say what a record is to the provider that it was asked for."""
        if not isinstance(item, Appointment) or not is_derived(ref.id):
            return await self._result_of(item, ref)
        if part_of(ref.id).startswith(USER_PREFIX):
            return await self._host_result(item, ref)
        return await self._resource_result(item, ref)

    async def _host_result(self, item: Appointment, ref: EventRef) -> LookupResult:
        """Say what an appointment is to one of its further hosts.

        Where the user is no host any more, it is found at the first host instead: whether the
        time is free depends on the users of the account (promise 3).
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
        """Say what an appointment is to a resource: of another one it is no event (any more)."""
        if needs_zone(item):
            await self._cache.location()
        key = resource_key(self._calendars[ref.provider].resource or "")
        resource = (await self._cache.resources()).get(key)
        if resource is None:
            return Unknown("its room or equipment is not to be found")
        if not uses_resource(item.assigned_resources, resource):
            return Gone()
        try:
            return Found(replace(self._parser.event(item, ref.provider), id=ref.id))
        except UnreadableError as error:
            return Unknown(str(error))

    async def _result_of(self, item: Item, ref: EventRef) -> LookupResult:
        """Say what a record shows now, also where its owner is not mapped. Raises PlatformError."""
        if needs_zone(item):
            await self._cache.location()
        provider = (await self._reader.owners()).owner(item, (ref.provider,))
        if self._parser.takes_no_time(item, provider or ""):
            return Gone(own_list=isinstance(item, Block))
        try:
            return Found(self._parser.event(item, provider or ""))
        except UnreadableError as error:
            return Unknown(str(error))


def _touched(value: Value, offered: Iterable[Window]) -> bool:
    return any(slot.overlaps(value) for slot in offered)


def _more(entries: object, field: str) -> Iterable[str]:
    """List further addresses, which come as texts or as objects."""
    for entry in entries if isinstance(entries, list) else ():
        yield text(entry.get(field)) if isinstance(entry, dict) else text(entry)
