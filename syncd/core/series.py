"""Instances of recurring events whose ids changed: which new one is which old one.

Instances of one series differ in nothing but their time, so their position tells them apart: first
by a shift that most of them have in common, then by their order. What is left over is an ordinary
deletion or booking. Only where a series could have become several others is a person asked.
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
"""By so much may shifts differ that are one shift on the wall: the clocks change in between."""

Who = tuple[str, str, str]
"""(system, person, service)."""

Pair = tuple[TrackedEvent, TrackedEvent]
"""An instance that vanished, and the one that it became."""


@dataclass(frozen=True, slots=True)
class Question:
    """A series that vanished, and all that it could have become: a person has to say."""

    old: tuple[TrackedEvent, ...]
    new: tuple[TrackedEvent, ...]


@dataclass(frozen=True, slots=True)
class Pairing:
    """What became of the instances that vanished; what is in neither is gone, or new."""

    pairs: tuple[Pair, ...] = ()
    questions: tuple[Question, ...] = ()


def pair_instances(vanished: Sequence[TrackedEvent], fresh: Sequence[TrackedEvent]) -> Pairing:
    """Pair the instances of series that vanished with new appointments.

    ``vanished`` are proven to be gone, ``fresh`` are busy appointments that no booking knows.
    Single events that vanished take part only against instances, and are otherwise left alone.
    """
    pairs: list[Pair] = []
    # What was off already needs no successor.
    olds, news = _by_series(r for r in vanished if _value(r).busy), _by_series(fresh)
    for series in sorted(olds.keys() & news.keys() - {()}):
        pairs += by_position(olds.pop(series), news.pop(series))
    questions: list[Question] = []
    for who in sorted(persons_with_series(vanished, fresh)):
        mine = [r for records in olds.values() for r in records if _who(r) == who]
        theirs = [r for records in news.values() for r in records if _who(r) == who]
        for pairing in (_renamed, _in_place, _only_one):
            found = pairing(mine, theirs)
            pairs += found
            mine = _without(mine, (before for before, _ in found))
            theirs = _without(theirs, (after for _, after in found))
        if theirs:
            # What was a single event before is a question of its own.
            questions += [
                Question(_ordered(group), _ordered(theirs))
                for series, instances in sorted(_by_series(mine).items())
                for group in ([instances] if series else [[r] for r in _ordered(instances)])
            ]
    return Pairing(tuple(pairs), tuple(questions))


def persons_with_series(*groups: Iterable[TrackedEvent]) -> set[Who]:
    """Whose appointments take part in `pair_instances`, single ones included."""
    records = [record for group in groups for record in group]
    return {who for r in records if r.series and (who := _who(r)) is not None}


def by_position(old: Sequence[TrackedEvent], new: Sequence[TrackedEvent]) -> list[Pair]:
    """Pair the instances of a series before and after it changed; the rest stay unpaired.

    Most of a series moves by one shift, if it moves; what was moved by itself lies between. Where
    nothing is common the order counts.
    """
    old, new = _ordered(old), _ordered(new)
    shift = _common_shift(old, new)
    if shift is None:
        return _in_order(old, new)
    there = {_place(r): r for r in new}
    fixed = [(r, there[_place(r) + shift]) for r in old if _place(r) + shift in there]
    left = _without(old, (before for before, _ in fixed))
    rest = _without(new, (after for _, after in fixed))
    if len(old) == len(new):
        return _by_start([*fixed, *_in_order(left, rest)])
    befores = [_place(before) for before, _ in fixed]
    afters = [_place(after) for _, after in fixed]
    between = [
        pair
        for gap in range(len(fixed) + 1)
        for pair in _in_order(
            [r for r in left if bisect_right(befores, _place(r)) == gap],
            [r for r in rest if bisect_right(afters, _place(r)) == gap],
        )
        # Beyond the ends the series grew or shrank, or reaches out of the window.
        if 0 < gap < len(fixed)
    ]
    return _by_start([*fixed, *between])


def relocated_instances(records: Iterable[TrackedEvent]) -> dict[Id, Value]:
    """Where instances are that vanished and came back under new ids, among all that is known."""
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


def is_held(record: TrackedEvent | None, calendar: CalendarState) -> bool:
    """Whether nothing may be written to a record: perhaps that would touch its whole series."""
    return (
        record is not None
        and not calendar.series_writes
        and bool(record.series)
        and not record.created_by_us
        and record.kind is Kind.APPOINTMENT
    )


def _renamed(old: Sequence[TrackedEvent], new: Sequence[TrackedEvent]) -> list[Pair]:
    """Pair series that came back under another master id: as many instances, at one shift."""
    befores = {s: _ordered(r) for s, r in _by_series(old).items() if s}
    afters = {s: _ordered(r) for s, r in _by_series(new).items() if s}
    fits = {
        (before, after): pairs
        for before, mine in sorted(befores.items())
        for after, theirs in sorted(afters.items())
        if (pairs := _fitting(mine, theirs))
    }
    return [
        pair
        for (before, after), pairs in fits.items()
        if not any((one[0] == before) is not (one[1] == after) for one in fits)
        for pair in pairs
    ]


def _fitting(old: Sequence[TrackedEvent], new: Sequence[TrackedEvent]) -> list[Pair]:
    """All pairs of two series if one is the other at a common shift, but for its ends."""
    pairs = by_position(old, new)
    if len(pairs) < max(2, min(len(old), len(new))):
        return []
    shifts = [_place(after) - _place(before) for before, after in pairs]
    if max(shifts) - min(shifts) > CLOCK_CHANGE:
        return []
    places = [(old.index(before), new.index(after)) for before, after in pairs]
    in_a_row = all(b[0] - a[0] == b[1] - a[1] == 1 for a, b in pairwise(places))
    return pairs if in_a_row else []


def _in_place(old: Sequence[TrackedEvent], new: Sequence[TrackedEvent]) -> list[Pair]:
    """Pair what stands where it stood: only ids changed, or a meeting became a series."""
    there: dict[object, list[TrackedEvent]] = defaultdict(list)
    for record in new:
        there[_interval(record)].append(record)
    stood = Counter(_interval(record) for record in old)
    return [
        (record, there[_interval(record)][0])
        for record in old
        if stood[_interval(record)] == 1 and len(there[_interval(record)]) == 1
    ]


def _common_shift(old: Sequence[TrackedEvent], new: Sequence[TrackedEvent]) -> timedelta | None:
    """The shift that explains the most pairs, if that is half of them; of equal ones the least."""
    shifts = Counter(_place(after) - _place(before) for before in old for after in new)
    if not shifts:
        return None
    shift = min(shifts, key=lambda s: (-shifts[s], abs(s), s))
    enough = max(2, (min(len(old), len(new)) + 1) // 2)
    return shift if shifts[shift] >= enough or not shift else None


def _in_order(old: Sequence[TrackedEvent], new: Sequence[TrackedEvent]) -> list[Pair]:
    """Pair as many as there can be without crossing, over the least time in all."""
    if len(old) == len(new):
        return list(zip(old, new, strict=True))
    if len(old) > len(new):
        return [(before, after) for after, before in _in_order(new, old)]
    # best[j]: the least for all of the old ones so far within the first j of the new ones.
    best: list[tuple[timedelta, tuple[int, ...]]] = [(timedelta(0), ())] * (len(new) + 1)
    for i, before in enumerate(old):
        row: list[tuple[timedelta, tuple[int, ...]]] = []
        last = len(new) - (len(old) - i)
        for j in range(i, last + 1):
            spent, chosen = best[j - i] if i else best[0]
            spent += abs(_place(new[j]) - _place(before))
            taken = (spent, (*chosen, j))
            row.append(min(row[-1], taken) if row else taken)
        best = row
    return [(before, new[j]) for before, j in zip(old, best[-1][1], strict=True)] if old else []


def _only_one(old: Sequence[TrackedEvent], new: Sequence[TrackedEvent]) -> list[Pair]:
    """Pair the only one that is left with the only one that it can be."""
    return [(old[0], new[0])] if len(old) == len(new) == 1 else []


def _without(records: Sequence[TrackedEvent], gone: Iterable[TrackedEvent]) -> list[TrackedEvent]:
    taken = {id(record) for record in gone}
    return [record for record in records if id(record) not in taken]


def _by_series(records: Iterable[TrackedEvent]) -> dict[tuple[str, ...], list[TrackedEvent]]:
    found: dict[tuple[str, ...], list[TrackedEvent]] = defaultdict(list)
    for record in records:
        found[series_of(record)].append(record)
    return found


def _who(record: TrackedEvent) -> Who | None:
    if record.person is None:
        return None
    return (record.system, record.person, record.service or "")


def _value(record: TrackedEvent) -> Value:
    value = record.observed or record.base or record.before_write
    if value is None:
        message = f"nothing is known of {record.id}"
        raise ValueError(message)
    return value


def _interval(record: TrackedEvent) -> tuple[datetime, datetime]:
    return _value(record).interval


def _place(record: TrackedEvent) -> datetime:
    return _value(record).start


def _ordered(records: Iterable[TrackedEvent]) -> tuple[TrackedEvent, ...]:
    return tuple(sorted(records, key=lambda r: (r.original_start or _place(r), _place(r), r.id)))


def _by_start(pairs: Iterable[Pair]) -> list[Pair]:
    return sorted(pairs, key=lambda pair: (_place(pair[0]), pair[0].id))
