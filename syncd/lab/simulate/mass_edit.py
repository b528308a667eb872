"""A calendar that is wiped or shifted at once, and what must not follow from it (promise 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

COUNT, SHARE, COMMON, ALL = 10, 0.2, 5, 3
"""The guard's limits as the promise states them: number, share, common shift, all without proof."""

TimeSpan = tuple[datetime, datetime]
Key = tuple[str, TimeSpan]

EVER = datetime(9999, 12, 30, tzinfo=UTC)
"""The value of an end that means "for ever"."""

MAX_DELAY = timedelta(hours=3)
"""How old the change behind a write may be: polls, faults and waits together."""


@dataclass(frozen=True, slots=True)
class EventView:
    """One event as a platform holds it now; ``busy`` is false for a cancelled meeting.

    A block that covers a buffer has the time of its meeting, and its own time in ``wide``.
    """

    provider: str
    kind: str
    start: datetime
    end: datetime
    busy: bool
    contact: str = ""
    status: str = ""
    texts: tuple[str, str] = ("", "")
    wide: TimeSpan | None = None

    @property
    def parties(self) -> tuple[str, str]:
        """The provider and the contact."""
        return (self.provider, self.contact)

    @property
    def interval(self) -> TimeSpan:
        """The start and end."""
        return (self.start, self.end)

    @property
    def key(self) -> Key:
        """The provider and the interval."""
        return (self.provider, self.interval)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one event. ``before`` is None for a new event, ``after`` for one that is gone."""

    at: datetime
    system: str
    event: str
    before: EventView | None
    after: EventView | None
    by_hand: bool

    @property
    def keeps_time(self) -> bool:
        """Return true if the event takes the same time as before."""
        both = self.before, self.after
        return all(view and view.busy for view in both) and len({s.key for s in both if s}) == 1

    @property
    def kind(self) -> str:
        """Name the change, for counts: verb and kind of event."""
        before, after = self.before, self.after
        if before is None or after is None:
            done = "create" if before is None else "remove"
        else:
            done = "change" if before.interval == after.interval else "move"
        return f"{done} {seen.kind if (seen := after or before) else 'nothing'}"

    def __str__(self) -> str:
        """Format the change as one line of a trace."""
        both = (self.before, self.after)
        shown = [f"{s.start:%d %H:%M}-{s.end:%H:%M}" if s else "nothing" for s in both]
        subject = next((f"{s.provider} {s.kind}" for s in both if s), "")
        return f"{subject} {self.event} {' to '.join(shown)}"


class Sliced(NamedTuple):
    """When a meeting went with a slice of its calendar, and whether the guard must stop that."""

    at: datetime
    waits: bool


@dataclass(slots=True)
class MassEdit:
    """Many events of one calendar that vanished or moved, by hand, at one moment.

    ``known`` are those that syncd had propagated to other calendars by then. ``over`` is set once a
    person accepted it (``accepted_at``), reverted it, or edited that calendar, which makes it
    another change.
    """

    at: datetime
    system: str
    provider: str
    news: Mapping[str, tuple[EventView, EventView | None]]
    known: frozenset[str]
    total: int
    over: bool = False
    unproven: bool = False
    accepted_at: datetime | None = None
    ours: frozenset[str] = frozenset()
    restores: bool = False

    @property
    def stops(self) -> bool:
        """Return true if the size is certainly one at which the guard has to stop.

        Meetings ahead are counted. syncd's own blocks (``ours``) are counted separately, unless it
        ``restores`` them: then nothing follows from their change.
        """
        ahead = {event: both for event, both in self.news.items() if both[0].end > self.at}
        blocks = {event: both for event, both in ahead.items() if event in self.ours}
        others = {event: both for event, both in ahead.items() if event not in self.ours}
        counted = [(others, self.total - len(self.ours))]
        counted += [] if self.restores else [(blocks, len(self.ours))]
        return any(self._is_too_much(news, total) for news, total in counted)

    def _is_too_much(
        self, news: Mapping[str, tuple[EventView, EventView | None]], total: int
    ) -> bool:
        known = news.keys() & self.known
        every = len(known) == len(news) == total
        # An event that is over before it is certainly read and proven does not count.
        certain = sum(news[event][0].end > self.at + MAX_DELAY for event in known)
        if self.unproven:
            return every and certain >= ALL
        if certain > COUNT and certain > SHARE * total:
            return True
        by = {_shift(before, after) for before, after in news.values()}
        common = len(by) == 1 and None not in by
        return common and every and certain >= COMMON

    def put_back(self, event: str, now: EventView) -> bool:
        """Return true if an event that was moved is back at its former place."""
        return event in self.news and self.news[event][0].interval == now.interval

    def leaves(self, system: str, view: EventView) -> bool:
        """Return true if a meeting that it moved or deleted was at that time in its own calendar.

        The old time of a stopped move stays closed, too. If another record of the meeting has not
        followed to that time yet, a block in that calendar closes it.
        """
        former = (old for event, (old, _) in self.news.items() if event not in self.ours)
        return (
            self.system == system
            and not self.over
            and any(
                old.busy and old.kind == "appointment" and old.key == view.key for old in former
            )
        )

    def _is_taken(self, former: EventView) -> bool:
        """Return true if another event was moved to where this one was."""
        return any(new is not None and new.key == former.key for _, new in self.news.values())

    def follows(self, change: Change) -> bool:
        """Return true if a change by syncd in another system propagates the mass edit."""
        if change.system == self.system:
            return False
        before, after = change.before, change.after
        freed = before is not None and before.busy and (after is None or not after.busy)
        moved = before and after and before.interval != after.interval
        removed = before is not None and before.kind == "block" and after is None
        for old, new in self.news.values():
            if (
                max(event_view.end for event_view in (old, new) if event_view is not None)
                <= self.at
            ):
                # An event that was over by then is no part of a stop (`core.mass_change.guard`) and
                # is propagated.
                continue
            # Until the operator decides, a moved event's former time is closed, too.
            is_freed = freed if new is None else removed and not self._is_taken(old)
            if is_freed and before is not None and before.key == old.key:
                return True
            same = moved and new and before and after and before.key == old.key
            if same and after and new and after.interval == new.interval:
                return True
        return False


def accepted_intervals(mass_edits: Iterable[MassEdit], since: datetime) -> set[TimeSpan]:
    """Return the new intervals of meetings that mass edits moved, if accepted after ``since``."""
    return {
        new.interval
        for mass_edit in mass_edits
        if mass_edit.accepted_at is not None and mass_edit.accepted_at > since
        for _, new in mass_edit.news.values()
        if new is not None
    }


def is_covered_by_meeting(change: Change, standing: Mapping[str, EventView]) -> bool:
    """Return true if a block left a time that a meeting of its own calendar takes."""
    before = change.before
    return (before is not None and before.kind == "block") and any(
        view.kind == "appointment" and view.busy and view.key == before.key
        for view in standing.values()
    )


def _shift(before: EventView, after: EventView | None) -> timedelta | None:
    return None if after is None else after.start - before.start


def format_interval(interval: TimeSpan) -> str:
    """Format an interval for a violation."""
    return f"{interval[0]:%d %b %H:%M}-{interval[1]:%H:%M}"
