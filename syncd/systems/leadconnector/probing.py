"""Measure the uncertain facts of a v2 location.

See docs/platform-facts.md#leadconnector-v2.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model import Kind, Window, embed_tag
from syncd.model.platform_facts import NO, YES, PlatformKind
from syncd.systems.errors import RejectedError, RejectionReason
from syncd.systems.leadconnector import slots
from syncd.systems.leadconnector.calls import BLOCKS, EVENTS, path_segment
from syncd.systems.leadconnector.directory import EVENT_TYPE, booked_on
from syncd.systems.leadconnector.plan import LISTS
from syncd.systems.leadconnector.times import format_time, parse_time
from syncd.systems.leadconnector.wire import Appointment, Block, WholeAppointment
from syncd.systems.lenient import text
from syncd.systems.port import ListCall
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
_EVENT_WINDOW = timedelta(days=60)
_MAX_GROUP_SIZE = 4
"""Larger groups are not compared: that would take too many calls."""

_DELETED = frozenset({400, 404})


@dataclass(slots=True)
class Prober:
    """Measures one location. Implements `probing.Prober`.

    ``v3`` makes calls with the Version header of v3. ``owner`` returns the body fields that name
    the owner of a provider's blocks.
    """

    account: Account
    calls: Api
    v3: Api
    cache: LocationCache
    calendars: Mapping[str, CalendarMapping]
    owner: Callable[[str], Awaitable[dict[str, str]]]
    platform: str = PlatformKind.V2
    canary_name: str = "block"
    removes_later: bool = False
    hours: Sequence[int] = CANARY_HOURS

    def slot_calendars(self, provider: str) -> int | None:
        """Return how many calendars book the provider; None while that is unknown."""
        mapping = self.calendars[provider]
        known = self.cache.known_calendars
        return len(booked_on(mapping, known)) if mapping.calendars or known else None

    async def create(self, canary: Canary) -> str:
        """Create the canary as a block; return its id."""
        body = {
            "locationId": self.account.location_id,
            "startTime": format_time(canary.start),
            "endTime": format_time(canary.end),
            **await self.owner(canary.provider),
            "title": embed_tag(CANARY_TITLE, canary.tag),
        }
        return text((await self.calls.send("POST", BLOCKS, body)).id)

    async def exists(self, canary: Canary) -> bool | None:
        """Read the block by its id, then search it in its owner's list.

        Returns None if neither shows the block, because that proves nothing.
        """
        try:
            if text((await self.calls.appointment(canary.event or "")).id) == canary.event:
                return True
        except RejectedError:
            pass
        window = Window(canary.start - _AROUND, canary.end + _AROUND)
        rows = await self._blocks(canary.provider, window)
        return True if any(text(row.id) == canary.event for row in rows) else None

    async def remove(self, canary: Canary) -> None:
        """Delete the block."""
        try:
            await self.calls.send("DELETE", f"{EVENTS}/{path_segment(canary.event or '')}", {})
        except RejectedError as fault:
            if fault.why is not RejectionReason.GONE and await self.exists(canary):
                raise

    async def steps(self, context: ProbeContext) -> Sequence[ProbeStep]:
        """Return the steps; the steps that measure most facts come first."""
        measures = ProbeSteps(self, context, await self.cache.calendars())
        per_calendar = 2 * len(measures.calendars)
        return [
            ProbeStep(
                "reading free slots without the block",
                (),
                per_calendar // 2,
                measures.slots_before,
                StepTime.BEFORE,
                per_calendar=True,
            ),
            ProbeStep("listing the block", ("list_lag", "keeps_tag"), 3, measures.listed),
            ProbeStep("reading the block by its id", ("block_by_id",), 1, measures.by_id),
            ProbeStep(
                "listing from the middle of the block",
                ("lists_overlapping",),
                1,
                measures.overlapping,
            ),
            ProbeStep(
                "moving the block without a title", ("block_update_replaces",), 3, measures.moved
            ),
            ProbeStep(
                "reading free slots with the block",
                ("block_closes_calendars",),
                per_calendar // 2,
                measures.slots_with,
                per_calendar=True,
            ),
            ProbeStep("listing a group", ("group_lists_all",), _MAX_GROUP_SIZE + 1, measures.group),
            ProbeStep("listing with Version v3", ("version_v3",), 1, measures.v3),
            ProbeStep(
                "listing service bookings", ("lists_service_bookings",), 2, measures.service_menu
            ),
            ProbeStep(
                "deleting the block again",
                ("second_delete",),
                1,
                measures.deleted_again,
                StepTime.AFTER,
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
    """The steps of one probe, and the state that they share.

    ``offered_before`` are the starts of free slots by calendar, before the canary was created.
    ``readable``: the block can be read by its id. ``meetings`` are the listed event ids, by the id
    of the calendar or group.
    """

    prober: Prober
    context: ProbeContext
    directory: Mapping[str, Calendar]
    offered_before: Mapping[str, frozenset[datetime]] | None = None
    readable: bool = False
    meetings: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def mapping(self) -> CalendarMapping:
        """Return the calendars of the provider in whose calendar the canary is."""
        return self.prober.calendars[self.context.canary.provider]

    @property
    def calendars(self) -> tuple[str, ...]:
        """Return the calendars that a block of the canary's user may block."""
        if self.mapping.user is None:
            return ()
        booked = booked_on(self.mapping, self.directory)
        known = (self.directory[id] for id in booked if id in self.directory)
        return tuple(c.id for c in known if c.type != EVENT_TYPE and self.mapping.user in c.team)

    async def slots_before(self) -> Mapping[str, str]:
        """Read the free slots of each calendar from a day before the canary to a day after it.

        Called before the canary is created; measures no fact yet, so the result is empty.
        """
        self.offered_before = {id: await self._free_starts(id) for id in self.calendars}
        return {}

    async def _free_starts(self, calendar: str) -> frozenset[datetime]:
        day = timedelta(days=1)
        window = Window(self.context.canary.start - day, self.context.canary.end + day)
        starts = await self.prober.calls.free_slots(calendar, window, self.mapping.user)
        zone_name = self.prober.cache.zone or self.context.zone
        return frozenset(w.start for w in slots.slot_windows(starts, CANARY_LENGTH, zone_name))

    async def listed(self) -> Mapping[str, str]:
        """List the provider's blocks until the canary appears: measures lag and tag."""
        rows: list[Block] = []

        async def seen() -> bool:
            rows[:] = [r for r in await self._listed_near() if text(r.id) == self.context.event]
            return bool(rows)

        lag = await self.context.appears(seen)
        if lag is None:
            raise NotMeasuredError("no list showed the block within the time limit")
        self.context.found["list_lag"] = lag
        return {"list_lag": lag, **self.context.keeps_tag(rows[0].title)}

    async def _listed_near(self) -> list[Block]:
        canary = self.context.canary
        window = Window(canary.start - _AROUND, canary.end + _AROUND)
        return await self.prober._blocks(canary.provider, window)  # noqa: SLF001 - of this module

    async def by_id(self) -> Mapping[str, str]:
        """Measure whether a read of appointments by id also finds a block."""
        try:
            item = await self.prober.calls.appointment(self.context.event)
        except RejectedError:
            return {"block_by_id": NO}
        self.readable = text(item.id) == self.context.event
        return {"block_by_id": YES if self.readable else NO}

    async def overlapping(self) -> Mapping[str, str]:
        """Measure whether a list that begins in the middle of the block shows the block."""
        self._require_listed()
        canary = self.context.canary
        rest = Window(canary.start + CANARY_LENGTH / 2, canary.end + timedelta(hours=1))
        rows = await self.prober._blocks(canary.provider, rest)  # noqa: SLF001 - of this module
        shown = any(text(row.id) == self.context.event for row in rows)
        return {"lists_overlapping": YES if shown else NO}

    def _require_listed(self) -> None:
        if "list_lag" not in self.context.found:
            raise NotMeasuredError("no list showed the block within the time limit")

    async def moved(self) -> Mapping[str, str]:
        """Measure whether an update without a title resets the title of the block.

        The block is moved to a free slot if there is one, otherwise to its own end.
        """
        context, canary = self.context, self.context.canary
        start = self._slot() or canary.end
        context.move(start, start + CANARY_LENGTH)
        body = {
            "locationId": self.prober.account.location_id,
            "startTime": format_time(start),
            "endTime": format_time(start + CANARY_LENGTH),
            **await self.prober.owner(canary.provider),
        }
        await self.prober.calls.send("PUT", f"{BLOCKS}/{path_segment(context.event)}", body)
        if not self.readable:
            await context.pause(context.lag)
        row = await self._read()
        if row is None or self._start(row) != start:
            # The read by id may lag, too.
            await context.pause(context.lag)
            row = await self._read()
        if row is None or self._start(row) != start:
            raise NotMeasuredError("the platform did not show the block at its new time")
        keeps_title = CANARY_TITLE in text(row.title)
        return {"block_update_replaces": NO if keeps_title else YES}

    async def _read(self) -> Block | WholeAppointment | None:
        if self.readable:
            return await self.prober.calls.appointment(self.context.event)
        return next(
            (r for r in await self._listed_near() if text(r.id) == self.context.event), None
        )

    def _start(self, row: Block | WholeAppointment) -> datetime | None:
        try:
            return parse_time(row.start_time, self.prober.cache.zone or self.context.zone)
        except ValueError:
            return None

    def _slot(self) -> datetime | None:
        """Return the start of a slot at which the provider is free in all systems; None for none.

        The slot that most calendars offer is preferred.
        """
        count: dict[datetime, int] = defaultdict(int)
        for offered in (self.offered_before or {}).values():
            for start in offered:
                count[start] += 1
        free = [at for at in count if self.context.is_free(at, at + CANARY_LENGTH)]
        return min(free, key=lambda at: (-count[at], at), default=None)

    async def slots_with(self) -> Mapping[str, str]:
        """Measure whether the block closes its time in the calendars that offered it before."""
        if not self.calendars:
            raise NotMeasuredError("no calendar has the provider's user on its team", failed=False)
        start = self.context.canary.start
        offering = [id for id, offered in (self.offered_before or {}).items() if start in offered]
        if not offering:
            raise NotMeasuredError(
                "no calendar offers a free slot at the block's time", failed=False
            )
        await self.context.pause(self.context.lag)
        for id in offering:
            if start in await self._free_starts(id):
                return {"block_closes_calendars": NO}
        if len(offering) < len(self.calendars):
            raise NotMeasuredError(
                "not every calendar offers a free slot at the block's time", failed=False
            )
        return {"block_closes_calendars": YES}

    async def group(self) -> Mapping[str, str]:
        """Measure whether the list of a group shows all events of its calendars' own lists."""
        groups: dict[str, list[str]] = defaultdict(list)
        for calendar in self.directory.values():
            if calendar.group:
                groups[calendar.group].append(calendar.id)
        candidates = [(len(ids), g) for g, ids in groups.items() if 1 < len(ids) <= _MAX_GROUP_SIZE]
        if not candidates:
            reason = f"no group has 2 to {_MAX_GROUP_SIZE} calendars"
            raise NotMeasuredError(reason, failed=False)
        _, group = min(candidates)
        group_events = await self._events("groupId", group)
        any_empty = False
        for id in sorted(groups[group]):
            own_events = await self._events("calendarId", id)
            if own_events - group_events:
                return {"group_lists_all": NO}
            any_empty = any_empty or not own_events
        if any_empty:
            raise NotMeasuredError("a calendar of the group has no event to compare", failed=False)
        return {"group_lists_all": YES}

    async def _events(self, selector: str, id: str) -> frozenset[str]:
        """Return the ids of the meetings of the next 60 days in the list of a calendar or group.

        Each list is read once.
        """
        if id not in self.meetings:
            now = self.context.clock.now()
            window = Window(now, now + _EVENT_WINDOW)
            call = _list(Kind.APPOINTMENT, selector, id, self.context.canary.provider, window)
            rows = (await self.prober.calls.listing(call)).events
            ids = frozenset(text(row.id) for row in rows if isinstance(row, Appointment))
            self.meetings[id] = ids
        return self.meetings[id]

    async def v3(self) -> Mapping[str, str]:
        """Measure whether the location accepts the Version header of v3, by one list."""
        owner = await self.prober.owner(self.context.canary.provider)
        canary = self.context.canary
        window = Window(canary.start, canary.end)
        try:
            await listed_blocks(self.prober.v3, owner, canary.provider, window)
        except RejectedError:
            return {"version_v3": NO}
        return {"version_v3": YES}

    async def service_menu(self) -> Mapping[str, str]:
        """Measure whether a calendar's list shows a booking made through a service menu."""
        now = self.context.clock.now()
        window = Window(now, now + _EVENT_WINDOW)
        try:
            booked = await self.prober.v3.service_bookings(window)
        except RejectedError as fault:
            reason = f"the location refuses to list service bookings: HTTP {fault.status}"
            raise NotMeasuredError(reason, failed=False) from None
        for booking in booked:
            id = text(booking.booking_id) or text(booking.id)
            if id and booking.calendars:
                shown = await self._events("calendarId", booking.calendars[0])
                return {"lists_service_bookings": YES if id in shown else NO}
        raise NotMeasuredError("the location has no service booking to compare", failed=False)

    async def deleted_again(self) -> Mapping[str, str]:
        """Measure how the platform responds to a second deletion of the block."""
        try:
            await self.prober.calls.send(
                "DELETE", f"{EVENTS}/{path_segment(self.context.event)}", {}
            )
        except RejectedError as fault:
            if fault.status in _DELETED:
                return {"second_delete": str(fault.status)}
            raise
        return {"second_delete": "200"}


def with_v3(account: Account) -> Account:
    """Return the account with the ``Version`` header of v3."""
    return replace(account, version="v3")
