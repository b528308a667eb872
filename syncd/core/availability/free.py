"""Find the nearest times at which a provider is free in all systems.

Used by the rule `next-free` for a move that a platform refused. Free means: no known booking or
block is there, and the systems offered the time when they were last asked. The platform may know
more and refuse the time as well; then the conflict is held again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from syncd.core.availability.offers import joined
from syncd.core.workspace import Workspace
from syncd.model import Availability, Hours, Offer, Value
from syncd.model.intervals import Interval, overlap

_ANY_HOURS = Hours()


@dataclass(frozen=True, slots=True)
class FreeSearch:
    """Where to look for a free time.

    - ``within``: the greatest distance from the wanted start. ``step``: the distance between tries.
    - ``hours``: the free time must be within these working hours.
    - ``asked``: the free slots of systems as last read. A system closes no time for which it was
      not asked.
    """

    within: timedelta = timedelta(hours=4)
    step: timedelta = timedelta(minutes=15)
    hours: Hours = _ANY_HOURS
    asked: tuple[Availability, ...] = ()


def nearest_free(
    busy: Iterable[Interval], wanted: Value, search: FreeSearch, now: datetime
) -> list[Value]:
    """Return all free intervals of the wanted length, the nearest first.

    ``busy`` are the taken intervals. ``wanted`` is the refused value, whose status is kept. Of two
    equally near intervals, the later is first. Each start is a whole number of steps from the
    wanted start and not in the past. The wanted interval itself is left out.
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
        and search.hours.contains(start, start + length)
        and not any(overlap(interval, (start, start + length)) for interval in taken)
        and all(_offers(asked, wanted, (start, start + length)) for asked in search.asked)
    ]


def _offers(asked: Availability, wanted: Value, span: Interval) -> bool:
    """Return true if a system offers all of a span, or was not asked for it.

    The meeting's own present time counts as offered.
    """
    start, end = span
    if not (asked.window.start <= start and end <= asked.window.end):
        return True
    here = joined((*(replace(o, calendar_id="") for o in asked.offers), Offer(*wanted.interval)))
    return any(offer.start <= start and end <= offer.end for offer in here)


def _starts(wanted: datetime, search: FreeSearch) -> Iterator[datetime]:
    for steps in range(1, search.within // search.step + 1):
        yield wanted + steps * search.step
        yield wanted - steps * search.step


def busy_intervals(workspace: Workspace, excluded: frozenset[str] = frozenset()) -> list[Interval]:
    """Return every interval in which a provider is known to be busy, without ``excluded`` bookings.

    Observed values, agreed values and the claims of held conflicts count.
    """
    linked = workspace.linked_ids()
    shown = [
        record.observed.interval
        for id_, record in workspace.records.items()
        if record.observed is not None
        and record.observed.busy
        and not record.created_by_us
        and (id_ not in linked or linked[id_].booking not in excluded)
    ]
    agreed = [
        b.agreed.interval
        for b in workspace.bookings.values()
        if b.agreed.busy and b.id not in excluded
    ]
    claimed = [
        claim.value.interval
        for held in workspace.state.conflicts
        if held.conflict.subject not in excluded
        for claim in held.conflict.claims
        if claim.value is not None and claim.value.busy
    ]
    return sorted({*shown, *agreed, *claimed})
