"""What is still offered although it is taken, and for how long that was so.

Both are judged from outside: what each calendar should close, what stands there, and what the
system itself offered when it was last asked.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from syncd.core.diff import is_news, nominal
from syncd.model import Booking, Cause, Closing, Exposure, FreeTime, Record, Window

Interval = tuple[datetime, datetime]

Wanted = Mapping[str, Mapping[Interval, Collection[str]]]
"""For each system the intervals that its calendar should close, with the bookings that want it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One provider as a cycle left it. ``free`` and ``lags`` are by system.

    ``records`` hold what ended since a system was last asked for free slots, too.
    ``read_only`` are the systems that are never written to, ``undone`` the (booking, system) pairs
    whose block a person took back, ``released`` those whose block a person moved or removed and the
    rule lets be. ``held_back`` tells of a system why a person wants nothing to be written there.
    """

    provider: str
    wanted: Wanted
    records: Sequence[Record]
    free: Mapping[str, FreeTime]
    lags: Mapping[str, timedelta]
    now: datetime
    read_only: AbstractSet[str] = frozenset()
    undone: AbstractSet[tuple[str, str]] = frozenset()
    released: AbstractSet[tuple[str, str]] = frozenset()
    held_back: Mapping[str, Cause] = field(default_factory=dict)


def exposures(seen: Seen, known: Iterable[Exposure] = ()) -> list[Exposure]:
    """The intervals that are taken and still offered; those ``known`` keep their ``since``.

    Without a block a time counts as offered, unless the system was asked and does not offer it, and
    nothing that closed it then has gone since. A block that stands closes the time, unless the
    system was asked after it stood, and offers it.
    """
    since = {(e.system, e.start, e.end): e.since for e in known}
    found: list[Exposure] = []
    standing = _standing(seen.records)
    for system, intervals in sorted(seen.wanted.items()):
        free = seen.free.get(system)
        lag = seen.lags.get(system, timedelta(0))
        for interval, bookings in sorted(intervals.items()):
            if interval[1] <= seen.now:
                continue
            block = standing.get((system, interval))
            offered = _offered(free, interval)
            if block is None:
                if free and offered == () and not _freed(seen.records, free, interval):
                    continue
                cause = _cause(seen, system, bookings)
            elif offered and free and free.asked_at > _stood_at(block) + lag:
                cause = Cause.IGNORED
            else:
                continue
            found.append(
                Exposure(
                    provider=seen.provider,
                    system=system,
                    start=interval[0],
                    end=interval[1],
                    cause=cause,
                    bookings=tuple(sorted(bookings)),
                    since=since.get((system, *interval), seen.now),
                    seats=offered or (),
                )
            )
    return found


def _standing(records: Iterable[Record]) -> Mapping[tuple[str, Interval], Record]:
    """The blocks of syncd's by what they close, as far as anybody saw: system and interval."""
    found: dict[tuple[str, Interval], Record] = {}
    for record in records:
        if not record.mine or record.observed is None:
            continue
        found.setdefault((record.system, record.observed.interval), record)
        meant = nominal(record)
        # A platform with a coarser grid shows what was written rounded, and that is no news.
        if meant is not None and not is_news(record):
            found.setdefault((record.system, meant.interval), record)
    return found


def _freed(records: Iterable[Record], free: FreeTime, interval: Interval) -> bool:
    """Whether something stood there that is gone since the system was asked."""
    for record in records:
        changed_at = max(record.observed_at, record.written_at or record.observed_at)
        if record.system != free.system or changed_at < free.asked_at:
            continue
        for once in (record.former, record.base):
            if once is not None and once.start < interval[1] and interval[0] < once.end:
                return True
    return False


def _stood_at(block: Record) -> datetime:
    return block.written_at or block.observed_at


def _offered(free: FreeTime | None, interval: Interval) -> tuple[str, ...] | None:
    """The seats that offer some of the interval; None where nobody knows."""
    span = Window(*interval)
    if free is None or not (free.window.start < span.end and span.start < free.window.end):
        return None
    seats = {o.seat for o in free.offers if o.start < span.end and span.start < o.end}
    return tuple(sorted(seats))


def _cause(seen: Seen, system: str, bookings: Collection[str]) -> Cause:
    if system in seen.read_only:
        return Cause.READ_ONLY
    if all((booking, system) in seen.undone for booking in bookings):
        return Cause.UNDONE
    if all((booking, system) in seen.released for booking in bookings):
        return Cause.RELEASED
    return seen.held_back.get(system, Cause.UNCLOSED)


# --- how long ---------------------------------------------------------------------------------


def visible_at(
    booking: Booking,
    appointments: Iterable[Record],
    skews: Mapping[str, timedelta],
    first_reads: Mapping[str, datetime],
    reach: timedelta,
) -> datetime | None:
    """When the present value of a booking could first be seen; None if no event shows it.

    That is when its system says that it was entered, corrected for the skew of its clock. But
    nothing could be seen before the calendar was first read, nor before the booking came into the
    window, which reaches so far ahead (``reach``); and syncd saw it at the latest when it did.
    """
    moments = []
    for record in appointments:
        shown = record.observed
        if shown is None or shown.interval != booking.agreed.interval or record.written is not None:
            continue
        entered = record.observed_at
        if record.updated_at is not None:
            entered = record.updated_at - skews.get(record.system, timedelta(0))
        earliest = max(
            first_reads.get(record.system, record.observed_at), booking.agreed.start - reach
        )
        moments.append(min(max(entered, earliest), record.observed_at))
    return min(moments, default=None)


def closings(
    seen: Seen,
    bookings: Iterable[Booking],
    visible: Mapping[str, datetime],
    open_: Iterable[Exposure],
    known: Mapping[tuple[str, int], Closing],
) -> list[Closing]:
    """The closings that are new, or that ended or began anew, by what is ``open_`` now.

    ``known`` are by booking and revision; ``visible`` is by booking, for those that have none yet.
    """
    exposed = {booking for exposure in open_ for booking in exposure.bookings}
    found: list[Closing] = []
    standing = _standing(seen.records)
    closes: dict[str, list[Record | None]] = defaultdict(list)
    for system, intervals in seen.wanted.items():
        for interval, serves in intervals.items():
            for served in serves:
                closes[served].append(standing.get((system, interval)))
    for booking in sorted(bookings, key=lambda b: b.id):
        blocks = closes[booking.id]
        old = known.get((booking.id, booking.revision))
        if not blocks or (old is None and booking.id not in visible):
            continue
        stood = [block.observed_at for block in blocks if block is not None]
        new = old or Closing(
            booking.id, booking.revision, booking.provider, visible[booking.id], None
        )
        if booking.id in exposed:
            new = replace(new, closed_at=None)
        elif new.closed_at is None:
            # A closing that began anew was not closed by what stood all the while.
            at = max(stood, default=seen.now) if old is None else seen.now
            new = replace(new, closed_at=max(at, new.visible_at))
        if new != old:
            found.append(new)
    return found


@dataclass(frozen=True, slots=True)
class Spread:
    """How long values were open, in seconds; ``open`` counts those that still are."""

    count: int
    open: int
    p50: float
    p95: float
    longest: float


def spread(found: Iterable[Closing]) -> Spread:
    """Measure closings: the value that half of them, and 95 of 100, do not exceed, and the most."""
    kept = list(found)
    spans = sorted((c.closed_at - c.visible_at).total_seconds() for c in kept if c.closed_at)
    if not spans:
        return Spread(0, len(kept), 0.0, 0.0, 0.0)
    return Spread(
        count=len(spans),
        open=len(kept) - len(spans),
        p50=spans[math.ceil(len(spans) * 0.5) - 1],
        p95=spans[math.ceil(len(spans) * 0.95) - 1],
        longest=spans[-1],
    )
