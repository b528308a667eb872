"""Find one block: by its id where the location answers that, else in lists.

Whether ``GET /calendars/events/appointments/{id}`` answers a block is not known of every location
(docs/platforms/leadconnector-v2.md#reading-one-event), so it is tried, and what came of it is kept
as the fact ``block_by_id``. Where it does, a block is gone that is not there by its id and not
listed where it was. Elsewhere an absence counts only if the list around the block's place is surely
whole: other rows in it prove nothing, as a list may be capped.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model import Kind, Window
from syncd.model.platform_facts import NO, YES
from syncd.systems.capped_lists import ReadLimit
from syncd.systems.leadconnector.events import Parser
from syncd.systems.leadconnector.plan import plan
from syncd.systems.leadconnector.wire import Block, Whole
from syncd.systems.lenient import text
from syncd.systems.list_caps import SMALL
from syncd.systems.measured import Side
from syncd.systems.port import IncompleteReadError, RejectedError, RejectionReason

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

BY_ID = "block_by_id"
"""The fact: whether the location answers a block by its id."""

_ASKED_AGAIN = timedelta(days=7)
"""After so long a location that did not answer a block by its id is asked for one again."""

_MOST_DENIED = 200
"""So many blocks are remembered that were said not to be there."""

_SOUGHT = (timedelta(days=90), timedelta(days=400))
"""How far before and after its last place a block is looked for."""

_AROUND = timedelta(days=1)
"""How far around its last place the list has to be whole."""


@dataclass(slots=True)
class BlockListing:
    """Blocks as listed.

    ``shows`` and ``each_shows``: some list, or every one, held a block that lies where it was asked
    for. ``empty``: one held nothing at all. ``whole``: none of the lists may be cut.
    """

    items: list[Block] = field(default_factory=list)
    shows: bool = False
    each_shows: bool = True
    empty: bool = False
    whole: bool = True

    def named(self, id: str) -> Block | None:
        """The block with this id."""
        return next((item for item in self.items if text(item.id) == id), None)


@dataclass(frozen=True, slots=True)
class BlockSearch:
    """What a search for a block came to: the ``block``, or whether its absence is ``proven``.

    ``by_id``: the location, which answers blocks by id, says that this one is not there, and the
    list lacks it, too.
    ``empty``: a list showed nothing at all.
    """

    block: Block | None = None
    proven: bool = False
    by_id: bool = False
    empty: bool = False


class Blocks:
    """Looks for the blocks of one location. Every method raises PlatformError."""

    def __init__(
        self,
        system: str,
        calls: Api,
        knowledge: LocationCache,
        calendars: Mapping[str, CalendarMapping],
        clock: Clock,
        lists: CappedLists,
        measured: MeasuredFacts,
    ) -> None:
        """Keep the parts."""
        self._system = system
        self._calls = calls
        self._knowledge = knowledge
        self._calendars = calendars
        self._clock = clock
        self._lists = lists
        self._measured = measured
        self._denied: dict[str, datetime] = {}

    async def find(self, id: str, provider: str, value: Value | None) -> BlockSearch:
        """Look for a block of a provider that was last seen at a place."""
        item, gone = await self.by_id(id) if self._tries_by_id() else (None, False)
        if item is not None:
            self._measured.record_read(BY_ID, YES)
            return BlockSearch(item)
        found = await self.everywhere(provider, value)
        item = found.named(id)
        if gone and self._measured.is_yes(BY_ID):
            if item is None:
                self._note_denied(id)
                return BlockSearch(by_id=True)
            self._measured.contradict(BY_ID, YES)
        shows, empty, whole = found.shows and found.each_shows, found.empty, found.whole
        if item is None and not whole and value is not None:
            near = Window(value.start - _AROUND, value.end + _AROUND)
            found = await self.listed(provider, near, checked=True)
            item, whole = found.named(id), found.whole
        if item is not None:
            if self._measured.side(BY_ID) is Side.SAFE:
                self._measured.record_read(BY_ID, NO)
            return BlockSearch(item)
        return BlockSearch(proven=whole and shows, empty=empty)

    def _tries_by_id(self) -> bool:
        """Whether to ask for a block by its id: unless that is known to be of no use."""
        match self._measured.side(BY_ID):
            case Side.CONTRADICTED:
                return False
            case Side.MEASURED if not self._measured.is_yes(BY_ID):
                at = self._measured.at(BY_ID)
                return at is None or self._clock.now() - at > _ASKED_AGAIN
            case _:
                return True

    def _note_denied(self, id: str) -> None:
        self._denied.pop(id, None)
        if len(self._denied) >= _MOST_DENIED:
            del self._denied[next(iter(self._denied))]
        self._denied[id] = self._clock.now()

    def shown(self, ids: Iterable[str], read_at: datetime, lag: timedelta) -> None:
        """Note what a list of ``read_at`` shows: a block that was said not to be there is.

        Then the location does not answer each block by its id. A list may be older by the lag.
        """
        if not self._denied:
            return
        if any(read_at >= self._denied[id] + lag for id in self._denied.keys() & set(ids)):
            self._measured.contradict(BY_ID, YES)
            self._denied.clear()

    async def everywhere(self, provider: str, value: Value | None) -> BlockListing:
        """List a provider's blocks wherever one may have been moved to, as far as one call goes."""
        now = self._clock.now()
        start, end = value.interval if value is not None else (now, now)
        return await self.listed(provider, Window(start - _SOUGHT[0], end + _SOUGHT[1]))

    async def listed(self, provider: str, window: Window, *, checked: bool = False) -> BlockListing:
        """List a provider's blocks. ``checked``: a list that may be capped is read in parts.

        No group is asked: a calendar may be in another one by now.
        """
        known = await self._knowledge.calendars()
        directory = {id: replace(calendar, group="") for id, calendar in known.items()}
        limit = ReadLimit(self._system, self._clock)
        found = BlockListing()
        for call in plan({provider: self._calendars[provider]}, directory, {}, window):
            if Kind.BLOCK in call.kinds:
                await self._add(call, found, limit, checked=checked)
        return found

    async def _add(
        self, call: ListCall, into: BlockListing, limit: ReadLimit, *, checked: bool
    ) -> None:
        rows: list[object] = []

        async def ask(part: ListCall) -> Sequence[object]:
            listing = (await self._calls.listing(part)).events
            rows.extend(listing)
            return listing

        if checked:
            listed = await self._lists.read(call, ask, id_of, limit, regular=False)
            if listed.faults:
                raise listed.faults[0]
            into.whole = into.whole and not listed.cut
        else:
            async with limit.within(limit.list_deadline(), call.call):
                await ask(call)
            into.whole = into.whole and len(rows) < SMALL
        items = [row for row in rows if isinstance(row, Block) and text(row.id)]
        # A row without an id may be the one that is looked for.
        into.whole = into.whole and len(items) == len(rows)
        into.items += items
        shows = any(self._lies_in(call.span, item) for item in items)
        into.shows = into.shows or shows
        into.each_shows = into.each_shows and shows
        into.empty = into.empty or not rows

    def _lies_in(self, window: Window, item: Block) -> bool:
        """Whether a row proves that its list works: it can be read, and was asked for.

        An answer of rows that cannot be read, or are of another time, is not about this calendar.
        The hours by which an unknown zone puts it elsewhere do not matter in a window of weeks.
        """
        reader = Parser(self._system, self._clock, self._knowledge.zone or "UTC")
        try:
            return window.overlaps(reader.value(item))
        except ValueError:
            return False

    async def by_id(self, id: str) -> tuple[Block | None, bool]:
        """Ask for a block by its id; also whether the platform says that there is none."""
        try:
            item = await self._calls.appointment(id)
        except RejectedError as fault:
            return None, fault.why is RejectionReason.GONE
        except IncompleteReadError:
            return None, False
        return (_block_of(item) if text(item.id) == id else None), False


def _block_of(item: Whole) -> Block | None:
    """Read an answer as a block; None if it is about a meeting."""
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
    """The id of a row as it came, '' if it has none."""
    return text(row.id) if isinstance(row, Block) else ""
