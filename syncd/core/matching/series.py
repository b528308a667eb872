"""Pair the instances of recurring events whose ids changed.

Used when somebody changes a recurring event and the platform replaces its instances. The instances
of a series differ only in their time, so they are paired by position: first by a shift that most of
them share, then by their order. Unpaired instances are ordinary deletions and bookings. The
operator is asked only if one series could have become several others.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from syncd.core.inputs import CalendarState
from syncd.model import Id, Kind, TrackedEvent, Value, series_of

CLOCK_CHANGE = timedelta(hours=1)
"""Two shifts that differ by at most this may be one shift in wall time, across a DST change."""

CustomerKey = tuple[str, str, str]
"""(system, the platform's id of the customer, service)."""

Pair = tuple[TrackedEvent, TrackedEvent]
"""A vanished instance, and the event that it became."""


@dataclass(frozen=True, slots=True)
class Question:
    """Vanished events (``old``) and all their possible successors (``new``).

    The old events are of one series, or a single event. The operator must decide.
    """

    old: tuple[TrackedEvent, ...]
    new: tuple[TrackedEvent, ...]


@dataclass(frozen=True, slots=True)
class Pairing:
    """The certain pairs, and the open questions. All other events are deleted or new."""

    pairs: tuple[Pair, ...] = ()
    questions: tuple[Question, ...] = ()


def pair_instances(vanished: Sequence[TrackedEvent], fresh: Sequence[TrackedEvent]) -> Pairing:
    """Pair vanished instances of series with new appointments.

    ``vanished`` are proven to be gone; ``fresh`` are busy appointments without a booking. Vanished
    single events are paired only with instances, never with other single events.
    """
    pairs: list[Pair] = []
    # A cancelled event needs no successor.
    old_series, new_series = _by_series(r for r in vanished if _value(r).busy), _by_series(fresh)
    for series in sorted(old_series.keys() & new_series.keys() - {()}):
        pairs += by_position(old_series.pop(series), new_series.pop(series))
    questions: list[Question] = []
    for customer in sorted(customers_with_series(vanished, fresh)):
        old_events = [
            r for records in old_series.values() for r in records if _customer_key(r) == customer
        ]
        new_events = [
            r for records in new_series.values() for r in records if _customer_key(r) == customer
        ]
        for pairing in (_pair_renamed, _pair_unmoved, _pair_last):
            new_pairs = pairing(old_events, new_events)
            pairs += new_pairs
            old_events = _without(old_events, (before for before, _ in new_pairs))
            new_events = _without(new_events, (after for _, after in new_pairs))
        if new_events:
            # A former single event is a question of its own.
            questions += [
                Question(_ordered(group), _ordered(new_events))
                for series, instances in sorted(_by_series(old_events).items())
                for group in ([instances] if series else [[r] for r in _ordered(instances)])
            ]
    return Pairing(tuple(pairs), tuple(questions))


def customers_with_series(*groups: Iterable[TrackedEvent]) -> set[CustomerKey]:
    """Return the customers with an instance of a series in these groups of events.

    All their appointments, single ones too, take part in `pair_instances`.
    """
    records = [record for group in groups for record in group]
    return {customer for r in records if r.series and (customer := _customer_key(r)) is not None}


def by_position(old: Sequence[TrackedEvent], new: Sequence[TrackedEvent]) -> list[Pair]:
    """Pair the instances of a series before and after a change, as (old, new).

    If most instances moved by one shift, those are paired first, and the others between them in
    order. Without a common shift, the order decides. Other instances stay unpaired.
    """
    old, new = _ordered(old), _ordered(new)
    shift = _common_shift(old, new)
    if shift is None:
        return _pair_in_order(old, new)
    new_by_start = {_start(r): r for r in new}
    shifted = [
        (r, new_by_start[_start(r) + shift]) for r in old if _start(r) + shift in new_by_start
    ]
    old_rest = _without(old, (before for before, _ in shifted))
    new_rest = _without(new, (after for _, after in shifted))
    if len(old) == len(new):
        return _by_start([*shifted, *_pair_in_order(old_rest, new_rest)])
    old_starts = [_start(before) for before, _ in shifted]
    new_starts = [_start(after) for _, after in shifted]
    between = [
        pair
        for gap in range(len(shifted) + 1)
        for pair in _pair_in_order(
            [r for r in old_rest if bisect_right(old_starts, _start(r)) == gap],
            [r for r in new_rest if bisect_right(new_starts, _start(r)) == gap],
        )
        # Outside of the first and last pair, the series grew or shrank, or left the window.
        if 0 < gap < len(shifted)
    ]
    return _by_start([*shifted, *between])


def relocated_instances(records: Iterable[TrackedEvent]) -> dict[Id, Value]:
    """Return the new value of each instance that returned under a new id, by its former id.

    Used by the guard, before any decision.
    """
    vanished: list[TrackedEvent] = []
    fresh: list[TrackedEvent] = []
    for record in records:
        if record.kind is not Kind.APPOINTMENT or record.created_by_us or not record.series:
            continue
        if record.observed is None and record.base is not None and not record.end_accepted:
            vanished.append(record)
        elif record.base is None and record.observed is not None and record.observed.busy:
            fresh.append(record)
    if not vanished or not fresh:
        return {}
    return {
        (old.system, old.id): new.observed
        for old, new in pair_instances(vanished, fresh).pairs
        if new.observed is not None
    }


def may_change_series(record: TrackedEvent | None, calendar: CalendarState) -> bool:
    """Return true if a write to this event might change its whole series.

    Such a write waits until it is known to change one instance only.
    """
    return (
        record is not None
        and not calendar.series_writes
        and bool(record.series)
        and not record.created_by_us
        and record.kind is Kind.APPOINTMENT
    )


def _pair_renamed(old: Sequence[TrackedEvent], new: Sequence[TrackedEvent]) -> list[Pair]:
    """Pair series that returned under another master id: equal instances at one shift."""
    old_groups = {s: _ordered(r) for s, r in _by_series(old).items() if s}
    new_groups = {s: _ordered(r) for s, r in _by_series(new).items() if s}
    fitting = {
        (before, after): pairs
        for before, old_events in sorted(old_groups.items())
        for after, new_events in sorted(new_groups.items())
        if (pairs := _pairs_at_one_shift(old_events, new_events))
    }
    return [
        pair
        for (before, after), pairs in fitting.items()
        if not any((one[0] == before) is not (one[1] == after) for one in fitting)
        for pair in pairs
    ]


def _pairs_at_one_shift(old: Sequence[TrackedEvent], new: Sequence[TrackedEvent]) -> list[Pair]:
    """Return the pairs of two series if they are the same at one shift, except for their ends."""
    pairs = by_position(old, new)
    if len(pairs) < max(2, min(len(old), len(new))):
        return []
    shifts = [_start(after) - _start(before) for before, after in pairs]
    if max(shifts) - min(shifts) > CLOCK_CHANGE:
        return []
    indexes = [(old.index(before), new.index(after)) for before, after in pairs]
    consecutive = all(b[0] - a[0] == b[1] - a[1] == 1 for a, b in pairwise(indexes))
    return pairs if consecutive else []


def _pair_unmoved(old: Sequence[TrackedEvent], new: Sequence[TrackedEvent]) -> list[Pair]:
    """Pair events at the same time: only their ids changed, or a meeting became a series."""
    new_by_interval: dict[object, list[TrackedEvent]] = defaultdict(list)
    for record in new:
        new_by_interval[_interval(record)].append(record)
    old_counts = Counter(_interval(record) for record in old)
    return [
        (record, new_by_interval[_interval(record)][0])
        for record in old
        if old_counts[_interval(record)] == 1 and len(new_by_interval[_interval(record)]) == 1
    ]


def _common_shift(old: Sequence[TrackedEvent], new: Sequence[TrackedEvent]) -> timedelta | None:
    """Return the shift that explains the most pairs, if these are at least half.

    Of equally frequent shifts, the smallest is returned. None if there is no such shift.
    """
    shifts = Counter(_start(after) - _start(before) for before in old for after in new)
    if not shifts:
        return None
    shift = min(shifts, key=lambda s: (-shifts[s], abs(s), s))
    enough = max(2, (min(len(old), len(new)) + 1) // 2)
    return shift if shifts[shift] >= enough or not shift else None


def _pair_in_order(old: Sequence[TrackedEvent], new: Sequence[TrackedEvent]) -> list[Pair]:
    """Pair as many as possible in order, with the least total shift."""
    if len(old) == len(new):
        return list(zip(old, new, strict=True))
    if len(old) > len(new):
        return [(before, after) for after, before in _pair_in_order(new, old)]
    # best[j]: the least total shift of the old events so far within the first j new ones.
    best: list[tuple[timedelta, tuple[int, ...]]] = [(timedelta(0), ())] * (len(new) + 1)
    for i, before in enumerate(old):
        row: list[tuple[timedelta, tuple[int, ...]]] = []
        last = len(new) - (len(old) - i)
        for j in range(i, last + 1):
            total, chosen = best[j - i] if i else best[0]
            total += abs(_start(new[j]) - _start(before))
            option = (total, (*chosen, j))
            row.append(min(row[-1], option) if row else option)
        best = row
    return [(before, new[j]) for before, j in zip(old, best[-1][1], strict=True)] if old else []


def _pair_last(old: Sequence[TrackedEvent], new: Sequence[TrackedEvent]) -> list[Pair]:
    """Pair the only remaining old event with the only remaining new one."""
    return [(old[0], new[0])] if len(old) == len(new) == 1 else []


def _without(records: Sequence[TrackedEvent], gone: Iterable[TrackedEvent]) -> list[TrackedEvent]:
    taken = {id(record) for record in gone}
    return [record for record in records if id(record) not in taken]


def _by_series(records: Iterable[TrackedEvent]) -> dict[tuple[str, ...], list[TrackedEvent]]:
    groups: dict[tuple[str, ...], list[TrackedEvent]] = defaultdict(list)
    for record in records:
        groups[series_of(record)].append(record)
    return groups


def _customer_key(record: TrackedEvent) -> CustomerKey | None:
    if record.customer is None:
        return None
    return (record.system, record.customer, record.service or "")


def _value(record: TrackedEvent) -> Value:
    value = record.observed or record.base or record.before_write
    if value is None:
        message = f"event {record.id} has no value: it was never read"
        raise ValueError(message)
    return value


def _interval(record: TrackedEvent) -> tuple[datetime, datetime]:
    return _value(record).interval


def _start(record: TrackedEvent) -> datetime:
    return _value(record).start


def _ordered(records: Iterable[TrackedEvent]) -> tuple[TrackedEvent, ...]:
    return tuple(sorted(records, key=lambda r: (r.original_start or _start(r), _start(r), r.id)))


def _by_start(pairs: Iterable[Pair]) -> list[Pair]:
    return sorted(pairs, key=lambda pair: (_start(pair[0]), pair[0].id))
