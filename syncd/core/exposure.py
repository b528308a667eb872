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

from syncd.core.observation import expected_value, has_pending_change
from syncd.model import (
    Availability,
    Booking,
    Exposure,
    ExposureCause,
    TimeToBlock,
    TrackedEvent,
    Window,
)

Interval = tuple[datetime, datetime]

RequiredBlocks = Mapping[str, Mapping[Interval, Collection[str]]]
"""For each system the intervals that its calendar should close, with the bookings that want it."""


@dataclass(frozen=True, slots=True)
class ExposureInput:
    """One provider as a cycle left it. ``free`` and ``lags`` are by system.

    ``records`` hold what ended since a system was last asked for free slots, too.
    ``read_only`` are the systems that are never written to, ``undone`` the (booking, system) pairs
    whose block a person took back, ``released`` those whose block a person moved or removed and the
    rule lets be. ``held_back`` tells of a system why a person wants nothing to be written there.
    """

    provider: str
    required: RequiredBlocks
    records: Sequence[TrackedEvent]
    free: Mapping[str, Availability]
    lags: Mapping[str, timedelta]
    now: datetime
    read_only: AbstractSet[str] = frozenset()
    undone: AbstractSet[tuple[str, str]] = frozenset()
    released: AbstractSet[tuple[str, str]] = frozenset()
    held_back: Mapping[str, ExposureCause] = field(default_factory=dict)


def find_exposures(seen: ExposureInput, known: Iterable[Exposure] = ()) -> list[Exposure]:
    """The intervals that are taken and still offered; those ``known`` keep their ``since``.

    Without a block a time counts as offered, unless the system was asked and does not offer it, and
    nothing that closed it then has gone since. A block that stands closes the time, unless the
    system was asked after it stood, and offers it.
    """
    since = {(e.system, e.start, e.end): e.since for e in known}
    found: list[Exposure] = []
    standing = _standing(seen.records)
    for system, intervals in sorted(seen.required.items()):
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
                cause = ExposureCause.IGNORED
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


def _standing(records: Iterable[TrackedEvent]) -> Mapping[tuple[str, Interval], TrackedEvent]:
    """The blocks of syncd's by what they close, as far as anybody saw: system and interval."""
    found: dict[tuple[str, Interval], TrackedEvent] = {}
    for record in records:
        if not record.created_by_us or record.observed is None:
            continue
        found.setdefault((record.system, record.observed.interval), record)
        meant = expected_value(record)
        # A platform with a coarser grid shows what was written rounded, and that is no news.
        if meant is not None and not has_pending_change(record):
            found.setdefault((record.system, meant.interval), record)
    return found


def _freed(records: Iterable[TrackedEvent], free: Availability, interval: Interval) -> bool:
    """Whether something stood there that is gone since the system was asked."""
    for record in records:
        changed_at = max(record.observed_at, record.written_at or record.observed_at)
        if record.system != free.system or changed_at < free.asked_at:
            continue
        for once in (record.before_write, record.base):
            if once is not None and once.start < interval[1] and interval[0] < once.end:
                return True
    return False


def _stood_at(block: TrackedEvent) -> datetime:
    return block.written_at or block.observed_at


def _offered(free: Availability | None, interval: Interval) -> tuple[str, ...] | None:
    """The seats that offer some of the interval; None where nobody knows."""
    span = Window(*interval)
    if free is None or not (free.window.start < span.end and span.start < free.window.end):
        return None
    seats = {o.calendar_id for o in free.offers if o.start < span.end and span.start < o.end}
    return tuple(sorted(seats))


def _cause(seen: ExposureInput, system: str, bookings: Collection[str]) -> ExposureCause:
    if system in seen.read_only:
        return ExposureCause.READ_ONLY
    if all((booking, system) in seen.undone for booking in bookings):
        return ExposureCause.UNDONE
    if all((booking, system) in seen.released for booking in bookings):
        return ExposureCause.RELEASED
    return seen.held_back.get(system, ExposureCause.UNCLOSED)


# --- how long ---------------------------------------------------------------------------------


def visible_at(
    booking: Booking,
    appointments: Iterable[TrackedEvent],
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


def times_to_block(
    seen: ExposureInput,
    bookings: Iterable[Booking],
    visible: Mapping[str, datetime],
    open_: Iterable[Exposure],
    known: Mapping[tuple[str, int], TimeToBlock],
) -> list[TimeToBlock]:
    """The closings that are new, or that ended or began anew, by what is ``open_`` now.

    ``known`` are by booking and revision; ``visible`` is by booking, for those that have none yet.
    """
    exposed = {booking for exposure in open_ for booking in exposure.bookings}
    found: list[TimeToBlock] = []
    standing = _standing(seen.records)
    closes: dict[str, list[TrackedEvent | None]] = defaultdict(list)
    for system, intervals in seen.required.items():
        for interval, serves in intervals.items():
            for served in serves:
                closes[served].append(standing.get((system, interval)))
    for booking in sorted(bookings, key=lambda b: b.id):
        blocks = closes[booking.id]
        old = known.get((booking.id, booking.revision))
        if not blocks or (old is None and booking.id not in visible):
            continue
        stood = [block.observed_at for block in blocks if block is not None]
        new = old or TimeToBlock(
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
class Percentiles:
    """How long values were open, in seconds; ``open`` counts those that still are."""

    count: int
    open: int
    p50: float
    p95: float
    longest: float


def percentiles(found: Iterable[TimeToBlock]) -> Percentiles:
    """Measure closings: the value that half of them, and 95 of 100, do not exceed, and the most."""
    kept = list(found)
    spans = sorted((c.closed_at - c.visible_at).total_seconds() for c in kept if c.closed_at)
    if not spans:
        return Percentiles(0, len(kept), 0.0, 0.0, 0.0)
    return Percentiles(
        count=len(spans),
        open=len(kept) - len(spans),
        p50=spans[math.ceil(len(spans) * 0.5) - 1],
        p95=spans[math.ceil(len(spans) * 0.95) - 1],
        longest=spans[-1],
    )
