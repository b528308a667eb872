"""One read of LeadSquared: list all pages, and determine what they prove.

See docs/platforms/leadsquared.md#listing-appointments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from syncd.model import Coverage, Kind, Topic, Unproven, Value, Window
from syncd.model.intervals import join_windows
from syncd.model.platform_facts import NO, YES
from syncd.systems.errors import PlatformError, UnreadableError
from syncd.systems.fault_boundary import strip_traceback
from syncd.systems.leadsquared.calls import PAGE
from syncd.systems.leadsquared.events import ASSUMED_LENGTH, has_end, is_unchanged
from syncd.systems.leadsquared.plan import covered_window
from syncd.systems.leadsquared.wire import Task
from syncd.systems.lenient import number, text
from syncd.systems.port import NO_LOOK_BACK, Capabilities, Row, Snapshot
from syncd.systems.reported_lists import rows_missing, rows_without_id
from syncd.systems.time_slices import in_slices

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from syncd.systems.capped_lists import CappedLists, ReadLimit
    from syncd.systems.leadsquared.calls import Api
    from syncd.systems.leadsquared.events import Parser
    from syncd.systems.leadsquared.users import AddressBook
    from syncd.systems.measured import MeasuredFacts
    from syncd.systems.port import ListCall

MAX_TASK_PAGES = 100
"""Pages of one list that are read at most."""

KEEP_BEFORE = timedelta(days=1)
"""Rows that ended before the window are kept if they ended this shortly before it."""

_ASSUMED_MINUTES = ASSUMED_LENGTH // timedelta(minutes=1)


@dataclass(slots=True)
class GatheredRows:
    """What the list calls of one read returned so far."""

    rows: dict[str, Row] = field(default_factory=dict)
    same: set[str] = field(default_factory=set)
    whole: list[Window] = field(default_factory=list)
    faults: list[PlatformError] = field(default_factory=list)
    malformed: list[UnreadableError] = field(default_factory=list)
    unproven: list[Unproven] = field(default_factory=list)
    reported: dict[str, UnreadableError] = field(default_factory=dict)
    """Reports about rows that count although a part of them is unknown, by id."""
    pages: int = 0
    without_end: dict[str, str] = field(default_factory=dict)
    """The providers of rows without an end, by id."""
    by_id: dict[str, str] = field(default_factory=dict)
    """The providers of rows whose owner is given by id only, by id."""


@dataclass(slots=True)
class SeenFields:
    """Which optional fields any row of the account had since the process started.

    ``owner`` is the owner's e-mail address, ``end`` the end of a task.
    """

    owner: bool = False
    end: bool = False


class SnapshotReader:
    """Makes the list calls of one read, page by page."""

    def __init__(
        self,
        calls: Api,
        parser: Parser,
        planned: Sequence[ListCall],
        known: Mapping[str, str],
        book: AddressBook,
        seen: SeenFields,
        *,
        lists: CappedLists,
        limit: ReadLimit,
        measured: MeasuredFacts,
    ) -> None:
        """Keep the parts. ``known`` maps ids to fingerprints; all reads share ``seen``."""
        self._measured = measured
        self._book = book
        self._seen = seen
        self._lists = lists
        self._limit = limit
        self._known = known
        self._providers: dict[str, str] = {}
        """Providers by the owner address or id in rows, as sent."""
        self._users: dict[str, str] = {}
        self._calls = calls
        self._parser = parser
        self._planned = planned
        self._requested = frozenset[str]().union(*(call.providers for call in planned))
        self._got = GatheredRows()

    async def snapshot(
        self,
        window: Window,
        read_at: datetime,
        capabilities: Capabilities,
        look_back: timedelta = NO_LOOK_BACK,
    ) -> Snapshot:
        """Make the planned calls for a window. Raises the first fault if no page was read."""
        for call in self._planned:
            await self._pages(call, Window(window.start - KEEP_BEFORE, window.end))
        got = self._got
        if got.faults and not got.pages:
            raise got.faults[0]
        if got.without_end:
            self._measured.contradict("rows_carry_end", YES)
        if got.by_id:
            self._measured.contradict("rows_carry_owner", YES)
        kinds, requested = frozenset(Kind), window.from_earlier(look_back)
        coverage = [
            Coverage(self._parser.system, provider, kinds, _within(span, requested), read_at)
            for span in join_windows(got.whole)
            for provider in sorted(self._requested)
        ]
        return Snapshot(
            self._parser.system,
            tuple(got.rows.values()),
            coverage,
            got.faults,
            [*got.malformed, *got.reported.values(), *self._assumptions(capabilities)],
            same=got.same,
            users=self._users,
            unproven=got.unproven,
        )

    async def _pages(self, call: ListCall, kept: Window) -> None:
        """Read all pages of one call, and record its span as complete if the pages prove that."""
        seen: set[str] = set()
        deadline = self._limit.list_deadline()
        unnamed, why = 0, ""
        for page in count(1):
            try:
                async with self._limit.within(deadline, call.call):
                    listing = await self._calls.appointments(call, page)
            except PlatformError as fault:
                self._got.faults.append(strip_traceback(fault))
                return
            self._got.pages += 1
            await self._book.look_up(_owners_by_id(listing.rows))
            before = len(seen)
            ids = set[str]()
            async for batch in in_slices(listing.rows):
                batch_ids, without_id = self._take(batch, kept)
                ids |= batch_ids
                unnamed += without_id
            seen |= ids
            counted, arrived = number(listing.record_count), len(seen) + unnamed
            missing = counted is not None and counted > arrived
            if not (missing or self._may_continue(call, listing.rows, ids)):
                break
            if len(seen) == before or page >= MAX_TASK_PAGES:
                if missing or listing.rows:
                    why = f"only {arrived} of {counted or 'more'} rows arrived"
                break
        self._judge(call, kept, unnamed, why)

    def _judge(self, call: ListCall, kept: Window, unnamed: int, why: str) -> None:
        """Record what the pages of one call prove.

        ``unnamed`` is the number of rows without an id; ``why`` says which rows are missing, '' for
        none.
        """
        got, system, span = self._got, self._parser.system, covered_window(call.span)
        if unnamed:
            got.malformed.append(rows_without_id(system, call, unnamed))
        if why:
            got.malformed.append(rows_missing(system, call, why))
        if not unnamed and not why:
            got.whole.append(span)
            return
        window = _within(span, kept)
        kinds, lacking = frozenset(Kind), bool(why)
        got.unproven += [Unproven(p, kinds, window, lacking) for p in sorted(call.providers)]

    def _may_continue(self, call: ListCall, rows: Sequence[object], ids: Collection[str]) -> bool:
        """Return whether another page may follow, whatever the platform's count says.

        A platform may end a page after any number of rows, and count only the rows of that page.
        """
        known = self._lists.record_length(call.call, len(ids))
        return len(rows) >= PAGE or known.is_suspicious(len(rows)) or known.is_suspicious(len(ids))

    def _take(self, items: Sequence[Any], kept: Window) -> tuple[set[str], int]:
        """Keep a batch of rows. Return all ids in it, and the number of rows without an id."""
        ids: set[str] = set()
        unnamed = 0
        got = self._got
        for item in items:
            if self._known and is_unchanged(
                item, self._providers, self._known, self._parser.statuses.plain_busy
            ):
                self._seen.end = True
                # The last copy of a row counts, so drop that of an earlier page.
                got.rows.pop(item.user_task_id, None)
                got.reported.pop(item.user_task_id, None)
                got.same.add(item.user_task_id)
                ids.add(item.user_task_id)
                continue
            task_id = text(item.user_task_id) if isinstance(item, Task) else ""
            if not isinstance(item, Task) or not task_id:
                unnamed += 1
                continue
            ids.add(task_id)
            self._keep(item, task_id, kept)
        return ids, unnamed

    def _keep(self, task: Task, task_id: str, kept: Window) -> None:
        parser = self._parser
        value = _readable_value(parser, task)
        if value is not None and _is_outside(parser, task, value, kept):
            # Checked first: an invalid owner of a past task is no reason for a report.
            return
        try:
            provider = parser.owner(task, self._requested)
        except ValueError as error:
            report = UnreadableError(parser.system, task_id, str(error), providers=self._requested)
            self._got.malformed.append(report)
            return
        owner = task.owner_email_address or task.owner_id
        if provider is not None and isinstance(owner, str):
            self._providers[owner] = provider
            if user := text(task.owner_id):
                self._users[provider] = user
        self._seen.end |= has_end(task)
        self._seen.owner |= bool(task.owner_email_address)
        if provider is None or parser.is_free_block(task):
            return
        if parser.ends_when_completed(task):
            self._measured.contradict("completing_changes_end", NO)
        fingerprint = parser.fingerprint(task, provider)
        self._got.rows[task_id] = Row(task_id, provider, fingerprint, task)
        self._got.reported.pop(task_id, None)
        if (unknown := parser.odd_status(task, provider)) is not None:
            self._got.reported[task_id] = unknown
        if value is not None:
            # An unreadable row assumes nothing, and contradicts no measured fact.
            self._note_missing_fields(task, task_id, provider)

    def _note_missing_fields(self, task: Task, task_id: str, provider: str) -> None:
        if not has_end(task):
            self._got.without_end[task_id] = provider
        if not task.owner_email_address:
            self._got.by_id[task_id] = provider

    def _assumptions(self, capabilities: Capabilities) -> Iterator[UnreadableError]:
        """Report missing ends and owners: per row, or once if no row of the account has them."""
        got, seen = self._got, self._seen
        assumed = f"unless its end is known, syncd assumes {_ASSUMED_MINUTES} minutes"
        each = capabilities.rows_carry_end or seen.end
        yield from self._assumed(
            got.without_end,
            f"the task has no end: {assumed}",
            f"no task of the account has an end: for each, {assumed}",
            each,
        )
        if capabilities.rows_carry_owner:
            assumed = "the task names its owner only by id"
            yield from self._assumed(got.by_id, assumed, assumed, each=True)

    def _assumed(
        self, rows: Mapping[str, str], about_row: str, about_all: str, each: bool
    ) -> Iterator[UnreadableError]:
        system = self._parser.system
        if not each and rows:
            yield UnreadableError(system, "", about_all, Topic.ACCOUNT)
            return
        for task_id, provider in rows.items():
            yield UnreadableError(system, task_id, about_row, Topic.ASSUMED, provider)


def _within(span: Window, window: Window) -> Window:
    """Return the part of a span inside the window; the call requested the span with margins."""
    return Window(max(span.start, window.start), min(span.end, window.end))


def _owners_by_id(rows: Sequence[object]) -> set[str]:
    """Return the ids of users from rows that name their user only by id."""
    return {
        user
        for row in rows
        if isinstance(row, Task)
        and not text(row.owner_email_address)
        and (user := text(row.owner_id))
    }


def _readable_value(parser: Parser, task: Task) -> Value | None:
    """Return a task's interval and status, or None if its time is unreadable."""
    try:
        return parser.value(task)
    except ValueError:
        return None


def _is_outside(parser: Parser, task: Task, value: Value, kept: Window) -> bool:
    """Return whether a task surely lies outside of the window ``kept``.

    A task without an own end is kept if it starts before the end of the window, because its stored
    end may lie inside.
    """
    if not parser.has_own_end(task):
        kept = Window(datetime.min.replace(tzinfo=UTC), kept.end)
    return not kept.overlaps(value)
