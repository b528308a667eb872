"""LeadSquared behind the port: appointments and busy-holds of users.

See docs/platforms/leadsquared.md.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from syncd.model import Statuses, UserDirectory, UserState
from syncd.model.platform_facts import PlatformKind
from syncd.model.whole_record import WholeRecord, whole_record
from syncd.systems import contact_addresses
from syncd.systems.capability_cache import CapabilityCache
from syncd.systems.capped_lists import CappedLists, ReadLimit
from syncd.systems.facts import FactStore
from syncd.systems.fault_boundary import bare
from syncd.systems.findings import skew_finding
from syncd.systems.leadsquared import checks, discover, slots, users
from syncd.systems.leadsquared.calls import Api
from syncd.systems.leadsquared.events import Parser
from syncd.systems.leadsquared.opening import open_transport
from syncd.systems.leadsquared.plan import plan
from syncd.systems.leadsquared.probing import Prober
from syncd.systems.leadsquared.reading import Shown, SnapshotReader
from syncd.systems.leadsquared.wire import Lead, Task, User
from syncd.systems.leadsquared.writing import Writer, capabilities
from syncd.systems.lenient import text
from syncd.systems.list_caps import PAGES
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
    from collections.abc import Collection, Mapping, Sequence
    from datetime import timedelta

    import httpx

    from syncd.model import Buffer, Clock, Event, EventRef, Offer, Operation, Person, Value, Window
    from syncd.systems.inventory import OnProgress, SystemInventory
    from syncd.systems.leadsquared.account import Account, CalendarMapping
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


class LeadSquared:
    """One LeadSquared account. Keeps `port.System`.

    ``transport`` replaces the network. The keys travel in headers only: an access key holds ``$``,
    and in a query it was seen to drop creates silently (docs/platforms/leadsquared.md#access).
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
        """Prepare the connections; nothing is sent yet, nor after ``stopping`` is set."""
        self.name = name
        self.providers: Collection[str] = tuple(calendars)
        self._account = account
        self._calendars = dict(calendars)
        self._clock = clock
        self.facts = FactStore(name, clock)
        self.measured = MeasuredFacts(PlatformKind.LEADSQUARED, self.facts)
        self._able = CapabilityCache(self.measured, partial(capabilities, name, account))
        self._transport = open_transport(name, account, clock, transport, self.facts, stopping)
        self._calls = Api(name, self._transport)
        self._writing = Writer(name, account, self._calendars, self._calls, self._able)
        self._book = users.AddressBook(clock, self._calls)
        self._reader = Parser(
            name,
            clock,
            {calendar.address: provider for provider, calendar in self._calendars.items()},
            account.busy_task_type,
            account.key_field,
            Statuses.of_leadsquared(account.statuses),
            self._book.address_of,
            self._able,
        )
        self._shown = Shown()
        self._lists = CappedLists(name, clock, self.facts, PAGES)
        self._persons: TtlCache[Person | None] = TtlCache(clock)

    async def read(
        self,
        window: Window,
        providers: Collection[str] | None = None,
        known: Mapping[str, str] = NOTHING_KNOWN,
        *,
        look_back: timedelta = NO_LOOK_BACK,
    ) -> Snapshot:
        """Read these providers' events: a call for all users and 96 days, and its pages.

        Whether the platform refuses a list for an address that nobody has is not documented: then
        the others are read without it.
        """
        try:
            return await self._read(window, providers, known, look_back)
        except RejectedError as fault:
            refused = bare(fault)
        wanted = set(self.providers if providers is None else providers)
        listed = await self.users()
        missing = {p for p in wanted if listed.state_of(p) is UserState.MISSING}
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
        reading = SnapshotReader(
            self._calls,
            self._reader,
            planned,
            known,
            self._book,
            self._shown,
            lists=self._lists,
            limit=limit,
            measured=self.measured,
        )
        return await reading.snapshot(window, self._clock.now(), self.capabilities, look_back)

    def event(self, row: Row) -> Event:
        """Parse one row of a snapshot. Raises UnreadableError."""
        if not isinstance(row.wire, Task):
            raise UnreadableError(self.name, row.id, "is no task")
        return self._reader.event(row.wire, row.provider)

    async def read_one(self, ref: EventRef, value: Value | None = None) -> LookupResult:
        """Look for one task. An empty answer is all that tells of a deletion.

        See docs/platforms/leadsquared.md#reading-one-task.
        """
        del value  # the platform finds by id
        try:
            found = await self._calls.task(ref.id)
        except RejectedError as fault:
            return Unknown(str(fault), refused=True)
        if not found:
            return Gone()
        task = found[0]
        if not isinstance(task, Task) or text(task.user_task_id).lower() != ref.id.lower():
            return Unknown("the answer is about something else")
        if self._reader.is_free_block(task):
            return Gone()
        if not task.owner_email_address and (user := text(task.owner_id)):
            await self._book.look_up({user})
        try:
            provider = self._reader.owner(task, holder=ref.provider)
            return Found(self._reader.event(task, provider or ""))
        except (ValueError, UnreadableError) as error:
            return Unknown(str(error))

    async def whole(self, ref: EventRef) -> WholeRecord:
        """Read all fields of one task. Raises PlatformError."""
        tasks, trees = await self._calls.whole(ref.id)
        for task, tree in zip(tasks, trees, strict=True):
            if isinstance(task, Task) and text(task.user_task_id).lower() == ref.id.lower():
                return whole_record(tree, self._reader.status(task), self._account.secret_key)
        raise RejectedError(
            self.name, "GET the task", why=RejectionReason.GONE, detail="there is none"
        )

    async def users(self) -> UserDirectory:
        """Read the account's users now. Raises PlatformError."""
        rows = await self._calls.users()
        self._book.refresh(rows)
        return users.directory(self._calendars, rows)

    async def addresses(self) -> tuple[str, ...]:
        """Read the addresses of all users, inactive ones as well. Raises PlatformError."""
        rows = await self._calls.users()
        found = (text(row.email_address).strip() for row in rows if isinstance(row, User))
        return tuple(filter(None, found))

    async def person(self, event: Event) -> Person | None:
        """Look up a lead's addresses; kept in memory for an hour."""
        lead_id = event.person
        if lead_id is None:
            return None

        async def ask() -> Person | None:
            leads = [lead for lead in await self._calls.lead(lead_id) if isinstance(lead, Lead)]
            if not leads:
                return None
            lead = leads[0]
            return contact_addresses.normalize_contact(
                [text(lead.email_address)], [text(lead.phone), text(lead.mobile)]
            )

        return await self._persons.get(lead_id, ask)

    async def write(self, operations: Sequence[Operation]) -> Reply:
        """Carry out operations that share one call. Raises PlatformError."""
        try:
            return await self._writing.write(operations)
        except RejectedError:
            if len(operations) > int(self.measured.safe("bulk_rows")):
                self.measured.contradict("bulk_rows")
            raise

    async def free_slots(self, provider: str, window: Window) -> Sequence[Offer]:
        """The slots that LeadSquared offers of the provider's user. Raises PlatformError."""
        calendar = self._calendars[provider]
        answers = [
            await self._calls.free_slots(calendar.user, slots.asked_days(piece))
            for piece in slice_window(window, slots.MAX_SPAN)
        ]
        try:
            found = slots.offered(answers, calendar.address, window)
        except slots.SlotsNotUnderstoodError as odd:
            self.measured.contradict("slot_names")
            raise self._calls.not_understood(str(odd)) from None
        if found:
            self.measured.record_read("slot_names", slots.NAMES)
        return found

    async def prober(self) -> Prober:
        """Return what measures the account's uncertain facts."""
        return Prober(self._account, self._calls, self._calendars)

    def plan(self, window: Window, providers: Collection[str] | None = None) -> Sequence[ListCall]:
        """A call for all users and 96 days."""
        wanted = self.providers if providers is None else providers
        return plan({p: c for p, c in self._calendars.items() if p in wanted}, window)

    def calls_per_read(self, window: Window, providers: Collection[str] | None = None) -> int:
        """How many calls `plan` names."""
        return len(self.plan(window, providers))

    async def discover(self, told: OnProgress) -> SystemInventory:
        """Read everything that a mapping may name. Raises no PlatformError."""
        return await discover.discover(
            self.name, self._account, self._calls, self._clock.now().date(), told
        )

    async def check(self) -> Sequence[CheckResult]:
        """Look at keys, users and the busy type without writing."""
        found = await checks.check(self.name, self._account, self._calendars, self._calls)
        return [*found, *skew_finding(self.name, self.traffic.skew)]

    @property
    def capabilities(self) -> Capabilities:
        """What the account can be relied on for."""
        return self._able()

    @property
    def seats(self) -> Mapping[str, int]:
        """None is known: LeadSquared has no classes."""
        return {}

    @property
    def buffers(self) -> Mapping[str, Buffer]:
        """None are known of this platform."""
        return {}

    @property
    def traffic(self) -> CallStats:
        """Counters and learned limits so far."""
        return self._transport.traffic

    async def aclose(self) -> None:
        """Give back the connections."""
        await self._transport.aclose()
