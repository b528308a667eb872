"""Read unpaged lists that a platform may cut silently at a cap. Used by all adapters.

`list_caps` decides what a length means and how a span is split; this module makes the calls.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from syncd.model import Unproven, Window
from syncd.systems.fault_boundary import strip_traceback
from syncd.systems.list_caps import (
    MAX_EXTRA,
    SHORTEST,
    SMALL,
    SUSPICIOUS,
    KnownCap,
    Part,
    halves,
    planned,
)
from syncd.systems.port import PlatformError, RetryableError, UnreadableError
from syncd.systems.reported_lists import rows_missing, rows_without_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

    from syncd.model import Clock
    from syncd.systems.facts import FactStore
    from syncd.systems.port import ListCall

T = TypeVar("T")

LIST_SECONDS = 60.0
"""Seconds that one list may take, with all its parts or pages."""

READ_SECONDS = 300.0
"""Seconds that one read of a system may take."""

_LIFETIME = timedelta(days=30)
_DOUBT_EVERY = 300.0
_MAX_LISTS, _MAX_SPANS = 2000, 8
_SHORT_LIST = min(SUSPICIOUS) - 1
"""A list with at most so many rows tells nothing about caps."""

_Key = tuple[str, str, tuple[str, ...]]


class ReadLimit:
    """The deadlines of one read and of each of its lists."""

    def __init__(self, system: str, clock: Clock) -> None:
        """Start the time of the read."""
        self._system = system
        self._clock = clock
        self._until = clock.monotonic() + READ_SECONDS

    def list_deadline(self) -> float:
        """Return the deadline (monotonic seconds) of a list that begins now."""
        return min(self._until, self._clock.monotonic() + LIST_SECONDS)

    @asynccontextmanager
    async def within(self, until: float, call: str) -> AsyncIterator[None]:
        """Bound a request of a list by its deadline. Raises RetryableError after it."""
        try:
            async with asyncio.timeout(max(0.0, until - self._clock.monotonic())):
                yield
        except TimeoutError:
            detail = f"the list took longer than {LIST_SECONDS:.0f} s"
            raise RetryableError(self._system, call, detail=detail) from None


@dataclass(slots=True)
class ListResult:
    """The result of reading one list: its parts in order, and the faults of those that failed.

    ``failed`` are the spans of the failed parts, ``cut`` the spans in which rows may be missing.
    ``unnamed`` counts rows without a usable id. ``extra`` is how many more checking calls may be
    made.
    """

    call: ListCall
    parts: list[Part] = field(default_factory=list)
    faults: list[PlatformError] = field(default_factory=list)
    failed: list[Window] = field(default_factory=list)
    cut: list[Window] = field(default_factory=list)
    unnamed: int = 0
    extra: int = MAX_EXTRA

    @property
    def answered(self) -> bool:
        """Whether at least one part arrived."""
        return len(self.failed) < len(self.parts)

    def holes(self, window: Window) -> list[Window]:
        """Return the parts of the window in which an event may have been missed.

        The call asks for more than the window on each side, because an event may reach over the
        edge of the listed time. A hole is widened by the same margins, at most by a day each.
        """
        day = timedelta(days=1)
        before = min(max(window.start - self.call.span.start, timedelta()), day)
        after = min(max(self.call.span.end - window.end, timedelta()), day)
        return [
            replace(hole, start=hole.start - after, end=hole.end + before)
            for hole in (*self.failed, *self.cut, *([self.call.span] if self.unnamed else ()))
        ]

    def unproven(self, window: Window) -> list[Unproven]:
        """Return the window for each provider if the list was answered, but may lack rows."""
        if self.failed or not (self.cut or self.unnamed):
            return []
        lacking = bool(self.cut)
        providers = sorted(self.call.providers)
        return [Unproven(p, self.call.kinds, window, lacking) for p in providers]

    def items(self, system: str) -> list[UnreadableError]:
        """Return the reports about this list: rows without an id, and missing rows."""
        reports = [rows_without_id(system, self.call, self.unnamed)] if self.unnamed else []
        if self.cut:
            selection = f"by {self.call.selector} {', '.join(self.call.ids)}"
            why = f"{selection}, it does not show all rows, however short the requested time is"
            reports.append(rows_missing(system, self.call, why))
        return reports


class CappedLists:
    """The unpaged lists of one system, with their known caps.

    ``facts`` keep the caps, and the lengths that proved to be none, for 30 days. The number of rows
    in each part of a list is kept in memory.
    """

    def __init__(
        self, system: str, clock: Clock, facts: FactStore, lengths: frozenset[int] = SUSPICIOUS
    ) -> None:
        """Keep the parts; ``lengths`` are the suspicious lengths."""
        self._lengths = lengths
        self._system = system
        self._clock = clock
        self._facts = facts
        self._parts: dict[_Key, dict[int, list[Part]]] = {}
        self._asked: dict[tuple[str, str], int] = {}
        self._doubted: dict[tuple[str, str], dict[int, datetime]] = {}
        self._doubted_at: dict[tuple[str, str, int], float] = {}

    def known(self, call: str) -> KnownCap:
        """Return the known cap of a kind of list."""
        cap, clear = (self._facts.get(f"{fact} {call}", _LIFETIME) for fact in ("cap", "no cap"))
        return KnownCap(int(cap) if cap else None, int(clear) if clear else 0, self._lengths)

    def plan(self, calls: Iterable[ListCall]) -> tuple[ListCall, ...]:
        """Split the calls of lists that are longer than their cap."""
        return tuple(
            replace(call, span=span)
            for call in calls
            for span in planned(call.span, self._last_parts(call), self.known(call.call))
        )

    def doubt(self, call: str, provider: str, at: datetime) -> None:
        """Have the provider's lists of this kind checked for a cap, whatever their length.

        Call this if they lack an event at ``at`` that the platform shows by its id. The next read
        of that time checks; at most every five minutes. A shorter span than that of the last read
        may be listed whole although the longer one is cut, so a read of it does not count.
        """
        now, hours = self._clock.monotonic(), self._asked.get((call, provider), 0)
        if now - self._doubted_at.get((call, provider, hours), -_DOUBT_EVERY) >= _DOUBT_EVERY:
            self._doubted_at[call, provider, hours] = now
            self._doubted.setdefault((call, provider), {})[hours] = at

    async def read(
        self,
        call: ListCall,
        ask: Callable[[ListCall], Awaitable[Sequence[T]]],
        identify: Callable[[T], str],
        limit: ReadLimit,
        *,
        regular: bool = True,
    ) -> ListResult:
        """Read a list in as many calls as needed.

        ``ask`` makes one call and keeps its rows; ``identify`` returns a row's id, '' for none.
        ``regular``: every cycle reads this list, so `doubt` applies to it.
        """
        listed = ListResult(call)
        reader = _Reader(self, listed, ask, identify, limit, limit.list_deadline())
        doubted = self._take_doubts(call) if regular else []
        pieces = self.plan([call])
        answers = await asyncio.gather(*(reader.one(piece) for piece in pieces))
        for piece, rows in zip(pieces, answers, strict=True):
            await reader.check(piece, rows, [at for at in doubted if at in piece.span])
        self._remember(call, listed)
        return listed

    def _take_doubts(self, call: ListCall) -> list[datetime]:
        """Remove and return the doubted times that this list can check, of the longest list first.

        Also records the span of this list as the last one read for its providers.
        """
        doubts: list[tuple[int, datetime]] = []
        for provider in sorted(call.providers):
            self._asked[call.call, provider] = _hours(call)
            by_length = self._doubted.get((call.call, provider), {})
            due = [h for h, at in by_length.items() if h <= _hours(call) and at in call.span]
            doubts += [(hours, by_length.pop(hours)) for hours in due]
        return [at for _, at in sorted(doubts, reverse=True)]

    def record_length(self, call: str, rows: int) -> KnownCap:
        """Record that an answer had so many different rows; return the cap known now."""
        before = self.known(call)
        known = before.after(rows)
        if known.cap != before.cap:
            self._facts.put(f"cap {call}", "")
        if known.clear and rows > known.clear:
            self._facts.put(f"no cap {call}", str(known.clear))
        return known

    def record_cap(self, call: str, rows: int) -> None:
        """Record that a list ended after so many rows although there are more."""
        self._facts.put(f"cap {call}", str(rows))

    def _last_parts(self, call: ListCall) -> Sequence[Part]:
        """Return the parts of the last read with an equally long span, or with the longest."""
        key = (call.call, call.selector, call.ids)
        by_length = self._parts.get(key, dict[int, list[Part]]())
        hours = _hours(call)
        return by_length.get(hours, by_length.get(max(by_length, default=0), []))

    def _remember(self, call: ListCall, listed: ListResult) -> None:
        key, known = (call.call, call.selector, call.ids), self.known(call.call)
        if listed.failed:
            return
        by_length = self._parts.pop(key, {})
        by_length.pop(_hours(call), None)
        rows = round(sum(part.rows for part in listed.parts))
        if known.cap is not None or known.is_suspicious(rows):
            if len(by_length) >= _MAX_SPANS:
                del by_length[next(iter(by_length))]
            by_length[_hours(call)] = sorted(listed.parts, key=lambda part: part.span.start)
        if by_length:
            if len(self._parts) >= _MAX_LISTS:
                del self._parts[next(iter(self._parts))]
            self._parts[key] = by_length


class _Reader(Generic[T]):
    """Reads one list until its deadline ``until`` (monotonic seconds)."""

    def __init__(
        self,
        lists: CappedLists,
        listed: ListResult,
        ask: Callable[[ListCall], Awaitable[Sequence[T]]],
        identify: Callable[[T], str],
        limit: ReadLimit,
        until: float,
    ) -> None:
        self._lists = lists
        self._listed = listed
        self._ask = ask
        self._identify = identify
        self._limit = limit
        self._until = until

    async def one(self, call: ListCall) -> Sequence[T] | None:
        """Make one call; record its fault and return None if it fails."""
        try:
            async with self._limit.within(self._until, call.call):
                return await self._ask(call)
        except PlatformError as fault:
            self._listed.faults.append(strip_traceback(fault))
            return None

    async def check(
        self, call: ListCall, rows: Sequence[T] | None, doubted: Sequence[datetime] = ()
    ) -> None:
        """Record a part, and read it again in halves if it may have been cut.

        ``doubted`` are times at which it may lack an event.
        """
        listed, lists = self._listed, self._lists
        if rows is None:
            listed.parts.append(Part(call.span, 0, whole=False))
            listed.failed.append(call.span)
            return
        known, shown = lists.known(call.call), set[str]()
        if doubted or known.is_suspicious(len(rows)) or len(rows) > max(known.clear, _SHORT_LIST):
            shown = self._ids(rows)
            known = lists.record_length(call.call, len(shown))
        if doubted and await self._lacks(call, shown, doubted[0]):
            await self._confirm_cap(call, len(shown))
            known = lists.known(call.call)
        length = next((n for n in (len(rows), len(shown)) if known.is_suspicious(n)), None)
        if length is None:
            listed.parts.append(Part(call.span, len(rows)))
            return
        spans = halves(call.span)
        if spans is None or listed.extra < len(spans):
            self._record_cut(call, rows)
            return
        listed.extra -= len(spans)
        calls = [replace(call, span=span) for span in spans]
        answers = await asyncio.gather(*(self.one(half) for half in calls))
        both = set[str]().union(*(self._ids(answer or ()) for answer in answers))
        if None not in answers and shown - both:
            self._record_cut(call, rows)  # the platform contradicts itself
            return
        if both - shown:
            await self._confirm_cap(call, length)
        for half, answer in zip(calls, answers, strict=True):
            await self.check(half, answer)

    async def _lacks(self, call: ListCall, shown: set[str], at: datetime) -> bool:
        """Return whether a list of only the time around ``at`` shows rows that this one lacks."""
        around = Window(max(call.span.start, at - SHORTEST), min(call.span.end, at + SHORTEST))
        self._listed.extra -= 1
        return not self._ids(await self.one(replace(call, span=around)) or ()) <= shown

    async def _confirm_cap(self, call: ListCall, length: int) -> None:
        """Record a cap after shorter lists showed more rows, unless the list itself grew."""
        if length < SMALL:
            return
        if self._lists.known(call.call).cap != length:
            self._listed.extra -= 1
            again = self._ids(await self.one(call) or ())
            if len(again) > length:
                self._lists.record_length(call.call, len(again))
                return
        self._lists.record_cap(call.call, length)

    def _record_cut(self, call: ListCall, rows: Sequence[T]) -> None:
        self._listed.parts.append(Part(call.span, len(rows), whole=False))
        self._listed.cut.append(call.span)

    def _ids(self, rows: Sequence[T]) -> set[str]:
        return {self._identify(row) for row in rows} - {""}


def _hours(call: ListCall) -> int:
    """Return the length of a list's span: near and far windows are remembered separately."""
    return round((call.span.end - call.span.start) / timedelta(hours=1))
