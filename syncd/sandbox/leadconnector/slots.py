"""Which slots a calendar offers: a pure function of its hours and of what is taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from syncd.model import resolve_wall_time, zone
from syncd.sandbox.leadconnector.records import Calendar, CalendarType, Meeting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syncd.sandbox.records import Block

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Taken:
    """What closes slots: the appointments that take time, and the blocks that close calendars."""

    meetings: Sequence[Meeting]
    blocks: Sequence[Block]

    def near(self, calendar: Calendar, team: Sequence[str], span: Span) -> Taken:
        """What may close slots of the team in the span: all else need not be asked for each."""
        return Taken(
            [m for m in self.meetings if _overlap(calendar.closes(m), span)],
            [
                b
                for b in self.blocks
                if (not b.user or b.user in team) and _overlap((b.start, b.end), span)
            ],
        )

    def of(self, calendar: Calendar, user: str) -> Closed:
        """What closes slots of the calendar to this user (empty: to the calendar itself).

        A user's block closes all of the user's calendars
        (docs/platforms/leadconnector-v2.md#blocks); appointments of the same calendar share a slot
        up to its appointments per slot, and keep its buffers.
        """
        closed = [
            (block.start, block.end)
            for block in (() if calendar.ignores_blocks else self.blocks)
            if (block.user == user if block.user else block.calendar == calendar.id)
        ]
        shared = []
        for meeting in self.meetings:
            if meeting.calendar == calendar.id and meeting.user == user:
                shared.append((calendar.closes(meeting), (meeting.start, meeting.end)))
            elif user and user in meeting.takes:
                closed.append((meeting.start, meeting.end))
        return Closed(closed, shared, calendar.per_slot)

    def frees(self, calendar: Calendar, user: str, span: Span) -> bool:
        """Whether this user (empty: the calendar itself) can take one more guest then."""
        return self.of(calendar, user).frees(span)


@dataclass(frozen=True, slots=True)
class Closed:
    """What closes one user's slots; ``shared`` are appointments with and without their buffers."""

    spans: Sequence[Span]
    shared: Sequence[tuple[Span, Span]]
    per_slot: int

    def frees(self, span: Span) -> bool:
        """Whether there is room for one more guest then."""
        if any(_overlap(closed, span) for closed in self.spans):
            return False
        guests = 0
        for kept, meeting in self.shared:
            if not _overlap(kept, span):
                continue
            if not _overlap(meeting, span):
                return False
            guests += 1
        return guests < self.per_slot


def free_slots(
    calendar: Calendar, users: Sequence[str], taken: Taken, span: Span, zone_name: str
) -> list[Span]:
    """The slots that start inside the span and that the team can take, in order.

    A collective calendar needs all of its users, any other one of them.
    """
    team = users or ("",)
    enough = all if calendar.type is CalendarType.COLLECTIVE else any
    taken = taken.near(
        calendar, team, (span[0], span[1] + timedelta(minutes=calendar.slot_minutes))
    )
    seats = [taken.of(calendar, user) for user in team]
    return [
        slot
        for slot in _open_slots(calendar, span, zone_name)
        if enough(seat.frees(slot) for seat in seats)
    ]


def _open_slots(calendar: Calendar, span: Span, zone_name: str) -> Iterator[Span]:
    """All slots of the opening hours that start inside the span, at wall times that exist."""
    length = timedelta(minutes=calendar.slot_minutes)
    day = span[0].astimezone(zone(zone_name)).date()
    last = span[1].astimezone(zone(zone_name)).date()
    while day <= last:
        for opening in calendar.hours:
            if day.isoweekday() % 7 not in opening.days:
                continue
            for start in _starts(day, opening.opens, opening.closes, length, zone_name):
                if span[0] <= start < span[1]:
                    yield start, start + length
        day += timedelta(days=1)


@lru_cache(maxsize=4096)
def _starts(
    day: date, opens: time, closes: time, length: timedelta, zone_name: str
) -> Sequence[datetime]:
    """When slots start on one day, whatever is taken: it is asked again and again."""
    found = []
    wall = datetime.combine(day, opens)
    while wall + length <= datetime.combine(day, closes):
        resolved = resolve_wall_time(wall, zone_name)
        if resolved.note != "gap":
            found.append(resolved.instant)
        wall += length
    return tuple(found)


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]
