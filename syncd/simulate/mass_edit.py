"""A calendar that is wiped or shifted at once, and what must not follow from it (promise 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

COUNT, SHARE, COMMON, ALL = 10, 0.2, 5, 3
"""The guard's limits as the promise states them: number, share, common shift, all unproven."""

Interval = tuple[datetime, datetime]
Key = tuple[str, Interval]

EVER = datetime(9999, 12, 30, tzinfo=UTC)
"""Where an end that stands for "for ever" is put."""

LATE = timedelta(hours=3)
"""How old the news may be that a write still follows from: polls, faults and waits together."""


@dataclass(frozen=True, slots=True)
class View:
    """One event as a platform holds it now; ``busy`` is false for a meeting that is off.

    A block that covers a buffer has the time of its meeting, and its own as ``wide``.
    """

    provider: str
    kind: str
    start: datetime
    end: datetime
    busy: bool
    contact: str = ""
    status: str = ""
    texts: tuple[str, str] = ("", "")
    wide: Interval | None = None

    @property
    def who(self) -> tuple[str, str]:
        """Between whom it is."""
        return (self.provider, self.contact)

    @property
    def interval(self) -> Interval:
        """Start and end."""
        return (self.start, self.end)

    @property
    def key(self) -> Key:
        """Whose time it takes."""
        return (self.provider, self.interval)


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one event: None before it is there, None after it is gone."""

    at: datetime
    system: str
    event: str
    before: View | None
    after: View | None
    by_hand: bool

    @property
    def keeps_time(self) -> bool:
        """Whether the event takes the same time as before."""
        both = self.before, self.after
        return all(seen and seen.busy for seen in both) and len({s.key for s in both if s}) == 1

    @property
    def kind(self) -> str:
        """Name what was done to what, for counts."""
        before, after = self.before, self.after
        if before is None or after is None:
            done = "create" if before is None else "remove"
        else:
            done = "change" if before.interval == after.interval else "move"
        return f"{done} {seen.kind if (seen := after or before) else 'nothing'}"

    def __str__(self) -> str:
        """Say it in one line of a trace."""
        both = (self.before, self.after)
        shown = [f"{s.start:%d %H:%M}-{s.end:%H:%M}" if s else "nothing" for s in both]
        what = next((f"{s.provider} {s.kind}" for s in both if s), "")
        return f"{what} {self.event} {' to '.join(shown)}"


class Sliced(NamedTuple):
    """When a meeting went with a slice of its calendar, and whether the guard has to stop that."""

    at: datetime
    waits: bool


@dataclass(slots=True)
class MassEdit:
    """Many events of one calendar vanished or moved, by hand, in one moment.

    ``known`` are those that syncd had carried to other calendars by then. ``over`` once a person
    accepted it (``accepted_at``), undid it, or edited that calendar, so that its news is another.
    """

    at: datetime
    system: str
    provider: str
    news: Mapping[str, tuple[View, View | None]]
    known: frozenset[str]
    total: int
    over: bool = False
    unproven: bool = False
    accepted_at: datetime | None = None
    ours: frozenset[str] = frozenset()
    restores: bool = False

    @property
    def stops(self) -> bool:
        """Whether it is surely of a size at which the guard has to stop.

        Meetings that are ahead are counted, and apart from them syncd's own blocks (``ours``, all
        that stood there), unless it ``restores`` those: then nothing follows from their change.
        """
        ahead = {event: both for event, both in self.news.items() if both[0].end > self.at}
        blocks = {event: both for event, both in ahead.items() if event in self.ours}
        others = {event: both for event, both in ahead.items() if event not in self.ours}
        counted = [(others, self.total - len(self.ours))]
        counted += [] if self.restores else [(blocks, len(self.ours))]
        return any(self._is_too_much(news, total) for news, total in counted)

    def _is_too_much(self, news: Mapping[str, tuple[View, View | None]], total: int) -> bool:
        known = news.keys() & self.known
        every = len(known) == len(news) == total
        # What is over before it is surely seen and proven does not count then.
        sure = sum(news[event][0].end > self.at + LATE for event in known)
        if self.unproven:
            return every and sure >= ALL
        if sure > COUNT and sure > SHARE * total:
            return True
        by = {_shift(before, after) for before, after in news.values()}
        common = len(by) == 1 and None not in by
        return common and every and sure >= COMMON

    def put_back(self, event: str, now: View) -> bool:
        """Whether an event that it moved stands where it stood before."""
        return event in self.news and self.news[event][0].interval == now.interval

    def leaves(self, system: str, time: View) -> bool:
        """Whether a meeting that it took away stood at that time in its own calendar.

        Of a stopped move the old time stays closed, too. Where another record of the meeting has
        not followed to that time yet, a block in that calendar closes it.
        """
        stood = (old for event, (old, _) in self.news.items() if event not in self.ours)
        return (
            self.system == system
            and not self.over
            and any(old.busy and old.kind == "appointment" and old.key == time.key for old in stood)
        )

    def _is_taken(self, former: View) -> bool:
        """Whether the accident moved another event to where this one stood."""
        return any(new is not None and new.key == former.key for _, new in self.news.values())

    def follows(self, change: Change) -> bool:
        """Whether a change that syncd made in another system says what the accident says."""
        if change.system == self.system:
            return False
        before, after = change.before, change.after
        freed = before is not None and before.busy and (after is None or not after.busy)
        moved = before and after and before.interval != after.interval
        removed = before is not None and before.kind == "block" and after is None
        for old, new in self.news.values():
            if max(each.end for each in (old, new) if each is not None) <= self.at:
                # What was over by then is no part of a stop (`core.mass_change_guard`): it is
                # carried.
                continue
            # What the accident moved takes its former time until a person decides, too.
            gone = freed if new is None else removed and not self._is_taken(old)
            if gone and before is not None and before.key == old.key:
                return True
            same = moved and new and before and after and before.key == old.key
            if same and after and new and after.interval == new.interval:
                return True
        return False


def let_pass(accidents: Iterable[MassEdit], since: datetime) -> set[Interval]:
    """Where meetings were moved by what a person let pass after that time: it is said then."""
    return {
        new.interval
        for accident in accidents
        if accident.accepted_at is not None and accident.accepted_at > since
        for _, new in accident.news.values()
        if new is not None
    }


def is_closed(change: Change, standing: Mapping[str, View]) -> bool:
    """Whether a block left a time that a meeting of its own calendar takes."""
    before = change.before
    return (before is not None and before.kind == "block") and any(
        seen.kind == "appointment" and seen.busy and seen.key == before.key
        for seen in standing.values()
    )


def _shift(before: View, after: View | None) -> timedelta | None:
    return None if after is None else after.start - before.start


def span(interval: Interval) -> str:
    """The interval as a broken promise names it."""
    return f"{interval[0]:%d %b %H:%M}-{interval[1]:%H:%M}"
