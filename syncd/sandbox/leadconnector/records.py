"""What a location holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum

from syncd.sandbox.records import Appointment

STATUSES = frozenset({"new", "confirmed", "cancelled", "showed", "noshow", "invalid"})
FREEING = frozenset({"cancelled", "noshow", "invalid"})
"""The statuses whose appointments take no time."""


class CalendarType(StrEnum):
    """The calendar types of docs/platforms/leadconnector-v2.md#calendars-and-groups."""

    ROUND_ROBIN = "round_robin"
    EVENT = "event"
    CLASS_BOOKING = "class_booking"
    COLLECTIVE = "collective"
    SERVICE_BOOKING = "service_booking"
    PERSONAL = "personal"


@dataclass(frozen=True, slots=True)
class User:
    """A member of the location's staff."""

    id: str
    name: str
    email: str
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A group of calendars."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Opening:
    """Hours on some days of the week (0 is Sunday), on the location's wall clock."""

    days: tuple[int, ...]
    opens: time
    closes: time


OFFICE_HOURS = (Opening((1, 2, 3, 4, 5), time(9), time(17)),)


@dataclass(frozen=True, slots=True)
class Calendar:
    """A calendar: whose team it books, when it is open, how long its slots are in minutes.

    One that ``ignores_blocks`` offers its slots whatever blocks its users have, as calendars were
    seen to that do not count a user's busy time (docs/platforms/leadconnector-v2.md#free-slots).
    ``buffers`` are kept free before and after each of its bookings, in ``buffer_unit``.
    """

    id: str
    name: str
    type: CalendarType
    users: tuple[str, ...] = ()
    group: str = ""
    hours: tuple[Opening, ...] = OFFICE_HOURS
    slot_minutes: int = 30
    per_slot: int = 1
    ignores_blocks: bool = False
    buffers: tuple[float, float] = (0, 0)
    buffer_unit: str = "mins"

    def closes(self, meeting: Meeting) -> tuple[datetime, datetime]:
        """The time in which a booking of this calendar closes it."""
        minutes = {"mins": 1, "hours": 60}.get(self.buffer_unit, 0)
        before, after = (timedelta(minutes=minutes * amount) for amount in self.buffers)
        return meeting.start - before, meeting.end + after

    @property
    def shows_user(self) -> bool:
        """Whether its events name a user; those of event calendars do not (#reading-events)."""
        return self.type is not CalendarType.EVENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting(Appointment):
    """An appointment as the location keeps it; ``service``: booked through a service menu."""

    added_at: datetime
    source: str = "calendar_page"
    description: str = ""
    resources: tuple[str, ...] = ()
    series: str = ""
    hosts: tuple[str, ...] = ()
    notes: str = ""
    custom: tuple[tuple[str, str], ...] = ()
    service: bool = False

    @property
    def takes(self) -> tuple[str, ...]:
        """The users whose time it takes: the assigned one, and the further hosts."""
        return tuple(dict.fromkeys(user for user in (self.user, *self.hosts) if user))

    @property
    def busy(self) -> bool:
        """Whether it takes its time."""
        return not self.deleted and self.status not in FREEING


@dataclass(frozen=True, slots=True)
class Notification:
    """A message that a write sent to a customer, because it did not say ``toNotify: false``."""

    event: str
    what: str
