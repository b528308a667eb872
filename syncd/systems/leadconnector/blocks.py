"""Find one block: by its id where the location supports that, otherwise in lists.

Used by lookups of a single block. Not every location is known to support ``GET
/calendars/events/appointments/{id}`` for a block
(docs/platforms/leadconnector-v2.md#reading-one-event), so syncd tries that call and stores the
result as the fact ``block_by_id``. Where the call works, a block is gone if neither the call nor
the list at the block's last known time shows it. Elsewhere an absence counts only if the list
around that time is certainly complete: other rows in the list prove nothing, as a list may be
capped.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model import Kind, Window
from syncd.model.platform_facts import NO, YES
from syncd.systems.capped_lists import ReadLimit
from syncd.systems.errors import IncompleteReadError, RejectedError, RejectionReason
from syncd.systems.leadconnector.events import Parser
from syncd.systems.leadconnector.plan import plan
from syncd.systems.leadconnector.wire import Block, WholeAppointment
from syncd.systems.lenient import text
from syncd.systems.list_caps import SMALL
from syncd.systems.measured import Side

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from syncd.model import Clock, Value
    from syncd.systems.capped_lists import CappedLists
    from syncd.systems.leadconnector.account import CalendarMapping
    from syncd.systems.leadconnector.calls import Api
    from syncd.systems.leadconnector.location_cache import LocationCache
    from syncd.systems.measured import MeasuredFacts
    from syncd.systems.port import ListCall

BLOCK_BY_ID = "block_by_id"
"""The fact: a read of appointments by id also finds a block."""

_RETRY_AFTER = timedelta(days=7)
"""Time after which a block is read by its id again, at a location that did not find one."""

_MAX_DENIED = 200
"""Limit of the remembered blocks that the location denied."""

_SEARCH_RANGE = (timedelta(days=90), timedelta(days=400))
"""Range before and after its last known time in which a block is searched."""

_PROOF_MARGIN = timedelta(days=1)
"""Time around its last known time for which the list must be complete."""


@dataclass(slots=True)
class BlockListing:
    """The blocks in a provider's lists, read to find one block.

    ``shows``: at least one list has a block in the requested window, so that list works;
    ``each_shows``: every list has one. ``empty``: at least one list has no rows. ``complete``: no
    list is cut at a cap, and each row has an id.
    """

    items: list[Block] = field(default_factory=list)
    shows: bool = False
    each_shows: bool = True
    empty: bool = False
    complete: bool = True

    def find_row(self, id: str) -> Block | None:
        """Return the block with this id, if it is listed."""
        return next((item for item in self.items if text(item.id) == id), None)


@dataclass(frozen=True, slots=True)
class BlockSearch:
    """The result of a search for a block: the ``block``, or None.

    ``proven``: complete lists prove that the block is gone. ``by_id``: the location is known to
    find blocks by id, and neither a read by id nor the list shows the block. ``empty``: at least
    one list has no rows.
    """

    block: Block | None = None
    proven: bool = False
    by_id: bool = False
    empty: bool = False


class BlockFinder:
    """Finds the blocks of one location. Every method raises PlatformError."""

    def __init__(
        self,
        system: str,
        calls: Api,
        cache: LocationCache,
        calendars: Mapping[str, CalendarMapping],
        clock: Clock,
        lists: CappedLists,
        measured: MeasuredFacts,
    ) -> None:
        """Keep the parts."""
        self._system = system
        self._calls = calls
        self._cache = cache
        self._calendars = calendars
        self._clock = clock
        self._lists = lists
        self._measured = measured
        self._denied: dict[str, datetime] = {}

    async def find(self, id: str, provider: str, value: Value | None) -> BlockSearch:
        """Search for a block of a provider, by its id and in lists; store what that measures.

        ``value`` is the block's last known value.
        """
        item, denied = await self.by_id(id) if self._tries_by_id() else (None, False)
        if item is not None:
            self._measured.record_read(BLOCK_BY_ID, YES)
            return BlockSearch(item)
        listing = await self.search(provider, value)
        item = listing.find_row(id)
        if denied and self._measured.is_yes(BLOCK_BY_ID):
            if item is None:
                self._note_denied(id)
                return BlockSearch(by_id=True)
            self._measured.contradict(BLOCK_BY_ID, YES)
        shows, empty, complete = (
            listing.shows and listing.each_shows,
            listing.empty,
            listing.complete,
        )
        if item is None and not complete and value is not None:
            near = Window(value.start - _PROOF_MARGIN, value.end + _PROOF_MARGIN)
            listing = await self.listed(provider, near, checked=True)
            item, complete = listing.find_row(id), listing.complete
        if item is not None:
            if self._measured.side(BLOCK_BY_ID) is Side.SAFE:
                self._measured.record_read(BLOCK_BY_ID, NO)
            return BlockSearch(item)
        return BlockSearch(proven=complete and shows, empty=empty)

    def _tries_by_id(self) -> bool:
        """Return true unless the location is known not to find blocks by id."""
        match self._measured.side(BLOCK_BY_ID):
            case Side.CONTRADICTED:
                return False
            case Side.MEASURED if not self._measured.is_yes(BLOCK_BY_ID):
                measured_at = self._measured.at(BLOCK_BY_ID)
                return measured_at is None or self._clock.now() - measured_at > _RETRY_AFTER
            case _:
                return True

    def _note_denied(self, id: str) -> None:
        self._denied.pop(id, None)
        if len(self._denied) >= _MAX_DENIED:
            del self._denied[next(iter(self._denied))]
        self._denied[id] = self._clock.now()

    def note_listed(self, ids: Iterable[str], read_at: datetime, lag: timedelta) -> None:
        """Contradict the fact that blocks are found by id if a list shows a block that was denied.

        ``ids`` were listed at ``read_at``; the list may be older than that by ``lag``.
        """
        if not self._denied:
            return
        if any(read_at >= self._denied[id] + lag for id in self._denied.keys() & set(ids)):
            self._measured.contradict(BLOCK_BY_ID, YES)
            self._denied.clear()

    async def search(self, provider: str, value: Value | None) -> BlockListing:
        """List a provider's blocks in the range to which somebody may have moved a block.

        That is 90 days before to 400 days after ``value``, the last known value, or now.
        """
        now = self._clock.now()
        start, end = value.interval if value is not None else (now, now)
        return await self.listed(provider, Window(start - _SEARCH_RANGE[0], end + _SEARCH_RANGE[1]))

    async def listed(self, provider: str, window: Window, *, checked: bool = False) -> BlockListing:
        """List a provider's blocks in a window. ``checked``: a list that may be capped is split.

        Calendars are listed one by one, because the cached group of a calendar may be outdated.
        """
        calendars = await self._cache.calendars()
        directory = {id: replace(calendar, group="") for id, calendar in calendars.items()}
        limit = ReadLimit(self._system, self._clock)
        listing = BlockListing()
        for call in plan({provider: self._calendars[provider]}, directory, {}, window):
            if Kind.BLOCK in call.kinds:
                await self._add(call, listing, limit, checked=checked)
        return listing

    async def _add(
        self, call: ListCall, into: BlockListing, limit: ReadLimit, *, checked: bool
    ) -> None:
        rows: list[object] = []

        async def ask(piece: ListCall) -> Sequence[object]:
            listing = (await self._calls.listing(piece)).events
            rows.extend(listing)
            return listing

        if checked:
            listed = await self._lists.read(call, ask, id_of, limit, regular=False)
            if listed.faults:
                raise listed.faults[0]
            into.complete = into.complete and not listed.cut
        else:
            async with limit.within(limit.list_deadline(), call.call):
                await ask(call)
            into.complete = into.complete and len(rows) < SMALL
        items = [row for row in rows if isinstance(row, Block) and text(row.id)]
        # A row without an id may be the wanted block.
        into.complete = into.complete and len(items) == len(rows)
        into.items += items
        shows = any(self._lies_in(call.span, item) for item in items)
        into.shows = into.shows or shows
        into.each_shows = into.each_shows and shows
        into.empty = into.empty or not rows

    def _lies_in(self, window: Window, item: Block) -> bool:
        """Return true if a row proves that its list works: readable, and in the requested window.

        Unreadable rows and rows of another time prove nothing. A wrong time zone shifts a row by
        hours, which does not matter in a window of weeks.
        """
        parser = Parser(self._system, self._clock, self._cache.zone or "UTC")
        try:
            return window.overlaps(parser.value(item))
        except ValueError:
            return False

    async def by_id(self, id: str) -> tuple[Block | None, bool]:
        """Read a block by its id: return the block or None, and whether the platform denies it."""
        try:
            item = await self._calls.appointment(id)
        except RejectedError as fault:
            return None, fault.why is RejectionReason.GONE
        except IncompleteReadError:
            return None, False
        return (_block_of(item) if text(item.id) == id else None), False


def _block_of(item: WholeAppointment) -> Block | None:
    """Convert the response of a read by id to a block; None if it is an appointment."""
    if text(item.contact_id) or text(item.appointment_status) or text(item.appoinment_status):
        return None
    return Block(
        id=item.id,
        calendar_id=item.calendar_id,
        assigned_user_id=item.assigned_user_id,
        title=item.title,
        start_time=item.start_time,
        end_time=item.end_time,
        date_updated=item.date_updated,
        deleted=item.deleted,
    )


def id_of(row: object) -> str:
    """Return the id of a row, '' if it has none."""
    return text(row.id) if isinstance(row, Block) else ""
