"""The LeadConnector v1 implementation of `port.System`: appointments and blocks of one location."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from syncd.model import Action, Kind, Offer, Statuses, UserDirectory
from syncd.model.event_fields import EventFields, event_fields
from syncd.model.intervals import slice_window
from syncd.model.platform_facts import YES, PlatformKind
from syncd.systems import contact_addresses
from syncd.systems.capability_cache import CapabilityCache
from syncd.systems.capped_lists import CappedLists, ReadLimit
from syncd.systems.errors import (
    PlatformError,
    RejectedError,
    RejectionReason,
    UnknownOutcomeError,
    UnreadableError,
)
from syncd.systems.facts import FactStore
from syncd.systems.findings import skew_finding
from syncd.systems.last_read import LastRead, ListGaps
from syncd.systems.leadconnector_v1 import checks, discover, reading, users
from syncd.systems.leadconnector_v1.calls import Api, known_zone
from syncd.systems.leadconnector_v1.class_capacity import class_capacities, has_shared_slot
from syncd.systems.leadconnector_v1.events import CalendarOwners, Parser, needs_zone, status_word
from syncd.systems.leadconnector_v1.hold_contacts import HoldContacts
from syncd.systems.leadconnector_v1.location_cache import LocationCache
from syncd.systems.leadconnector_v1.opening import open_transport
from syncd.systems.leadconnector_v1.plan import LIST, plan, team_calendars
from syncd.systems.leadconnector_v1.probing import Prober
from syncd.systems.leadconnector_v1.unchanged_filter import UnchangedFilter
from syncd.systems.leadconnector_v1.wire import (
    Appointment,
    Service,
    ServiceAvailability,
    Timing,
    contact_id,
)
from syncd.systems.leadconnector_v1.writing import Writer, capabilities
from syncd.systems.lenient import number, text
from syncd.systems.lookup_results import Found, Gone, Unknown
from syncd.systems.measured import MeasuredFacts
from syncd.systems.port import NO_LOOK_BACK, NOTHING_KNOWN
from syncd.systems.replies import Done
from syncd.systems.ttl_cache import TtlCache

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import httpx

    from syncd.model import Buffer, Clock, Event, EventRef, Operation, Person, Value, Window
    from syncd.systems.call_stats import CallStats
    from syncd.systems.inventory import OnProgress, SystemInventory
    from syncd.systems.leadconnector_v1.account import Account, CalendarMapping
    from syncd.systems.lookup_results import LookupResult
    from syncd.systems.port import Capabilities, CheckResult, ListCall, Row, Snapshot
    from syncd.systems.replies import Reply
    from syncd.systems.stopping import Stopping

_MAX_SLOTS_SPAN = timedelta(days=31)
"""The limit of v2; none is documented for v1.

See docs/platforms/leadconnector-v1.md#free-slots.
"""

_DEFAULT_SLOT = timedelta(minutes=30)
"""The documented example length, used for a calendar that the location does not list."""

_MAX_ZONES = 20_000
_MAX_SENT = 500


class LeadConnectorV1:
    """One location on v1. Implements `port.System`; ``transport`` replaces the network."""

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
        self.measured = MeasuredFacts(PlatformKind.V1, self.facts)
        self._capabilities = CapabilityCache(self.measured, partial(capabilities, account))
        self._transport = open_transport(name, account, clock, transport, self.facts, stopping)
        self._calls = Api(name, self._transport)
        self._hold_contacts = HoldContacts(self._calls, account.hold_email)
        self._writer = Writer(name, account, self._calls, self._hold_contacts)
        self._parser = Parser(
            name,
            clock,
            CalendarOwners.of(self._calendars),
            account.timezone or "",
            statuses=Statuses.of(account.statuses),
            all_day={provider: mapping.all_day for provider, mapping in self._calendars.items()},
            title=account.title,
        )
        self._zones: dict[str, str] = {}
        self._customers: TtlCache[Person | None] = TtlCache(clock)
        self._zone: TtlCache[str] = TtlCache(clock, better_than_none=True)
        self._cache = LocationCache(self._calls, clock)
        self._lists = CappedLists(name, clock, self.facts)
        self._gaps = ListGaps()
        self._sent: dict[str, Value] = {}
        self._seats: Mapping[str, int] = {}

    async def read(
        self,
        window: Window,
        providers: Collection[str] | None = None,
        known: Mapping[str, str] = NOTHING_KNOWN,
        *,
        look_back: timedelta = NO_LOOK_BACK,
    ) -> Snapshot:
        """Read the events of providers: one call per user, otherwise per team or calendar.

        Blocks are covered only after a list has shown a block, because it is not known whether v1
        lists blocks (docs/platforms/leadconnector-v1.md#listing-appointments).
        """
        wanted = self.providers if providers is None else providers
        read_at = self._clock.now()
        await self._load_hold_contacts()
        parser = self._parser
        unchanged_filter = UnchangedFilter(
            parser.owners, known, self._note_listed, parser.holds, parser.statuses.plain_busy
        )
        any_shared_slot = False

        def keep_changed(rows: reading.Items) -> reading.Items:
            nonlocal any_shared_slot
            any_shared_slot = any_shared_slot or has_shared_slot(rows, self._parser)
            return unchanged_filter.changed_rows(rows)

        planned = await self._plan_lists(window.from_earlier(look_back), wanted)
        limit = ReadLimit(self.name, self._clock)
        responses = await reading.read_lists(self._calls, self._lists, planned, keep_changed, limit)
        if any(response.is_regrouped for response in responses) and self._cache.renew():
            # A team was deleted or changed.
            return await self.read(window, providers, known, look_back=look_back)
        reading.raise_if_all_failed(responses)
        items = [i for response in responses for i in response.items if isinstance(i, Appointment)]
        if any(map(needs_zone, items)):
            await self._load_zone()
        await self._find_merged_contacts(items)
        self._note_listed(items)
        if any_shared_slot:
            with suppress(PlatformError):  # The known seats stay, and are read again later.
                self._seats = class_capacities(await self._cache.services())
        lists_blocks = self.capabilities.lists_blocks
        kinds = frozenset(Kind) if lists_blocks else frozenset({Kind.APPOINTMENT})
        snapshot = await reading.read_snapshot(
            responses, self._parser, window, read_at, kinds, unchanged_filter.same
        )
        ids = frozenset((*(row.id for row in snapshot.rows), *unchanged_filter.same))
        # A team's list may show calendars whose team the location does not show.
        teams = self._cache.teams or {}
        last = LastRead(ids, snapshot.coverage, planned, teams, every_group=False)
        self._gaps.begin(last)
        return snapshot

    async def _plan_lists(self, window: Window, wanted: Collection[str]) -> Sequence[ListCall]:
        """Plan the lists; a team is listed only if the location still shows its calendars."""
        calendars = {p: c for p, c in self._calendars.items() if p in wanted}
        if team_calendars(calendars):
            with suppress(PlatformError):  # Then each calendar is listed alone.
                await self._cache.services()
        return plan(calendars, self._cache.teams or {}, window)

    def event(self, row: Row) -> Event:
        """Parse one row of a snapshot. Raises UnreadableError."""
        if not isinstance(row.wire, Appointment):
            raise UnreadableError(self.name, row.id, "the row is not an appointment")
        return self._parser.event(row.wire, row.provider)

    async def read_one(self, ref: EventRef, value: Value | None = None) -> LookupResult:
        """Look up one event. 404 means gone; the meaning of 400 and 422 is not documented."""
        await self._load_hold_contacts()
        try:
            item = await self._calls.appointment(ref.id)
        except RejectedError as fault:
            return (
                Gone() if fault.why is RejectionReason.GONE else Unknown(str(fault), refused=True)
            )
        if text(item.id) != ref.id:
            return Unknown("the response contains a different appointment")
        if needs_zone(item):
            await self._load_zone()
        await self._find_merged_contacts([item])
        self._note_rows([item])
        if self._parser.is_free_block(item, ref.provider):
            return Gone()
        try:
            provider = self._parser.owners.owner(item, (ref.provider,))
            event = self._parser.event(item, provider or "")
        except (ValueError, UnreadableError) as error:
            return Unknown(str(error))
        gap = self._gaps.lookup_result(event, value, self._cache.renew)
        if gap is None:
            return Found(event)
        if gap.outdated or not gap.elsewhere:
            self._lists.doubt(f"GET {LIST}", event.provider, event.value.start)
        return gap

    async def whole(self, ref: EventRef) -> EventFields:
        """Read all fields of one appointment. Raises PlatformError."""
        item, all_fields = await self._calls.whole(ref.id)
        if text(item.id) != ref.id:
            detail = "the response contains a different appointment"
            raise RejectedError(self.name, "GET an appointment", detail=detail)
        status = self._parser.statuses.status_of(status_word(item))
        return event_fields(all_fields, status, self._account.api_key)

    async def users(self) -> UserDirectory:
        """Read the users, and the calendars if some are mapped directly. Raises PlatformError."""
        by_calendar = any(not mapping.user for mapping in self._calendars.values())
        services = await self._calls.services() if by_calendar else ()
        teams = await self._calls.teams() if by_calendar else ()
        return users.directory(self._calendars, await self._calls.users(), (*services, *teams))

    async def customer(self, event: Event) -> Person | None:
        """Read the addresses of the event's contact; they are cached in memory for an hour."""
        if event.customer is None:
            return None

        async def ask() -> Person | None:
            try:
                contact = await self._calls.contact_of(event.id)
            except RejectedError as fault:
                if fault.why is RejectionReason.GONE:
                    return None
                raise
            if contact is None:
                return None
            emails = [text(contact.email), text(contact.email_lower_case)]
            return contact_addresses.normalize_contact(emails, [text(contact.phone)])

        return await self._customers.get(event.customer, ask)

    async def write(self, operations: Sequence[Operation]) -> Reply:
        """Make one write; ``operations`` has exactly one element. Raises PlatformError."""
        (operation,) = operations
        own_zone = known_zone(self._zones.get(operation.event or "", ""))
        zone_name = own_zone or await self._load_zone() or "UTC"
        mapping = self._calendars[operation.provider]
        reply = await self._writer.write(operation, mapping, zone_name)
        current = self.capabilities
        is_meeting = operation.action is Action.MOVE_APPOINTMENT
        is_move = is_meeting or operation.action is Action.MOVE_BLOCK
        if is_move and not (current.meetings_keep_end if is_meeting else current.update_keeps_end):
            return await self._read_back(operation, reply)
        if is_move and operation.after is not None and len(self._sent) < _MAX_SENT:
            self._sent[operation.ref.id] = operation.after
        return reply

    async def _read_back(self, operation: Operation, reply: Done) -> Done:
        """Check whether a move kept the end that was sent, as the response shows no times.

        See docs/platforms/leadconnector-v1.md#moving-an-appointment.

        If the event has the start that was sent and another end, the update changed the end. A
        block is then replaced; the meeting of a customer stays as it is, and the write counts as
        failed. Raises UnknownOutcomeError if the end of a meeting cannot be read; a later read
        shows it.
        """
        after = operation.after
        try:
            result = await self.read_one(operation.ref)
        except PlatformError as fault:
            if operation.action is Action.MOVE_BLOCK:
                return reply
            unknown = "the read after the move failed, so the meeting's end is not known yet"
            raise UnknownOutcomeError(
                self.name, fault.call, status=fault.status, detail=unknown
            ) from fault
        if after is None or not isinstance(result, Found):
            return reply
        shown = result.event.value
        if (shown.start, shown.status) != (after.start, after.status) or shown == after:
            return reply
        self.measured.contradict("update_keeps_end", YES)
        unrestored = ("endAt",) if operation.action is Action.MOVE_APPOINTMENT else ()
        return Done([(operation.ref.id, shown)], unrestored=unrestored)

    async def free_slots(self, provider: str, window: Window) -> Sequence[Offer]:
        """Return the free slots of the provider's calendar. Raises PlatformError."""
        mapping = self._calendars[provider]
        if not mapping.calendar:
            raise RejectedError(self.name, detail=f"no calendar id is mapped for {provider}")
        zone_name = await self._load_zone() or "UTC"
        services = await self._cache.services()
        length = _slot_lengths(services).get(mapping.calendar, _DEFAULT_SLOT)
        starts: set[object] = set()
        offers = []
        for piece in slice_window(window, _MAX_SLOTS_SPAN):
            for start in await self._calls.free_slots(
                mapping.calendar, mapping.user, piece, zone_name
            ):
                slot = Offer(start, start + length, mapping.calendar)
                if start not in starts and window.start <= start and slot.end <= window.end:
                    starts.add(start)
                    offers.append(slot)
        return sorted(offers, key=lambda slot: slot.start)

    async def prober(self) -> Prober:
        """Return the prober of the location's uncertain facts."""
        parts = (self.name, self._account, self._calls, self._calendars)
        return Prober(*parts, self._load_zone)

    def plan(self, window: Window, providers: Collection[str] | None = None) -> Sequence[ListCall]:
        """Return one call per user, and per team or calendar of providers without a user."""
        wanted = self.providers if providers is None else providers
        calendars = {p: c for p, c in self._calendars.items() if p in wanted}
        # Before the first read, the teams of the configuration are assumed.
        teams = self._cache.teams
        listed_teams = team_calendars(calendars) if teams is None else teams
        return self._lists.plan(plan(calendars, listed_teams, window))

    def calls_per_read(self, window: Window, providers: Collection[str] | None = None) -> int:
        """Return the number of calls in `plan`."""
        return len(self.plan(window, providers))

    async def discover(self, on_progress: OnProgress) -> SystemInventory:
        """Read everything that a mapping may refer to. Raises no PlatformError."""
        return await discover.discover(self.name, self._account, self._calls, on_progress)

    async def check(self) -> Sequence[CheckResult]:
        """Check the key, the time zone and every mapped id without writing."""
        results = await checks.check(self.name, self._account, self._calendars, self._calls)
        return [*results, *skew_finding(self.name, self.traffic.skew)]

    @property
    def capabilities(self) -> Capabilities:
        """Return the capabilities of the location."""
        return self._capabilities()

    @property
    def seats(self) -> Mapping[str, int]:
        """Return the seats of services that have several; read once a list needs them."""
        return self._seats

    @property
    def buffers(self) -> Mapping[str, Buffer]:
        """Return nothing: buffers of this platform are not known."""
        return {}

    @property
    def traffic(self) -> CallStats:
        """Return the counters and learned limits so far."""
        return self._transport.traffic

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def _load_zone(self) -> str:
        """Return the configured time zone, otherwise the location's; '' if neither is known."""
        if self._account.timezone is None:
            zone_name = await self._zone.get("", self._calls.timezone)
            self._parser = replace(self._parser, zone=zone_name)
        return self._parser.zone

    async def _load_hold_contacts(self) -> None:
        """Update the hold contacts, on which the kind of every parsed row depends."""
        holds = await self._hold_contacts.look_up()
        if holds != self._parser.holds:
            self._parser = replace(self._parser, holds=holds)

    async def _find_merged_contacts(self, items: Iterable[Appointment]) -> None:
        """Look up the hold contacts again if a tagged booking has a new contact.

        The platform merges contacts: the address of a merged contact then leads to the new one.
        """
        tagged = {contact_id(i) for i in items if self._parser.key(i) is not None}
        if self._hold_contacts.doubt(tagged - self._parser.holds):
            await self._load_hold_contacts()

    def _note_rows(self, items: Iterable[Appointment]) -> None:
        """Remember the time zone of each booking, and check the ends of moved events.

        A booking is moved in its own time zone, so that the customer is told no other one.
        """
        if len(self._zones) > _MAX_ZONES:
            self._zones.clear()
        for item in items:
            if self._sent and (sent := self._sent.get(text(item.id))) is not None:
                self._compare_end(item, sent)
            if item.selected_timezone:
                self._zones[text(item.id)] = text(item.selected_timezone)

    def _note_listed(self, items: Collection[Appointment]) -> None:
        """Note rows of lists, including blocks; a block read by its id tells nothing of lists."""
        self._note_rows(items)
        shown = (self._parser.kind(item) is Kind.BLOCK for item in items)
        if not self.capabilities.lists_blocks and any(shown):
            self.measured.record_read("lists_blocks", YES)

    def _compare_end(self, item: Appointment, sent: Value) -> None:
        """Compare the end that a moved event shows at its first read with the end that was sent."""
        try:
            shown = self._parser.value(item)
        except ValueError:
            return
        if shown.start != sent.start:
            return  # Outdated, or moved again since.
        del self._sent[text(item.id)]
        if shown.end != sent.end:
            self.measured.contradict("update_keeps_end", YES)


def _slot_lengths(services: Iterable[object]) -> Mapping[str, timedelta]:
    """Return the length of a booking by calendar."""
    return {
        text(service.id): timedelta(minutes=minutes)
        for service in services
        if isinstance(service, Service) and (minutes := _slot_minutes(service))
    }


def _slot_minutes(service: Service) -> int | None:
    availability = service.availability
    timing = availability.event_timing if isinstance(availability, ServiceAvailability) else None
    return number(timing.slot_duration) if isinstance(timing, Timing) else None
