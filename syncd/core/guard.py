"""The brake (promise 7): too much news at once is an accident until a person says otherwise.

Judged per calendar, on news that nobody has decided on yet, so an accident that stays visible keeps
the brake on however often it is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta

from syncd.core.diff import is_news
from syncd.core.facts import Limits, digest
from syncd.core.rebooked import relocated as rebooked
from syncd.core.series import relocated
from syncd.model import Claim, Conflict, ConflictKind, Record, Value, Window, series_of


def mark(system: str, event: str | None, value: Value | None) -> str:
    """The name of one piece of news, for acceptance."""
    return digest(system, event, value)


def mark_of(record: Record) -> str:
    """The name of what is observed of a record now."""
    return mark(record.system, record.id, record.observed)


def judge(
    provider: str,
    system: str,
    records: Iterable[Record],
    covered: Sequence[Window],
    limits: Limits,
    *,
    accepted: AbstractSet[str] = frozenset(),
    tripped: AbstractSet[str] = frozenset(),
) -> Conflict | None:
    """Return the guard's conflict for one calendar, or None when its news is of a usual size.

    ``covered`` are the windows that were read in this cycle: the share is taken of the known events
    inside them, because only those had the chance to vanish or move. ``tripped`` are the events on
    which the guard stands already: the same accident never passes because a later read covered
    more, or because some of it has meanwhile ended; only when events come back is it judged anew.
    Of number and share a series is one meeting, however many instances moved with it. What is moved
    by one common amount is counted by events, and an instance under a new id as one that moved:
    where the whole calendar is one series, nothing else tells an accident from a move.
    """
    records = list(records)
    known = [
        record
        for record in records
        if record.system == system and record.base is not None and not record.ended
    ]
    # What was cancelled and booked anew is one that moved.
    again = rebooked(r for r in records if r.system == system)
    news = [
        r
        for r in known
        if (_gone_or_moved(r) or (r.system, r.id) in again) and mark_of(r) not in accepted
    ]
    if not news:
        return None
    fresh = {r.id for r in news}
    back = tripped & {r.id for r in known if r.id not in fresh}
    seen = [r for r in known if r in news or any(_inside(r, window) for window in covered)]
    if tripped:
        seen = news
    again |= relocated(r for r in records if r.system == system)
    shown = [(r, again.get((r.system, r.id), r.observed)) for r in news]
    deltas = {_delta(r.base, value) for r, value in shown}
    shifted = len(deltas) == 1 and None not in deltas
    meetings = _meetings(news)
    if meetings > limits.count and meetings > limits.share * _meetings(seen):
        note = f"{len(news)} known events vanished or moved at once"
    elif shifted and len(news) == len(seen) and len(news) >= limits.common:
        note = f"all {len(news)} known events moved by {_words(deltas.pop())}"
    elif tripped & fresh and not back:
        note = f"{len(news)} events of the same accident are still gone or moved"
    else:
        return None
    return Conflict(
        kind=ConflictKind.GUARD,
        provider=provider,
        subject=f"{system}/{provider}",
        claims=tuple(Claim(r.system, r.id, r.observed, r.observed_at) for r in news),
        inputs=digest(*sorted(mark_of(r) for r in news)),
        note=note,
    )


def _inside(record: Record, window: Window) -> bool:
    """Whether lists of that time show an event: they show what begins in it."""
    return record.base is not None and record.base.start in window


def _gone_or_moved(record: Record) -> bool:
    if record.observed is None:
        return is_news(record)
    return record.base is not None and record.observed.interval != record.base.interval


def _meetings(records: Iterable[Record]) -> int:
    """How many meetings these are: all instances of a series are one."""
    return len({series_of(r) or (r.id,) for r in records})


def _delta(before: Value | None, after: Value | None) -> timedelta | None:
    if before is None or after is None:
        return None
    start, end = after.start - before.start, after.end - before.end
    return start if start == end else None


def _words(delta: timedelta | None) -> str:
    if delta is None:
        return "different amounts"
    minutes = int(delta.total_seconds() // 60)
    sign = "+" if minutes >= 0 else "-"
    return f"{sign}{abs(minutes) // 60}:{abs(minutes) % 60:02d} h"
