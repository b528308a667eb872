"""The LeadSquared implementation of `port.System`: appointments and blocks of users.

See docs/platforms/leadsquared.md.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from syncd.model import Statuses, UserDirectory, UserState
from syncd.model.event_fields import EventFields, event_fields
from syncd.model.intervals import slice_window
from syncd.model.platform_facts import PlatformKind
from syncd.systems import contact_addresses
from syncd.systems.capability_cache import CapabilityCache
from syncd.systems.capped_lists import CappedLists, ReadLimit
from syncd.systems.errors import RejectedError, RejectionReason, UnreadableError
from syncd.systems.facts import FactStore
from syncd.systems.fault_boundary import strip_traceback
from syncd.systems.findings import skew_finding
from syncd.systems.leadsquared import checks, discover, slots, users
from syncd.systems.leadsquared.calls import Api
from syncd.systems.leadsquared.events import Parser
from syncd.systems.leadsquared.opening import open_transport
from syncd.systems.leadsquared.plan import plan
from syncd.systems.leadsquared.probing import Prober
from syncd.systems.leadsquared.reading import SeenFields, SnapshotReader
from syncd.systems.leadsquared.wire import Lead, Task, User
from syncd.systems.leadsquared.writing import Writer, capabilities
from syncd.systems.lenient import text
from syncd.systems.list_caps import PAGE_LENGTHS
from syncd.systems.lookup_results import Found, Gone, Unknown
from syncd.systems.measured import MeasuredFacts
from syncd.systems.port import NO_LOOK_BACK, NOTHING_KNOWN
from syncd.systems.ttl_cache import TtlCache

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import timedelta

    import httpx

    from syncd.model import Buffer, Clock, Event, EventRef, Offer, Operation, Person, Value, Window
    from syncd.systems.call_stats import CallStats
    from syncd.systems.inventory import OnProgress, SystemInventory
    from syncd.systems.leadsquared.account import Account, CalendarMapping
    from syncd.systems.lookup_results import LookupResult
    from syncd.systems.port import Capabilities, CheckResult, ListCall, Row, Snapshot
    from syncd.systems.replies import Reply
    from syncd.systems.stopping import Stopping


class LeadSquared:
    """One LeadSquared account. Implements `port.System`.

    ``transport`` replaces the network, for tests. The keys are sent in headers only: an access key
    contains ``$``, and in a query it made creates fail silently
    (docs/platforms/leadsquared.md#access).
    """

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
        self.measured = MeasuredFacts(PlatformKind.LEADSQUARED, self.facts)
        self._capabilities = CapabilityCache(self.measured, partial(capabilities, name, account))
        self._transport = open_transport(name, account, clock, transport, self.facts, stopping)
        self._calls = Api(name, self._transport)
        self._writer = Writer(name, account, self._calendars, self._calls, self._capabilities)
        self._book = users.AddressBook(clock, self._calls)
        self._parser = Parser(
            name,
            clock,
            {calendar.address: provider for provider, calendar in self._calendars.items()},
            account.busy_task_type,
            account.key_field,
            Statuses.of_leadsquared(account.statuses),
            self._book.address_of,
            self._capabilities,
        )
        self._seen = SeenFields()
        self._lists = CappedLists(name, clock, self.facts, PAGE_LENGTHS)
        self._customers: TtlCache[Person | None] = TtlCache(clock)

    async def read(
        self,
        window: Window,
        providers: Collection[str] | None = None,
        known: Mapping[str, str] = NOTHING_KNOWN,
        *,
        look_back: timedelta = NO_LOOK_BACK,
    ) -> Snapshot:
        """Read the events of providers: one call per 96 days for all users, plus further pages.

        The platform may refuse a list if one of its users does not exist; that is not documented.
        Then the list is read again without the missing users.
        """
        try:
            return await self._read(window, providers, known, look_back)
        except RejectedError as fault:
            refused = strip_traceback(fault)
        wanted = set(self.providers if providers is None else providers)
        directory = await self.users()
        missing = {p for p in wanted if directory.state_of(p) is UserState.MISSING}
        if not missing or missing == wanted:
            raise refused
        snapshot = await self._read(window, wanted - missing, known, look_back)
        return replace(snapshot, refused=dict.fromkeys(missing, refused))

    async def _read(
        self,
        window: Window,
        providers: Collection[str] | None,
        known: Mapping[str, str],
        look_back: timedelta,
    ) -> Snapshot:
        planned = self.plan(window.from_earlier(look_back), providers)
        limit = ReadLimit(self.name, self._clock)
        reader = SnapshotReader(
            self._calls,
            self._parser,
            planned,
            known,
            self._book,
            self._seen,
            lists=self._lists,
            limit=limit,
            measured=self.measured,
        )
        return await reader.snapshot(window, self._clock.now(), self.capabilities, look_back)

    def event(self, row: Row) -> Event:
        """Parse one row of a snapshot. Raises UnreadableError."""
        if not isinstance(row.wire, Task):
            raise UnreadableError(self.name, row.id, "the row is not a task")
        return self._parser.event(row.wire, row.provider)

    async def read_one(self, ref: EventRef, value: Value | None = None) -> LookupResult:
        """Look up one task by id. An empty response is the only sign of a deletion.

        See docs/platforms/leadsquared.md#reading-one-task.
        """
        del value  # the platform finds by id
        try:
            tasks = await self._calls.task(ref.id)
        except RejectedError as fault:
            return Unknown(str(fault), refused=True)
        if not tasks:
            return Gone()
        task = tasks[0]
        if not isinstance(task, Task) or text(task.user_task_id).lower() != ref.id.lower():
            return Unknown("the response contains a different task")
        if self._parser.is_free_block(task):
            return Gone()
        if not task.owner_email_address and (user := text(task.owner_id)):
            await self._book.look_up({user})
        try:
            provider = self._parser.owner(task, known=ref.provider)
            return Found(self._parser.event(task, provider or ""))
        except (ValueError, UnreadableError) as error:
            return Unknown(str(error))

    async def whole(self, ref: EventRef) -> EventFields:
        """Read all fields of one task. Raises PlatformError."""
        tasks, trees = await self._calls.whole(ref.id)
        for task, tree in zip(tasks, trees, strict=True):
            if isinstance(task, Task) and text(task.user_task_id).lower() == ref.id.lower():
                return event_fields(tree, self._parser.status(task), self._account.secret_key)
        raise RejectedError(
            self.name, "GET the task", why=RejectionReason.GONE, detail="the task does not exist"
        )

    async def users(self) -> UserDirectory:
        """Read the account's users now. Raises PlatformError."""
        rows = await self._calls.users()
        self._book.refresh(rows)
        return users.directory(self._calendars, rows)

    async def addresses(self) -> tuple[str, ...]:
        """Read the e-mail addresses of all users, including inactive ones. Raises PlatformError."""
        rows = await self._calls.users()
        addresses = (text(row.email_address).strip() for row in rows if isinstance(row, User))
        return tuple(filter(None, addresses))

    async def customer(self, event: Event) -> Person | None:
        """Read the addresses of the event's lead; they are cached in memory for an hour."""
        lead_id = event.customer
        if lead_id is None:
            return None

        async def read_lead() -> Person | None:
            leads = [lead for lead in await self._calls.lead(lead_id) if isinstance(lead, Lead)]
            if not leads:
                return None
            lead = leads[0]
            return contact_addresses.normalize_contact(
                [text(lead.email_address)], [text(lead.phone), text(lead.mobile)]
            )

        return await self._customers.get(lead_id, read_lead)

    async def write(self, operations: Sequence[Operation]) -> Reply:
        """Send one operation, or several of the same bulk call. Raises PlatformError."""
        try:
            return await self._writer.write(operations)
        except RejectedError:
            if len(operations) > int(self.measured.safe("bulk_rows")):
                self.measured.contradict("bulk_rows")
            raise

    async def free_slots(self, provider: str, window: Window) -> Sequence[Offer]:
        """Return the free slots of the provider's user. Raises PlatformError."""
        calendar = self._calendars[provider]
        responses = [
            await self._calls.free_slots(calendar.user, slots.requested_dates(piece))
            for piece in slice_window(window, slots.MAX_SPAN)
        ]
        try:
            offers = slots.offered_slots(responses, calendar.address, window)
        except slots.UnknownSlotFormatError as error:
            self.measured.contradict("slot_names")
            raise self._calls.unknown_slot_format(str(error)) from None
        if offers:
            self.measured.record_read("slot_names", slots.NAMES)
        return offers

    async def prober(self) -> Prober:
        """Return the prober of the account."""
        return Prober(self._account, self._calls, self._calendars)

    def plan(self, window: Window, providers: Collection[str] | None = None) -> Sequence[ListCall]:
        """Return one list call per 96 days, for all users."""
        wanted = self.providers if providers is None else providers
        return plan({p: c for p, c in self._calendars.items() if p in wanted}, window)

    def calls_per_read(self, window: Window, providers: Collection[str] | None = None) -> int:
        """Return how many list calls are planned."""
        return len(self.plan(window, providers))

    async def discover(self, on_progress: OnProgress) -> SystemInventory:
        """Read everything that a mapping may name. Raises no PlatformError."""
        return await discover.discover(
            self.name, self._account, self._calls, self._clock.now().date(), on_progress
        )

    async def check(self) -> Sequence[CheckResult]:
        """Check keys, users and the busy type without writing."""
        findings = await checks.check(self.name, self._account, self._calendars, self._calls)
        return [*findings, *skew_finding(self.name, self.traffic.skew)]

    @property
    def capabilities(self) -> Capabilities:
        """What the engine may rely on in this account."""
        return self._capabilities()

    @property
    def seats(self) -> Mapping[str, int]:
        """Empty: LeadSquared has no classes."""
        return {}

    @property
    def buffers(self) -> Mapping[str, Buffer]:
        """Empty: LeadSquared has no buffers."""
        return {}

    @property
    def traffic(self) -> CallStats:
        """The call statistics so far."""
        return self._transport.traffic

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()
