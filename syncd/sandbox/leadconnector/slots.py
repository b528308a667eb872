"""Which slots a calendar offers: a pure function of its hours and of what is taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.model import resolve_wall_time, zone
from syncd.sandbox.leadconnector.records import Calendar, CalendarType, Meeting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syncd.sandbox.records import Block

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Taken:
    """What closes slots: the appointments that take time, and all blocks."""

    meetings: Sequence[Meeting]
    blocks: Sequence[Block]

    def frees(self, calendar: Calendar, user: str, span: Span) -> bool:
        """Whether this user (empty: the calendar itself) can take one more guest then.

        A user's block closes all of the user's calendars (leadconnector-v2.md 1.5); appointments
        of the same calendar share a slot up to its appointments per slot.
        """
        for block in () if calendar.ignores_blocks else self.blocks:
            owned = block.user == user if block.user else block.calendar == calendar.id
            if owned and _overlap((block.start, block.end), span):
                return False
        guests = 0
        for meeting in self.meetings:
            if not _overlap((meeting.start, meeting.end), span):
                continue
            if meeting.calendar == calendar.id and meeting.user == user:
                guests += 1
            elif user and meeting.user == user:
                return False
        return guests < calendar.per_slot


def free_slots(
    calendar: Calendar, users: Sequence[str], taken: Taken, span: Span, zone_name: str
) -> list[Span]:
    """The slots that start inside the span and that the team can take, in order.

    A collective calendar needs all of its users, any other one of them.
    """
    team = users or ("",)
    enough = all if calendar.type is CalendarType.COLLECTIVE else any
    return [
        slot
        for slot in _open_slots(calendar, span, zone_name)
        if enough(taken.frees(calendar, user, slot) for user in team)
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
            wall = datetime.combine(day, opening.opens)
            while wall + length <= datetime.combine(day, opening.closes):
                found = resolve_wall_time(wall, zone_name)
                if found.note != "gap" and span[0] <= found.instant < span[1]:
                    yield found.instant, found.instant + length
                wall += length
        day += timedelta(days=1)


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]
