"""How the uncertain facts of a v2 location are measured.

See docs/platform-facts.md#leadconnector-v2.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model import Kind, Window, embed_tag
from syncd.model.platform_facts import NO, YES, PlatformKind
from syncd.systems.leadconnector import slots
from syncd.systems.leadconnector.calls import BLOCKS, EVENTS, part
from syncd.systems.leadconnector.directory import EVENT_TYPE, booked_on
from syncd.systems.leadconnector.plan import LISTS
from syncd.systems.leadconnector.times import instant, written
from syncd.systems.leadconnector.wire import Appointment, Block, Whole
from syncd.systems.lenient import text
from syncd.systems.port import ListCall, RejectedError, RejectionReason
from syncd.systems.probing import (
    CANARY_HOURS,
    CANARY_LENGTH,
    CANARY_TITLE,
    NotMeasuredError,
    ProbeStep,
    StepTime,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from syncd.model.canary import Canary
    from syncd.systems.leadconnector.account import Account, CalendarMapping
    from syncd.systems.leadconnector.calls import Api
    from syncd.systems.leadconnector.directory import Calendar
    from syncd.systems.leadconnector.location_cache import LocationCache
    from syncd.systems.probing import ProbeContext

_AROUND = timedelta(days=2)
_AHEAD = timedelta(days=60)
_MOST_CALENDARS = 4
"""A group with more calendars is not compared: it would take too many calls."""

_DELETED = frozenset({400, 404})


@dataclass(slots=True)
class Prober:
    """Measures one location. Keeps `probing.Prober`; ``owner`` names a block's owner in a body."""

    account: Account
    calls: Api
    v3: Api
    knowledge: LocationCache
    calendars: Mapping[str, CalendarMapping]
    owner: Callable[[str], Awaitable[dict[str, str]]]
    platform: str = PlatformKind.V2
    canary_name: str = "block"
    removes_later: bool = False
    hours: Sequence[int] = CANARY_HOURS

    def slot_calendars(self, provider: str) -> int | None:
        """Count the provider's calendars, if they are known."""
        of = self.calendars[provider]
        known = self.knowledge.kept
        return len(booked_on(of, known)) if of.calendars or known else None

    async def create(self, canary: Canary) -> str:
        """Make a block."""
        body = {
            "locationId": self.account.location_id,
            "startTime": written(canary.start),
            "endTime": written(canary.end),
            **await self.owner(canary.provider),
            "title": embed_tag(CANARY_TITLE, canary.tag),
        }
        return text((await self.calls.send("POST", BLOCKS, body)).id)

    async def exists(self, canary: Canary) -> bool | None:
        """Look for the block by its id, then in its owner's list."""
        try:
            if text((await self.calls.appointment(canary.event or "")).id) == canary.event:
                return True
        except RejectedError:
            pass
        near = Window(canary.start - _AROUND, canary.end + _AROUND)
        rows = await self._blocks(canary.provider, near)
        return True if any(text(row.id) == canary.event for row in rows) else None

    async def remove(self, canary: Canary) -> None:
        """Delete the block."""
        try:
            await self.calls.send("DELETE", f"{EVENTS}/{part(canary.event or '')}", {})
        except RejectedError as fault:
            if fault.why is not RejectionReason.GONE and await self.exists(canary):
                raise

    async def steps(self, bench: ProbeContext) -> Sequence[ProbeStep]:
        """Return the steps, in order: those that tell most come first."""
        measures = ProbeSteps(self, bench, await self.knowledge.calendars())
        per_calendar = 2 * len(measures.seats)
        return [
            ProbeStep(
                "asking for free slots without the block",
                (),
                per_calendar // 2,
                measures.slots_before,
                StepTime.BEFORE,
                per_calendar=True,
            ),
            ProbeStep("listing the block", ("list_lag", "keeps_tag"), 3, measures.listed),
            ProbeStep("reading the block by its id", ("block_by_id",), 1, measures.by_id),
            ProbeStep(
                "listing from its middle on", ("lists_overlapping",), 1, measures.overlapping
            ),
            ProbeStep("moving it without a title", ("block_update_replaces",), 3, measures.moved),
            ProbeStep(
                "asking for free slots with the block",
                ("block_closes_calendars",),
                per_calendar // 2,
                measures.slots_with,
                per_calendar=True,
            ),
            ProbeStep("listing a group", ("group_lists_all",), _MOST_CALENDARS + 1, measures.group),
            ProbeStep("listing with Version v3", ("version_v3",), 1, measures.v3),
            ProbeStep(
                "listing service bookings", ("lists_service_bookings",), 2, measures.service_menu
            ),
            ProbeStep(
                "deleting it again", ("second_delete",), 1, measures.deleted_again, StepTime.AFTER
            ),
        ]

    async def _blocks(self, provider: str, window: Window) -> list[Block]:
        return await listed_blocks(self.calls, await self.owner(provider), provider, window)


async def listed_blocks(
    calls: Api, owner: Mapping[str, str], provider: str, window: Window
) -> list[Block]:
    """List the blocks of an owner that start in a window. Raises PlatformError."""
    user = owner.get("assignedUserId")
    selector, id = ("userId", user) if user else ("calendarId", owner["calendarId"])
    call = _list(Kind.BLOCK, selector, id, provider, window)
    return [row for row in (await calls.listing(call)).events if isinstance(row, Block)]


def _list(kind: Kind, selector: str, id: str, provider: str, window: Window) -> ListCall:
    call = f"GET {LISTS[kind]}"
    return ListCall(call, frozenset({kind}), selector, (id,), frozenset({provider}), window)


@dataclass(slots=True)
class ProbeSteps:
    """The steps of one probe, and what one of them leaves for the next."""

    prober: Prober
    bench: ProbeContext
    directory: Mapping[str, Calendar]
    before: Mapping[str, frozenset[datetime]] | None = None
    readable: bool = False
    meetings: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def of(self) -> CalendarMapping:
        """Return the calendars of the provider for whom the canary is made."""
        return self.prober.calendars[self.bench.canary.provider]

    @property
    def seats(self) -> tuple[str, ...]:
        """The calendars that a block of the canary's user may close."""
        if self.of.user is None:
            return ()
        booked = booked_on(self.of, self.directory)
        known = (self.directory[id] for id in booked if id in self.directory)
        return tuple(c.id for c in known if c.type != EVENT_TYPE and self.of.user in c.team)

    async def slots_before(self) -> Mapping[str, str]:
        """Keep what each calendar offers around the canary's day."""
        self.before = {id: await self._offered(id) for id in self.seats}
        return {}

    async def _offered(self, calendar: str) -> frozenset[datetime]:
        day = timedelta(days=1)
        near = Window(self.bench.canary.start - day, self.bench.canary.end + day)
        starts = await self.prober.calls.free_slots(calendar, near, self.of.user)
        zone_name = self.prober.knowledge.zone or self.bench.zone
        return frozenset(w.start for w in slots.offered(starts, CANARY_LENGTH, zone_name))

    async def listed(self) -> Mapping[str, str]:
        """List the block until it appears."""
        rows: list[Block] = []

        async def seen() -> bool:
            rows[:] = [r for r in await self._near() if text(r.id) == self.bench.event]
            return bool(rows)

        lag = await self.bench.appears(seen)
        if lag is None:
            raise NotMeasuredError("no list showed the block in time")
        self.bench.found["list_lag"] = lag
        return {"list_lag": lag, **self.bench.keeps_tag(rows[0].title)}

    async def _near(self) -> list[Block]:
        canary = self.bench.canary
        near = Window(canary.start - _AROUND, canary.end + _AROUND)
        return await self.prober._blocks(canary.provider, near)  # noqa: SLF001 - of this module

    async def by_id(self) -> Mapping[str, str]:
        """Ask for the block as for an appointment."""
        try:
            item = await self.prober.calls.appointment(self.bench.event)
        except RejectedError:
            return {"block_by_id": NO}
        self.readable = text(item.id) == self.bench.event
        return {"block_by_id": YES if self.readable else NO}

    async def overlapping(self) -> Mapping[str, str]:
        """List from the middle of the block on."""
        self._expect_listed()
        canary = self.bench.canary
        rest = Window(canary.start + CANARY_LENGTH / 2, canary.end + timedelta(hours=1))
        rows = await self.prober._blocks(canary.provider, rest)  # noqa: SLF001 - of this module
        shown = any(text(row.id) == self.bench.event for row in rows)
        return {"lists_overlapping": YES if shown else NO}

    def _expect_listed(self) -> None:
        if "list_lag" not in self.bench.found:
            raise NotMeasuredError("no list showed the block in time")

    async def moved(self) -> Mapping[str, str]:
        """Move the block without a title, onto a slot that is offered if there is one."""
        bench, canary = self.bench, self.bench.canary
        start = self._slot() or canary.end
        bench.move(start, start + CANARY_LENGTH)
        body = {
            "locationId": self.prober.account.location_id,
            "startTime": written(start),
            "endTime": written(start + CANARY_LENGTH),
            **await self.prober.owner(canary.provider),
        }
        await self.prober.calls.send("PUT", f"{BLOCKS}/{part(bench.event)}", body)
        if not self.readable:
            await bench.pause(bench.lag)
        found = await self._read()
        if found is None or self._start(found) != start:
            # What answers by id may lag as well.
            await bench.pause(bench.lag)
            found = await self._read()
        if found is None or self._start(found) != start:
            raise NotMeasuredError("the block was not shown where it was moved to")
        kept = CANARY_TITLE in text(found.title)
        return {"block_update_replaces": NO if kept else YES}

    async def _read(self) -> Block | Whole | None:
        if self.readable:
            return await self.prober.calls.appointment(self.bench.event)
        return next((r for r in await self._near() if text(r.id) == self.bench.event), None)

    def _start(self, row: Block | Whole) -> datetime | None:
        try:
            return instant(row.start_time, self.prober.knowledge.zone or self.bench.zone)
        except ValueError:
            return None

    def _slot(self) -> datetime | None:
        """A slot that most of the calendars offer, and that is free for the provider elsewhere."""
        count: dict[datetime, int] = defaultdict(int)
        for offered in (self.before or {}).values():
            for start in offered:
                count[start] += 1
        found = [at for at in count if self.bench.is_free(at, at + CANARY_LENGTH)]
        return min(found, key=lambda at: (-count[at], at), default=None)

    async def slots_with(self) -> Mapping[str, str]:
        """Compare what the calendars offer at the block's time with what they offered before."""
        if not self.seats:
            raise NotMeasuredError("no calendar has this user in its team", failed=False)
        start = self.bench.canary.start
        asked = [id for id, offered in (self.before or {}).items() if start in offered]
        if not asked:
            raise NotMeasuredError("no calendar offers a slot there", failed=False)
        await self.bench.pause(self.bench.lag)
        for id in asked:
            if start in await self._offered(id):
                return {"block_closes_calendars": NO}
        if len(asked) < len(self.seats):
            raise NotMeasuredError("not all calendars offer a slot at one time", failed=False)
        return {"block_closes_calendars": YES}

    async def group(self) -> Mapping[str, str]:
        """Compare the list of a group with those of its calendars."""
        groups: dict[str, list[str]] = defaultdict(list)
        for calendar in self.directory.values():
            if calendar.group:
                groups[calendar.group].append(calendar.id)
        fit = [(len(ids), g) for g, ids in groups.items() if 1 < len(ids) <= _MOST_CALENDARS]
        if not fit:
            reason = f"no group has 2 to {_MOST_CALENDARS} calendars"
            raise NotMeasuredError(reason, failed=False)
        _, group = min(fit)
        together = await self._events("groupId", group)
        empty = False
        for id in sorted(groups[group]):
            alone = await self._events("calendarId", id)
            if alone - together:
                return {"group_lists_all": NO}
            empty = empty or not alone
        if empty:
            raise NotMeasuredError("a calendar of the group has no event to look for", failed=False)
        return {"group_lists_all": YES}

    async def _events(self, selector: str, id: str) -> frozenset[str]:
        """List the meetings of the next 60 days, once."""
        if id not in self.meetings:
            now = self.bench.clock.now()
            window = Window(now, now + _AHEAD)
            call = _list(Kind.APPOINTMENT, selector, id, self.bench.canary.provider, window)
            rows = (await self.prober.calls.listing(call)).events
            ids = frozenset(text(row.id) for row in rows if isinstance(row, Appointment))
            self.meetings[id] = ids
        return self.meetings[id]

    async def v3(self) -> Mapping[str, str]:
        """Read a list with the header of v3."""
        owner = await self.prober.owner(self.bench.canary.provider)
        canary = self.bench.canary
        near = Window(canary.start, canary.end)
        try:
            await listed_blocks(self.prober.v3, owner, canary.provider, near)
        except RejectedError:
            return {"version_v3": NO}
        return {"version_v3": YES}

    async def service_menu(self) -> Mapping[str, str]:
        """Look for a service booking in the list of its calendar."""
        now = self.bench.clock.now()
        window = Window(now, now + _AHEAD)
        try:
            booked = await self.prober.v3.service_bookings(window)
        except RejectedError as fault:
            reason = f"service bookings cannot be listed: {fault.status}"
            raise NotMeasuredError(reason, failed=False) from None
        for booking in booked:
            id = text(booking.booking_id) or text(booking.id)
            if id and booking.calendars:
                shown = await self._events("calendarId", booking.calendars[0])
                return {"lists_service_bookings": YES if id in shown else NO}
        raise NotMeasuredError("there is no service booking to look for", failed=False)

    async def deleted_again(self) -> Mapping[str, str]:
        """Delete the block once more."""
        try:
            await self.prober.calls.send("DELETE", f"{EVENTS}/{part(self.bench.event)}", {})
        except RejectedError as fault:
            if fault.status in _DELETED:
                return {"second_delete": str(fault.status)}
            raise
        return {"second_delete": "200"}


def v3_of(account: Account) -> Account:
    """Return the account as asked with the header of v3."""
    return replace(account, version="v3")
