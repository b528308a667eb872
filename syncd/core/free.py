"""The nearest times at which a provider is free in all systems, as far as is known.

Known is what syncd has read: every booking and block, in whichever system. A platform may know more
(its own working hours, buffers, notice), and refuse: then the time is a held conflict again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.core.draft import Draft
from syncd.model import Hours, Value

Interval = tuple[datetime, datetime]

_ANY = Hours()


@dataclass(frozen=True, slots=True)
class Search:
    """Where to look: within this distance of the wanted start, on this grid, in these hours."""

    within: timedelta = timedelta(hours=4)
    step: timedelta = timedelta(minutes=15)
    hours: Hours = _ANY


def free(busy: Iterable[Interval], wanted: Value, search: Search, now: datetime) -> list[Value]:
    """All free intervals of the wanted length, nearest start first, the later of two equals first.

    Starts lie a whole number of steps from the wanted one; none is in the past. The wanted interval
    itself is left out.
    """
    taken = sorted(
        (start, end)
        for start, end in busy
        if start < wanted.end + search.within and end > wanted.start - search.within
    )
    length = wanted.end - wanted.start
    return [
        Value(start, start + length, wanted.status)
        for start in _starts(wanted.start, search)
        if start >= now
        and search.hours.hold(start, start + length)
        and not any(begin < start + length and start < end for begin, end in taken)
    ]


def _starts(wanted: datetime, search: Search) -> Iterator[datetime]:
    for steps in range(1, search.within // search.step + 1):
        yield wanted + steps * search.step
        yield wanted - steps * search.step


def busy_of(draft: Draft, but: frozenset[str] = frozenset()) -> list[Interval]:
    """Every interval in which a provider is known to be busy, but for these bookings.

    Both what each calendar shows and what is agreed count, and what is claimed in held conflicts.
    """
    linked = draft.linked_ids()
    shown = [
        record.observed.interval
        for id_, record in draft.records.items()
        if record.observed is not None
        and record.observed.busy
        and not record.mine
        and (id_ not in linked or linked[id_].booking not in but)
    ]
    agreed = [
        b.agreed.interval for b in draft.bookings.values() if b.agreed.busy and b.id not in but
    ]
    claimed = [
        claim.value.interval
        for held in draft.state.conflicts
        if held.conflict.subject not in but
        for claim in held.conflict.claims
        if claim.value is not None and claim.value.busy
    ]
    return sorted({*shown, *agreed, *claimed})
