"""LeadSquared behind the port: appointments and busy-holds of users.

See docs/platforms/leadsquared.md.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from syncd.model import Directory, Statuses, UserState
from syncd.model.platform_facts import PlatformKind
from syncd.model.whole_record import WholeRecord, whole_record
from syncd.systems import persons
from syncd.systems.able import Able
from syncd.systems.boundary import bare
from syncd.systems.capped_lists import CappedLists, Limit
from syncd.systems.facts import Facts
from syncd.systems.findings import skew_finding
from syncd.systems.leadsquared import checks, discover, slots, users
from syncd.systems.leadsquared.calls import Calls
from syncd.systems.leadsquared.events import Reader
from syncd.systems.leadsquared.opening import open_transport
from syncd.systems.leadsquared.plan import plan
from syncd.systems.leadsquared.probing import Prober
from syncd.systems.leadsquared.reading import Reading, Shown
from syncd.systems.leadsquared.wire import Lead, Task, User
from syncd.systems.leadsquared.writing import Writing, capabilities
from syncd.systems.list_caps import PAGES
from syncd.systems.loose import text
from syncd.systems.measured import Measured
from syncd.systems.port import (
    NO_LOOK_BACK,
    NOTHING_KNOWN,
    Found,
    Gone,
    Malformed,
    Refusal,
    Rejected,
    Unknown,
)
from syncd.systems.remembered import Remembered
from syncd.systems.spans import slices

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import timedelta

    import httpx

    from syncd.model import Buffer, Clock, Event, EventRef, Offer, Operation, Person, Value, Window
    from syncd.systems.leadsquared.account import Account, CalendarOf
    from syncd.systems.port import (
        Capabilities,
        Finding,
        ListCall,
        Reply,
        Row,
        Sighting,
        Snapshot,
        Traffic,
    )
    from syncd.systems.stopping import Stopping
    from syncd.systems.tree import Told, Tree


class LeadSquared:
    """One LeadSquared account. Keeps `port.System`.

    ``transport`` replaces the network. The keys travel in headers only: an access key holds ``$``,
    and in a query it was seen to drop creates silently (docs/platforms/leadsquared.md#access).
    """

    def __init__(
        self,
        name: str,
        account: Account,
        calendars: Mapping[str, CalendarOf],
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
        self.facts = Facts(name, clock)
        self.measured = Measured(PlatformKind.LEADSQUARED, self.facts)
        self._able = Able(self.measured, partial(capabilities, name, account))
        self._transport = open_transport(name, account, clock, transport, self.facts, stopping)
        self._calls = Calls(name, self._transport)
        self._writing = Writing(name, account, self._calendars, self._calls, self._able)
        self._book = users.AddressBook(clock, self._calls)
        self._reader = Reader(
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
        self._persons: Remembered[Person | None] = Remembered(clock)

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
        except Rejected as fault:
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
        limit = Limit(self.name, self._clock)
        reading = Reading(
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
        """Parse one row of a snapshot. Raises Malformed."""
        if not isinstance(row.wire, Task):
            raise Malformed(self.name, row.id, "is no task")
        return self._reader.event(row.wire, row.provider)

    async def read_one(self, ref: EventRef, value: Value | None = None) -> Sighting:
        """Look for one task. An empty answer is all that tells of a deletion.

        See docs/platforms/leadsquared.md#reading-one-task.
        """
        del value  # the platform finds by id
        try:
            found = await self._calls.task(ref.id)
        except Rejected as fault:
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
        except (ValueError, Malformed) as error:
            return Unknown(str(error))

    async def whole(self, ref: EventRef) -> WholeRecord:
        """Read all fields of one task. Raises SystemFault."""
        tasks, trees = await self._calls.whole(ref.id)
        for task, tree in zip(tasks, trees, strict=True):
            if isinstance(task, Task) and text(task.user_task_id).lower() == ref.id.lower():
                return whole_record(tree, self._reader.status(task), self._account.secret_key)
        raise Rejected(self.name, "GET the task", why=Refusal.GONE, detail="there is none")

    async def users(self) -> Directory:
        """Read the account's users now. Raises SystemFault."""
        rows = await self._calls.users()
        self._book.learn(rows)
        return users.directory(self._calendars, rows)

    async def addresses(self) -> tuple[str, ...]:
        """Read the addresses of all users, inactive ones as well. Raises SystemFault."""
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
            return persons.person([text(lead.email_address)], [text(lead.phone), text(lead.mobile)])

        return await self._persons.get(lead_id, ask)

    async def write(self, operations: Sequence[Operation]) -> Reply:
        """Carry out operations that share one call. Raises SystemFault."""
        try:
            return await self._writing.write(operations)
        except Rejected:
            if len(operations) > int(self.measured.safe("bulk_rows")):
                self.measured.contradict("bulk_rows")
            raise

    async def free_slots(self, provider: str, window: Window) -> Sequence[Offer]:
        """The slots that LeadSquared offers of the provider's user. Raises SystemFault."""
        calendar = self._calendars[provider]
        answers = [
            await self._calls.free_slots(calendar.user, slots.asked_days(piece))
            for piece in slices(window, slots.LONGEST)
        ]
        try:
            found = slots.offered(answers, calendar.address, window)
        except slots.NotUnderstood as odd:
            self.measured.contradict("slot_names")
            raise self._calls.not_understood(str(odd)) from None
        if found:
            self.measured.learn("slot_names", slots.NAMES)
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

    async def discover(self, told: Told) -> Tree:
        """Read everything that a mapping may name. Raises no SystemFault."""
        return await discover.discover(
            self.name, self._account, self._calls, self._clock.now().date(), told
        )

    async def check(self) -> Sequence[Finding]:
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
    def traffic(self) -> Traffic:
        """Counters and learned limits so far."""
        return self._transport.traffic

    async def aclose(self) -> None:
        """Give back the connections."""
        await self._transport.aclose()
