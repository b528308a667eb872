"""Records of a location."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum

from syncd.lab.sandbox.records import PlatformAppointment

STATUSES = frozenset({"new", "confirmed", "cancelled", "showed", "noshow", "invalid"})
FREEING = frozenset({"cancelled", "noshow", "invalid"})
"""Appointments with these statuses take no time."""


class CalendarType(StrEnum):
    """The calendar types of docs/platforms/leadconnector-v2.md#calendars-and-groups."""

    ROUND_ROBIN = "round_robin"
    EVENT = "event"
    CLASS_BOOKING = "class_booking"
    COLLECTIVE = "collective"
    SERVICE_BOOKING = "service_booking"
    PERSONAL = "personal"


@dataclass(frozen=True, slots=True)
class StaffUser:
    """A member of the location's staff."""

    id: str
    name: str
    email: str
    phone: str = ""


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """A group of calendars."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class OpenHours:
    """Hours on some days of the week (0 is Sunday), as wall time in the location's time zone."""

    days: tuple[int, ...]
    opens: time
    closes: time


OFFICE_HOURS = (OpenHours((1, 2, 3, 4, 5), time(9), time(17)),)


@dataclass(frozen=True, slots=True)
class CalendarRecord:
    """A calendar: its team, its opening hours, and the length of its slots in minutes.

    With ``ignores_blocks`` the calendar offers slots that blocks of its users cover; such calendars
    were seen (docs/platforms/leadconnector-v2.md#free-slots). ``buffers`` are the free times before
    and after each of its bookings, in ``buffer_unit``.
    """

    id: str
    name: str
    type: CalendarType
    users: tuple[str, ...] = ()
    group: str = ""
    hours: tuple[OpenHours, ...] = OFFICE_HOURS
    slot_minutes: int = 30
    per_slot: int = 1
    ignores_blocks: bool = False
    buffers: tuple[float, float] = (0, 0)
    buffer_unit: str = "mins"

    def buffered_interval(self, meeting: Meeting) -> tuple[datetime, datetime]:
        """Return the interval of a booking with the calendar's buffers."""
        minutes = {"mins": 1, "hours": 60}.get(self.buffer_unit, 0)
        before, after = (timedelta(minutes=minutes * amount) for amount in self.buffers)
        return meeting.start - before, meeting.end + after

    @property
    def shows_user(self) -> bool:
        """Return true if events of this calendar name a user (#reading-events).

        Events of event calendars name no user.
        """
        return self.type is not CalendarType.EVENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting(PlatformAppointment):
    """An appointment as the location stores it; ``service``: booked through a service menu."""

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
    def all_users(self) -> tuple[str, ...]:
        """Return the users whose time the meeting takes.

        They are the assigned user and the further hosts.
        """
        return tuple(dict.fromkeys(user for user in (self.user, *self.hosts) if user))

    @property
    def busy(self) -> bool:
        """Return true if the meeting takes time."""
        return not self.deleted and self.status not in FREEING


@dataclass(frozen=True, slots=True)
class Notification:
    """A message to a customer, sent because a write did not set ``toNotify: false``."""

    event: str
    what: str
