"""Read unpaged lists that may end silently at a cap: once for all adapters.

What a length means, and how a span is cut, is in `list_caps`; here the calls are made.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from syncd.model import Unproven, Window
from syncd.systems.fault_boundary import bare
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
from syncd.systems.reported_lists import nameless, shortened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

    from syncd.model import Clock
    from syncd.systems.facts import FactStore
    from syncd.systems.port import ListCall

T = TypeVar("T")

LIST_SECONDS = 60.0
"""How long one list may take, with all its parts or pages."""

READ_SECONDS = 300.0
"""How long one read of a system may take."""

_LIFETIME = timedelta(days=30)
_DOUBT_EVERY = 300.0
_MOST_LISTS, _MOST_SPANS = 2000, 8
_USUAL = min(SUSPICIOUS) - 1
"""A list of no more rows proves nothing about caps."""

_Key = tuple[str, str, tuple[str, ...]]


class ReadLimit:
    """The time that is left for one read, and for each of its lists."""

    def __init__(self, system: str, clock: Clock) -> None:
        """Begin a read."""
        self._system = system
        self._clock = clock
        self._until = clock.monotonic() + READ_SECONDS

    def of_list(self) -> float:
        """Until when (of the clock's `monotonic`) a list that begins now may go on."""
        return min(self._until, self._clock.monotonic() + LIST_SECONDS)

    @asynccontextmanager
    async def within(self, until: float, call: str) -> AsyncIterator[None]:
        """Bound a request of a list. Raises RetryableError when the time is up."""
        try:
            async with asyncio.timeout(max(0.0, until - self._clock.monotonic())):
                yield
        except TimeoutError:
            detail = f"the list took longer than {LIST_SECONDS:.0f} s"
            raise RetryableError(self._system, call, detail=detail) from None


@dataclass(slots=True)
class ListResult:
    """How a list was read: its parts in order, and the faults of those that failed.

    ``failed`` are the spans of the latter; ``cut`` those that may hold rows which were not shown.
    ``unnamed`` is how many rows of one answer have no usable id.
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
        """Whether any part arrived."""
        return len(self.failed) < len(self.parts)

    def holes(self, window: Window) -> list[Window]:
        """Where in the window an event may have been missed, if the list is read for it.

        The call asks for more than the window on each side, as far as an event may reach over the
        edge of what is listed; so the edge of a hole is wider by as much, but at most by a day.
        """
        day = timedelta(days=1)
        before = min(max(window.start - self.call.span.start, timedelta()), day)
        after = min(max(self.call.span.end - window.end, timedelta()), day)
        return [
            replace(hole, start=hole.start - after, end=hole.end + before)
            for hole in (*self.failed, *self.cut, *([self.call.span] if self.unnamed else ()))
        ]

    def unproven(self, window: Window) -> list[Unproven]:
        """What the list was asked for and is answered, but not proven to be whole."""
        if self.failed or not (self.cut or self.unnamed):
            return []
        lacking = bool(self.cut)
        providers = sorted(self.call.providers)
        return [Unproven(p, self.call.kinds, window, lacking) for p in providers]

    def items(self, system: str) -> list[UnreadableError]:
        """What is to be reported: rows without an id, and that the list ends before its rows do."""
        found = [nameless(system, self.call, self.unnamed)] if self.unnamed else []
        if self.cut:
            what = f"by {self.call.selector} {', '.join(self.call.ids)}"
            why = f"{what}, it shows not all of its rows, however short the time asked for"
            found.append(shortened(system, self.call, why))
        return found


class CappedLists:
    """The unpaged lists of one system, with what is known of their caps.

    ``facts`` keep a cap, and lengths that are none, for 30 days; how long each list was in which
    part of its span is known until the process ends.
    """

    def __init__(
        self, system: str, clock: Clock, facts: FactStore, lengths: frozenset[int] = SUSPICIOUS
    ) -> None:
        """Start with what the facts say."""
        self._lengths = lengths
        self._system = system
        self._clock = clock
        self._facts = facts
        self._parts: dict[_Key, dict[int, list[Part]]] = {}
        self._asked: dict[tuple[str, str], int] = {}
        self._doubted: dict[tuple[str, str], dict[int, datetime]] = {}
        self._doubted_at: dict[tuple[str, str, int], float] = {}

    def known(self, call: str) -> KnownCap:
        """What is known of a kind of list."""
        cap, clear = (self._facts.get(f"{what} {call}", _LIFETIME) for what in ("cap", "no cap"))
        return KnownCap(int(cap) if cap else None, int(clear) if clear else 0, self._lengths)

    def plan(self, calls: Iterable[ListCall]) -> tuple[ListCall, ...]:
        """Cut the calls of lists that are longer than one answer shows."""
        return tuple(
            replace(call, span=span)
            for call in calls
            for span in planned(call.span, self._last_parts(call), self.known(call.call))
        )

    def doubt(self, call: str, provider: str, at: datetime) -> None:
        """Have the provider's lists of this kind checked, whatever their length.

        They lack an event of that time which the platform shows by its id. The next read of that
        time does it; at most every five minutes. A shorter list than the one that was read last may
        show all of its rows where that one is cut, so it does not settle the doubt.
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
        """Read a list, in as many calls as it takes. ``ask`` makes one, and keeps its rows.

        ``regular``: it is a list that every cycle reads, which may be doubted.
        """
        listed = ListResult(call)
        reader = _Reader(self, listed, ask, identify, limit, limit.of_list())
        doubted = self._doubts(call) if regular else []
        pieces = self.plan([call])
        answers = await asyncio.gather(*(reader.one(piece) for piece in pieces))
        for piece, rows in zip(pieces, answers, strict=True):
            await reader.check(piece, rows, [at for at in doubted if at in piece.span])
        self._remember(call, listed)
        return listed

    def _doubts(self, call: ListCall) -> list[datetime]:
        """Take the times at which such lists lacked something, the longest's first.

        Only the first is looked at: a shorter list has its own turn. Notes that this one is read.
        """
        found: list[tuple[int, datetime]] = []
        for provider in sorted(call.providers):
            self._asked[call.call, provider] = _hours(call)
            by_length = self._doubted.get((call.call, provider), {})
            due = [h for h, at in by_length.items() if h <= _hours(call) and at in call.span]
            found += [(hours, by_length.pop(hours)) for hours in due]
        return [at for _, at in sorted(found, reverse=True)]

    def longer(self, call: str, rows: int) -> KnownCap:
        """Note that an answer had so many different rows; return what is known by now."""
        before = self.known(call)
        known = before.after(rows)
        if known.cap != before.cap:
            self._facts.put(f"cap {call}", "")
        if known.clear and rows > known.clear:
            self._facts.put(f"no cap {call}", str(known.clear))
        return known

    def capped(self, call: str, rows: int) -> None:
        """Note that a list ended after so many rows although there are more."""
        self._facts.put(f"cap {call}", str(rows))

    def _last_parts(self, call: ListCall) -> Sequence[Part]:
        """The parts of the last read of this list with a span as long, else of the longest one."""
        key, nothing = (call.call, call.selector, call.ids), dict[int, list[Part]]()
        by_length = self._parts.get(key, nothing)
        hours = _hours(call)
        return by_length.get(hours, by_length.get(max(by_length, default=0), []))

    def _remember(self, call: ListCall, listed: ListResult) -> None:
        key, known = (call.call, call.selector, call.ids), self.known(call.call)
        if listed.failed:
            return
        kept = self._parts.pop(key, {})
        kept.pop(_hours(call), None)
        rows = round(sum(part.rows for part in listed.parts))
        if known.cap is not None or known.is_suspicious(rows):
            if len(kept) >= _MOST_SPANS:
                del kept[next(iter(kept))]
            kept[_hours(call)] = sorted(listed.parts, key=lambda part: part.span.start)
        if kept:
            if len(self._parts) >= _MOST_LISTS:
                del self._parts[next(iter(self._parts))]
            self._parts[key] = kept


class _Reader(Generic[T]):
    """One list that is being read."""

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
        """Make one call; None if it fails, which is noted."""
        try:
            async with self._limit.within(self._until, call.call):
                return await self._ask(call)
        except PlatformError as fault:
            self._listed.faults.append(bare(fault))
            return None

    async def check(
        self, call: ListCall, rows: Sequence[T] | None, doubted: Sequence[datetime] = ()
    ) -> None:
        """Note a part, and read it again in halves if it may have been cut.

        ``doubted`` are times at which it may lack an event.
        """
        listed, lists = self._listed, self._lists
        if rows is None:
            listed.parts.append(Part(call.span, 0, whole=False))
            listed.failed.append(call.span)
            return
        known, shown = lists.known(call.call), set[str]()
        if doubted or known.is_suspicious(len(rows)) or len(rows) > max(known.clear, _USUAL):
            shown = self._ids(rows)
            known = lists.longer(call.call, len(shown))
        if doubted and await self._lacks(call, shown, doubted[0]):
            await self._more(call, len(shown))
            known = lists.known(call.call)
        length = next((n for n in (len(rows), len(shown)) if known.is_suspicious(n)), None)
        if length is None:
            listed.parts.append(Part(call.span, len(rows)))
            return
        spans = halves(call.span)
        if spans is None or listed.extra < len(spans):
            self._cut(call, rows)
            return
        listed.extra -= len(spans)
        calls = [replace(call, span=span) for span in spans]
        answers = await asyncio.gather(*(self.one(half) for half in calls))
        both = set[str]().union(*(self._ids(answer or ()) for answer in answers))
        if None not in answers and shown - both:
            self._cut(call, rows)  # the platform contradicts itself
            return
        if both - shown:
            await self._more(call, length)
        for half, answer in zip(calls, answers, strict=True):
            await self.check(half, answer)

    async def _lacks(self, call: ListCall, shown: set[str], at: datetime) -> bool:
        """Whether the list shows more around a time when it is asked for nothing else."""
        around = Window(max(call.span.start, at - SHORTEST), min(call.span.end, at + SHORTEST))
        self._listed.extra -= 1
        return not self._ids(await self.one(replace(call, span=around)) or ()) <= shown

    async def _more(self, call: ListCall, length: int) -> None:
        """The halves show more: believe in a cap, unless the list itself is longer by now."""
        if length < SMALL:
            return
        if self._lists.known(call.call).cap != length:
            self._listed.extra -= 1
            again = self._ids(await self.one(call) or ())
            if len(again) > length:
                self._lists.longer(call.call, len(again))
                return
        self._lists.capped(call.call, length)

    def _cut(self, call: ListCall, rows: Sequence[T]) -> None:
        self._listed.parts.append(Part(call.span, len(rows), whole=False))
        self._listed.cut.append(call.span)

    def _ids(self, rows: Sequence[T]) -> set[str]:
        return {self._identify(row) for row in rows} - {""}


def _hours(call: ListCall) -> int:
    """How long a list's span is: near and far windows are remembered apart."""
    return round((call.span.end - call.span.start) / timedelta(hours=1))
