"""One read of LeadSquared: pages put together, and what they prove.

See docs/platforms/leadsquared.md#listing-appointments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from syncd.model import Coverage, Kind, Topic, Unproven, Window
from syncd.model.platform_facts import NO, YES
from syncd.systems.fault_boundary import bare
from syncd.systems.leadsquared.calls import PAGE
from syncd.systems.leadsquared.events import LENGTH, has_end, unchanged
from syncd.systems.leadsquared.plan import covered_window
from syncd.systems.leadsquared.wire import Task
from syncd.systems.lenient import number, text
from syncd.systems.port import (
    NO_LOOK_BACK,
    Capabilities,
    PlatformError,
    Row,
    Snapshot,
    UnreadableError,
)
from syncd.systems.reported_lists import nameless, shortened
from syncd.systems.time_slices import in_turns
from syncd.systems.windows import join_windows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from syncd.systems.capped_lists import CappedLists, ReadLimit
    from syncd.systems.leadsquared.calls import Api
    from syncd.systems.leadsquared.events import Parser
    from syncd.systems.leadsquared.users import AddressBook
    from syncd.systems.measured import MeasuredFacts
    from syncd.systems.port import ListCall

MAX_PAGES = 100
"""No list is read further: that many rows in 99 days are a mistake."""

EARLIER = timedelta(days=1)
"""How long before the window an event may have ended and still be kept."""


_MINUTES = LENGTH // timedelta(minutes=1)


@dataclass(slots=True)
class GatheredRows:
    """What arrived of one or more calls."""

    rows: dict[str, Row] = field(default_factory=dict)
    same: set[str] = field(default_factory=set)
    whole: list[Window] = field(default_factory=list)
    faults: list[PlatformError] = field(default_factory=list)
    malformed: list[UnreadableError] = field(default_factory=list)
    unproven: list[Unproven] = field(default_factory=list)
    reported: dict[str, UnreadableError] = field(default_factory=dict)
    """Rows that count although a part of them is not known, by id."""
    pages: int = 0
    without_end: dict[str, str] = field(default_factory=dict)
    """The providers of kept rows that have no end, by id."""
    by_id: dict[str, str] = field(default_factory=dict)
    """The providers of kept rows that name their owner by id only, by id."""


@dataclass(slots=True)
class Shown:
    """What rows of the account were seen to have, since this process began to read."""

    owner: bool = False
    end: bool = False


class SnapshotReader:
    """One read in progress: these list calls, page by page."""

    def __init__(
        self,
        calls: Api,
        reader: Parser,
        planned: Sequence[ListCall],
        known: Mapping[str, str],
        book: AddressBook,
        shown: Shown,
        *,
        lists: CappedLists,
        limit: ReadLimit,
        measured: MeasuredFacts,
    ) -> None:
        """Start with nothing."""
        self._measured = measured
        self._book = book
        self._shown = shown
        self._lists = lists
        self._limit = limit
        self._known = known
        self._spelt: dict[str, str] = {}
        self._users: dict[str, str] = {}
        self._calls = calls
        self._reader = reader
        self._planned = planned
        self._asked = frozenset[str]().union(*(call.providers for call in planned))
        self._got = GatheredRows()

    async def snapshot(
        self,
        window: Window,
        read_at: datetime,
        able: Capabilities,
        look_back: timedelta = NO_LOOK_BACK,
    ) -> Snapshot:
        """Read the window. Raises the first fault when no page at all arrived."""
        for call in self._planned:
            await self._pages(call, Window(window.start - EARLIER, window.end))
        got = self._got
        if got.faults and not got.pages:
            raise got.faults[0]
        if got.without_end:
            self._measured.contradict("rows_carry_end", YES)
        if got.by_id:
            self._measured.contradict("rows_carry_owner", YES)
        kinds, asked = frozenset(Kind), window.from_earlier(look_back)
        coverage = [
            Coverage(self._reader.system, provider, kinds, _within(span, asked), read_at)
            for span in join_windows(got.whole)
            for provider in sorted(self._asked)
        ]
        return Snapshot(
            self._reader.system,
            tuple(got.rows.values()),
            coverage,
            got.faults,
            [*got.malformed, *got.reported.values(), *self._assumptions(able)],
            same=got.same,
            users=self._users,
            unproven=got.unproven,
        )

    async def _pages(self, call: ListCall, kept: Window) -> None:
        """Read all pages of one call, and note its time as whole if they prove to be."""
        seen: set[str] = set()
        until = self._limit.of_list()
        unnamed, why = 0, ""
        for page in count(1):
            try:
                async with self._limit.within(until, call.call):
                    listing = await self._calls.appointments(call, page)
            except PlatformError as fault:
                self._got.faults.append(bare(fault))
                return
            self._got.pages += 1
            await self._book.look_up(_named_by_id(listing.rows))
            before = len(seen)
            ids = set[str]()
            async for batch in in_turns(listing.rows):
                these, without_id = self._take(batch, kept)
                ids |= these
                unnamed += without_id
            seen |= ids
            counted, arrived = number(listing.record_count), len(seen) + unnamed
            missing = counted is not None and counted > arrived
            if not (missing or self._may_go_on(call, listing.rows, ids)):
                break
            if len(seen) == before or page >= MAX_PAGES:
                if missing or listing.rows:
                    why = f"{arrived} of {'?' if counted is None else counted} rows arrived"
                break
        self._judge(call, kept, unnamed, why)

    def _judge(self, call: ListCall, kept: Window, unnamed: int, why: str) -> None:
        """Note what the pages of one call prove; ``why`` says that rows of it are missing."""
        got, system, span = self._got, self._reader.system, covered_window(call.span)
        if unnamed:
            got.malformed.append(nameless(system, call, unnamed))
        if why:
            got.malformed.append(shortened(system, call, why))
        if not unnamed and not why:
            got.whole.append(span)
            return
        window = _within(span, kept)
        kinds, lacking = frozenset(Kind), bool(why)
        got.unproven += [Unproven(p, kinds, window, lacking) for p in sorted(call.providers)]

    def _may_go_on(self, call: ListCall, rows: Sequence[object], ids: Collection[str]) -> bool:
        """Whether another page may follow, whatever the platform's count says.

        It may end a page where it likes, and count the rows of that page only.
        """
        known = self._lists.longer(call.call, len(ids))
        return len(rows) >= PAGE or known.is_suspicious(len(rows)) or known.is_suspicious(len(ids))

    def _take(self, items: Sequence[Any], kept: Window) -> tuple[set[str], int]:
        """Keep a page's rows. Return the ids in it, mapped or not, and how many rows have none."""
        ids: set[str] = set()
        unnamed = 0
        got = self._got
        for item in items:
            if self._known and unchanged(
                item, self._spelt, self._known, self._reader.statuses.plain_busy
            ):
                self._shown.end = True
                # The last copy counts: what a page before held of it is forgotten.
                got.rows.pop(item.user_task_id, None)
                got.reported.pop(item.user_task_id, None)
                got.same.add(item.user_task_id)
                ids.add(item.user_task_id)
                continue
            known = text(item.user_task_id) if isinstance(item, Task) else ""
            if not isinstance(item, Task) or not known:
                unnamed += 1
                continue
            ids.add(known)
            self._keep(item, known, kept)
        return ids, unnamed

    def _keep(self, task: Task, known: str, kept: Window) -> None:
        reader = self._reader
        if _outside(reader, task, kept):
            # First of all: an odd owner of what is over is no fault of the list.
            return
        try:
            provider = reader.owner(task, self._asked)
        except ValueError as error:
            broken = UnreadableError(reader.system, known, str(error), providers=self._asked)
            self._got.malformed.append(broken)
            return
        named = task.owner_email_address or task.owner_id
        if provider is not None and isinstance(named, str):
            self._spelt[named] = provider
            if user := text(task.owner_id):
                self._users[provider] = user
        self._shown.end |= has_end(task)
        self._shown.owner |= bool(task.owner_email_address)
        if provider is None or reader.is_free_block(task):
            return
        if reader.ends_when_completed(task):
            self._measured.contradict("completing_changes_end", NO)
        fingerprint = reader.fingerprint(task, provider)
        self._got.rows[known] = Row(known, provider, fingerprint, task)
        self._got.reported.pop(known, None)
        if (odd := reader.odd_status(task, provider)) is not None:
            self._got.reported[known] = odd
        if not has_end(task):
            self._got.without_end[known] = provider
        if not task.owner_email_address:
            self._got.by_id[known] = provider

    def _assumptions(self, able: Capabilities) -> Iterator[UnreadableError]:
        """Report what was assumed of rows: of each one, or once if no row of the account has it."""
        got, shown = self._got, self._shown
        assumed = f"it has no end; unless more is known of it, it counts as {_MINUTES} minutes long"
        each = able.rows_carry_end or shown.end
        yield from self._assumed(got.without_end, assumed, f"no task has an end: {assumed}", each)
        if able.rows_carry_owner:
            assumed = "it names its owner by id only"
            yield from self._assumed(got.by_id, assumed, assumed, each=True)

    def _assumed(
        self, rows: Mapping[str, str], of_one: str, of_all: str, each: bool
    ) -> Iterator[UnreadableError]:
        system = self._reader.system
        if not each and rows:
            yield UnreadableError(system, "", of_all, Topic.ACCOUNT)
            return
        for known, provider in rows.items():
            yield UnreadableError(system, known, of_one, Topic.ASSUMED, provider)


def _within(span: Window, window: Window) -> Window:
    """What of a span lies in the time that was to be read: the rest was asked for as a margin."""
    return Window(max(span.start, window.start), min(span.end, window.end))


def _named_by_id(rows: Sequence[object]) -> set[str]:
    """The ids of owners whom rows name by id only."""
    return {
        user
        for row in rows
        if isinstance(row, Task)
        and not text(row.owner_email_address)
        and (user := text(row.owner_id))
    }


def _outside(reader: Parser, task: Task, kept: Window) -> bool:
    """Whether a row surely lies outside; one with an unreadable time is kept, to be reported.

    So is one whose end is not told, as what is known of it may reach into the window.
    """
    if not reader.tells_end(task):
        kept = Window(datetime.min.replace(tzinfo=UTC), kept.end)
    try:
        return not kept.overlaps(reader.value(task))
    except ValueError:
        return False
