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
from syncd.systems.errors import PlatformError, RetryableError, UnreadableError
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
    """The deadlines of one read: `READ_SECONDS` for all lists, `LIST_SECONDS` for each list."""

    def __init__(self, system: str, clock: Clock) -> None:
        """Start counting the time of the read now."""
        self._system = system
        self._clock = clock
        self._until = clock.monotonic() + READ_SECONDS

    def list_deadline(self) -> float:
        """Return the deadline (monotonic seconds) of a list that begins now."""
        return min(self._until, self._clock.monotonic() + LIST_SECONDS)

    @asynccontextmanager
    async def within(self, until: float, call: str) -> AsyncIterator[None]:
        """Bound one request of a list that must end by ``until`` (monotonic seconds).

        Raises RetryableError after that time; ``call`` is named in the error.
        """
        try:
            async with asyncio.timeout(max(0.0, until - self._clock.monotonic())):
                yield
        except TimeoutError:
            detail = f"reading the list took longer than {LIST_SECONDS:.0f} s"
            raise RetryableError(self._system, call, detail=detail) from None


@dataclass(slots=True)
class ListResult:
    """The result of reading one list: its parts in order, and the faults of parts that failed.

    ``failed`` are the spans of the failed parts, ``cut`` the spans in which rows may be missing.
    ``unnamed`` counts rows without a usable id. ``extra`` is how many calls may still be made to
    check whether the list was cut.
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
        """Whether at least one part was read."""
        return len(self.failed) < len(self.parts)

    def holes(self, window: Window) -> list[Window]:
        """Return the spans of the window in which the list may have missed an event.

        The list was requested with margins around the window, because an event may begin outside of
        the window and reach into it. Each hole is widened by these margins, at most by a day each.
        """
        day = timedelta(days=1)
        before = min(max(window.start - self.call.span.start, timedelta()), day)
        after = min(max(self.call.span.end - window.end, timedelta()), day)
        return [
            replace(hole, start=hole.start - after, end=hole.end + before)
            for hole in (*self.failed, *self.cut, *([self.call.span] if self.unnamed else ()))
        ]

    def unproven(self, window: Window) -> list[Unproven]:
        """Return the window for each provider if no part failed, but rows may be missing."""
        if self.failed or not (self.cut or self.unnamed):
            return []
        lacking = bool(self.cut)
        providers = sorted(self.call.providers)
        return [Unproven(p, self.call.kinds, window, lacking) for p in providers]

    def items(self, system: str) -> list[UnreadableError]:
        """Return the reports about this list: rows without an id, and missing rows."""
        reports = [rows_without_id(system, self.call, self.unnamed)] if self.unnamed else []
        if self.cut:
            selection = f"{self.call.selector} {', '.join(self.call.ids)}"
            why = f"for {selection}, the list omits rows even over the shortest time span"
            reports.append(rows_missing(system, self.call, why))
        return reports


class CappedLists:
    """The unpaged lists of one system, and the caps that were found for each kind of list.

    ``facts`` keeps the caps, and the suspicious lengths that proved to be no cap, for 30 days. The
    number of rows in each part of a list is kept in memory, to plan the next read.
    """

    def __init__(
        self, system: str, clock: Clock, facts: FactStore, lengths: frozenset[int] = SUSPICIOUS
    ) -> None:
        """Keep the parts; ``lengths`` are the numbers of rows that suggest a cap."""
        self._lengths = lengths
        self._system = system
        self._clock = clock
        self._facts = facts
        self._parts: dict[_Key, dict[int, list[Part]]] = {}
        self._asked: dict[tuple[str, str], int] = {}
        self._doubted: dict[tuple[str, str], dict[int, datetime]] = {}
        self._doubted_at: dict[tuple[str, str, int], float] = {}

    def known(self, call: str) -> KnownCap:
        """Return the known cap of a kind of list; ``call`` is its method and path."""
        cap, clear = (self._facts.get(f"{fact} {call}", _LIFETIME) for fact in ("cap", "no cap"))
        return KnownCap(int(cap) if cap else None, int(clear) if clear else 0, self._lengths)

    def plan(self, calls: Iterable[ListCall]) -> tuple[ListCall, ...]:
        """Split each list call that would exceed its known cap into calls with shorter spans."""
        return tuple(
            replace(call, span=span)
            for call in calls
            for span in planned(call.span, self._last_parts(call), self.known(call.call))
        )

    def doubt(self, call: str, provider: str, at: datetime) -> None:
        """Request that a provider's lists of this kind be checked for a cap, whatever their length.

        Used when the lists lack an event at the time ``at`` that the platform shows by its id. The
        next read whose span includes ``at`` makes the check, at most every five minutes. If that
        read has a shorter span than the last one, the doubt stays: a short list may be whole
        although the long one was cut.
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
        """Read a list, in several calls with shorter spans if its known cap requires that.

        ``ask`` makes one call, keeps its rows and returns them; ``identify`` returns a row's id, ''
        for none. ``limit`` has the deadlines. ``regular``: every cycle reads this list, so `doubt`
        applies.
        """
        listed = ListResult(call)
        reader = _Reader(self, listed, ask, identify, limit, limit.list_deadline())
        doubted = self._take_doubts(call) if regular else []
        pieces = self.plan([call])
        responses = await asyncio.gather(*(reader.one(piece) for piece in pieces))
        for piece, rows in zip(pieces, responses, strict=True):
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
        """Record that a response had so many different rows; return the cap known from now on."""
        before = self.known(call)
        known = before.after(rows)
        if known.cap != before.cap:
            self._facts.put(f"cap {call}", "")
        if known.clear and rows > known.clear:
            self._facts.put(f"no cap {call}", str(known.clear))
        return known

    def record_cap(self, call: str, rows: int) -> None:
        """Record the cap of a kind of list: it ended after so many rows although there are more."""
        self._facts.put(f"cap {call}", str(rows))

    def _last_parts(self, call: ListCall) -> Sequence[Part]:
        """Return the parts of the last read of a list, to estimate the rows of the next one.

        Preferred are parts of a read with an equally long span, then of the longest.
        """
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
        """Make one call; if it fails, record the fault and return None."""
        try:
            async with self._limit.within(self._until, call.call):
                return await self._ask(call)
        except PlatformError as fault:
            self._listed.faults.append(strip_traceback(fault))
            return None

    async def check(
        self, call: ListCall, rows: Sequence[T] | None, doubted: Sequence[datetime] = ()
    ) -> None:
        """Record a part, and read the part again in halves if it may have been cut.

        ``rows`` is None if the call failed. ``doubted`` are times at which the part may lack an
        event.
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
        responses = await asyncio.gather(*(self.one(half) for half in calls))
        both = set[str]().union(*(self._ids(response or ()) for response in responses))
        if None not in responses and shown - both:
            self._record_cut(call, rows)  # the platform contradicts itself
            return
        if both - shown:
            await self._confirm_cap(call, length)
        for half, response in zip(calls, responses, strict=True):
            await self.check(half, response)

    async def _lacks(self, call: ListCall, shown: set[str], at: datetime) -> bool:
        """Return whether a list of only the time around ``at`` has rows that ``shown`` lacks."""
        around = Window(max(call.span.start, at - SHORTEST), min(call.span.end, at + SHORTEST))
        self._listed.extra -= 1
        return not self._ids(await self.one(replace(call, span=around)) or ()) <= shown

    async def _confirm_cap(self, call: ListCall, length: int) -> None:
        """Record a cap of ``length`` rows, after shorter lists showed more rows.

        The list is read again before: if it has grown, more rows were simply created meanwhile.
        """
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
    """Return the hours of a list's span, by which reads of near and far windows are told apart."""
    return round((call.span.end - call.span.start) / timedelta(hours=1))
