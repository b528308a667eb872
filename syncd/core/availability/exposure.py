"""Find the intervals that are still offered although they are taken, and for how long.

Both are judged after a cycle, from what each calendar should block, which blocks exist, and which
free slots the system itself offered when it was last asked.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from syncd.core.event_state.observation import expected_value, has_pending_change
from syncd.model import (
    Availability,
    Booking,
    Exposure,
    ExposureCause,
    TimeToBlock,
    TrackedEvent,
    Window,
)
from syncd.model.intervals import Interval, overlap

RequiredBlocks = Mapping[str, Mapping[Interval, Collection[str]]]
"""By system, the intervals that its calendar should block, with the bookings that need it."""


@dataclass(frozen=True, slots=True)
class ExposureInput:
    """One provider after a cycle.

    - ``required``: the intervals that each calendar should block.
    - ``records``: the known events, and those that ended since a system was last asked for free
      slots.
    - ``free``: by system, the free slots as last read. ``lags``: by system, the lag bound.
    - ``read_only``: the systems that are never written to.
    - ``undone``: the (booking, system) pairs whose block was undone by `syncd undo`.
    - ``released``: the (booking, system) pairs whose edited block a rule released.
    - ``held_back``: by system, the cause if the operator forbids writes there (a pause or observe).
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
    """Return the intervals that are taken and still offered.

    An interval without a block counts as offered, with one exception: the system was asked, does
    not offer the interval, and no event there changed after that. A block closes its interval,
    unless the system was asked after the block was created and still offers the interval.

    ``known`` are the exposures of the last cycle: an exposure that continues keeps its ``since``.
    """
    since = {(e.system, e.start, e.end): e.since for e in known}
    exposures: list[Exposure] = []
    blocks = _existing_blocks(seen.records)
    for system, intervals in sorted(seen.required.items()):
        free = seen.free.get(system)
        lag = seen.lags.get(system, timedelta(0))
        for interval, bookings in sorted(intervals.items()):
            if interval[1] <= seen.now:
                continue
            block = blocks.get((system, interval))
            offered = _offered(free, interval)
            if block is None:
                if free and offered == () and not _was_freed(seen.records, free, interval):
                    continue
                cause = _cause(seen, system, bookings)
            elif offered and free and free.asked_at > _existed_at(block) + lag:
                cause = ExposureCause.IGNORED
            else:
                continue
            exposures.append(
                Exposure(
                    provider=seen.provider,
                    system=system,
                    start=interval[0],
                    end=interval[1],
                    cause=cause,
                    bookings=tuple(sorted(bookings)),
                    since=since.get((system, *interval), seen.now),
                    calendars=offered or (),
                )
            )
    return exposures


def _existing_blocks(
    records: Iterable[TrackedEvent],
) -> Mapping[tuple[str, Interval], TrackedEvent]:
    """Return the existing blocks of syncd by system and interval."""
    blocks: dict[tuple[str, Interval], TrackedEvent] = {}
    for record in records:
        if not record.created_by_us or record.observed is None:
            continue
        blocks.setdefault((record.system, record.observed.interval), record)
        expected = expected_value(record)
        # A platform with a coarser grid shows the written interval rounded.
        if expected is not None and not has_pending_change(record):
            blocks.setdefault((record.system, expected.interval), record)
    return blocks


def _was_freed(records: Iterable[TrackedEvent], free: Availability, interval: Interval) -> bool:
    """Return true if an event at that time changed after the system was asked."""
    for record in records:
        changed_at = max(record.observed_at, record.written_at or record.observed_at)
        if record.system != free.system or changed_at < free.asked_at:
            continue
        for former in (record.before_write, record.base):
            if former is not None and overlap(former.interval, interval):
                return True
    return False


def _existed_at(block: TrackedEvent) -> datetime:
    return block.written_at or block.observed_at


def _offered(free: Availability | None, interval: Interval) -> tuple[str, ...] | None:
    """Return the platform calendar ids that offer part of the interval; None if not known."""
    span = Window(*interval)
    if free is None or not free.window.overlaps(span):
        return None
    calendars = {offer.calendar_id for offer in free.offers if offer.overlaps(span)}
    return tuple(sorted(calendars))


def _cause(seen: ExposureInput, system: str, bookings: Collection[str]) -> ExposureCause:
    if system in seen.read_only:
        return ExposureCause.READ_ONLY
    if all((booking, system) in seen.undone for booking in bookings):
        return ExposureCause.UNDONE
    if all((booking, system) in seen.released for booking in bookings):
        return ExposureCause.RELEASED
    return seen.held_back.get(system, ExposureCause.UNCLOSED)


# --- time to block ----------------------------------------------------------------------------


def visible_at(
    booking: Booking,
    appointments: Iterable[TrackedEvent],
    skews: Mapping[str, timedelta],
    first_reads: Mapping[str, datetime],
    reach: timedelta,
) -> datetime | None:
    """Return when a read could first have shown the booking's present value, in UTC.

    Used to measure how long a time stayed open. None if no event shows the agreed interval.

    - ``appointments``: the booking's events. ``skews``: by system, the platform's clock minus ours.
    - ``first_reads``: by system, when the calendar was first read.
    - ``reach``: how far ahead the window reaches.

    The result is when the value was entered, by the platform's clock corrected for skew. It is
    never before the first read of the calendar, nor before the booking came into the window, nor
    after syncd saw the value.
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
    """Return the times to block that must be stored: new ones, and those that ended or reopened.

    A time to block is how long the value of a booking was visible and not blocked everywhere.

    - ``visible``: by booking, the result of `visible_at`; needed for bookings not in ``known``.
    - ``open_``: the exposures that exist now.
    - ``known``: the stored times to block, by (booking, revision).
    """
    exposed = {booking for exposure in open_ for booking in exposure.bookings}
    times: list[TimeToBlock] = []
    existing = _existing_blocks(seen.records)
    blocks_of: dict[str, list[TrackedEvent | None]] = defaultdict(list)
    for system, intervals in seen.required.items():
        for interval, booking_ids in intervals.items():
            for booking_id in booking_ids:
                blocks_of[booking_id].append(existing.get((system, interval)))
    for booking in sorted(bookings, key=lambda b: b.id):
        blocks = blocks_of[booking.id]
        stored = known.get((booking.id, booking.revision))
        if not blocks or (stored is None and booking.id not in visible):
            continue
        made_at = [block.observed_at for block in blocks if block is not None]
        current = stored or TimeToBlock(
            booking.id, booking.revision, booking.provider, visible[booking.id], None
        )
        if booking.id in exposed:
            current = replace(current, closed_at=None)
        elif current.closed_at is None:
            # If the time was open again, older blocks did not close it.
            at = max(made_at, default=seen.now) if stored is None else seen.now
            current = replace(current, closed_at=max(at, current.visible_at))
        if current != stored:
            times.append(current)
    return times


@dataclass(frozen=True, slots=True)
class Percentiles:
    """How long values were not blocked, in seconds; ``open`` counts the values still not blocked.

    ``count``: how many values were blocked in the end.
    """

    count: int
    open: int
    p50: float
    p95: float
    longest: float


def percentiles(times: Iterable[TimeToBlock]) -> Percentiles:
    """Return the median, the 95th percentile and the maximum of times to block."""
    all_times = list(times)
    spans = sorted((c.closed_at - c.visible_at).total_seconds() for c in all_times if c.closed_at)
    if not spans:
        return Percentiles(0, len(all_times), 0.0, 0.0, 0.0)
    return Percentiles(
        count=len(spans),
        open=len(all_times) - len(spans),
        p50=spans[math.ceil(len(spans) * 0.5) - 1],
        p95=spans[math.ceil(len(spans) * 0.95) - 1],
        longest=spans[-1],
    )
