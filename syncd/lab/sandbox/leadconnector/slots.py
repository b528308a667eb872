"""Free slots of a calendar, computed from its hours and the busy time: pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from syncd.lab.sandbox.leadconnector.records import CalendarRecord, CalendarType, Meeting
from syncd.model import resolve_wall_time, zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syncd.lab.sandbox.records import PlatformBlock

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class BusyTime:
    """What closes slots: the appointments that take time, and the blocks that close calendars."""

    meetings: Sequence[Meeting]
    blocks: Sequence[PlatformBlock]

    def within(self, calendar: CalendarRecord, team: Sequence[str], span: Span) -> BusyTime:
        """Return the part that can close slots of this team in this span.

        `free_slots` narrows the search once, not for every slot.
        """
        return BusyTime(
            [m for m in self.meetings if _overlap(calendar.buffered_interval(m), span)],
            [
                b
                for b in self.blocks
                if (not b.user or b.user in team) and _overlap((b.start, b.end), span)
            ],
        )

    def for_user(self, calendar: CalendarRecord, user: str) -> UserBusyTime:
        """Return what closes slots of the calendar for this user ('': for the calendar itself).

        A user's block closes all of the user's calendars
        (docs/platforms/leadconnector-v2.md#blocks). Appointments of the same calendar share a slot
        up to its number of appointments per slot, and keep its buffers.
        """
        closed = [
            (block.start, block.end)
            for block in (() if calendar.ignores_blocks else self.blocks)
            if (block.user == user if block.user else block.calendar == calendar.id)
        ]
        shared = []
        for meeting in self.meetings:
            if meeting.calendar == calendar.id and meeting.user == user:
                shared.append((calendar.buffered_interval(meeting), (meeting.start, meeting.end)))
            elif user and user in meeting.all_users:
                closed.append((meeting.start, meeting.end))
        return UserBusyTime(closed, shared, calendar.per_slot)

    def has_room(self, calendar: CalendarRecord, user: str, span: Span) -> bool:
        """Return true if this user can take one more guest in the span.

        ``user`` '' means the calendar itself.
        """
        return self.for_user(calendar, user).has_room(span)


@dataclass(frozen=True, slots=True)
class UserBusyTime:
    """What closes one user's slots; ``shared`` are appointments with and without their buffers."""

    spans: Sequence[Span]
    shared: Sequence[tuple[Span, Span]]
    per_slot: int

    def has_room(self, span: Span) -> bool:
        """Return true if one more guest can be booked in this span."""
        if any(_overlap(closed, span) for closed in self.spans):
            return False
        guests = 0
        for buffered, meeting in self.shared:
            if not _overlap(buffered, span):
                continue
            if not _overlap(meeting, span):
                return False
            guests += 1
        return guests < self.per_slot


def free_slots(
    calendar: CalendarRecord, users: Sequence[str], busy: BusyTime, span: Span, zone_name: str
) -> list[Span]:
    """Return the slots that start in the span and that the team can take, sorted.

    A collective calendar needs all of its users, any other calendar one of them.
    """
    team = users or ("",)
    combine = all if calendar.type is CalendarType.COLLECTIVE else any
    busy = busy.within(
        calendar, team, (span[0], span[1] + timedelta(minutes=calendar.slot_minutes))
    )
    users_busy_time = [busy.for_user(calendar, user) for user in team]
    return [
        slot
        for slot in _open_slots(calendar, span, zone_name)
        if combine(user_busy.has_room(slot) for user_busy in users_busy_time)
    ]


def _open_slots(calendar: CalendarRecord, span: Span, zone_name: str) -> Iterator[Span]:
    """Yield the slots of the opening hours that start in the span, at wall times that exist."""
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
    """Return when slots start on one day, regardless of bookings; cached, as it is called often."""
    starts = []
    wall_time = datetime.combine(day, opens)
    while wall_time + length <= datetime.combine(day, closes):
        resolved = resolve_wall_time(wall_time, zone_name)
        if resolved.note != "gap":
            starts.append(resolved.instant)
        wall_time += length
    return tuple(starts)


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]
