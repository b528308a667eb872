"""The state of a location, and the actions of its staff."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from syncd.lab.sandbox.contacts import ContactRecord
from syncd.lab.sandbox.history import VersionedTable
from syncd.lab.sandbox.ids import guid_ids
from syncd.lab.sandbox.leadconnector.facts import LocationFacts
from syncd.lab.sandbox.leadconnector.records import (
    OFFICE_HOURS,
    STATUSES,
    CalendarRecord,
    CalendarType,
    GroupRecord,
    Meeting,
    Notification,
    OpenHours,
    StaffUser,
)
from syncd.lab.sandbox.leadconnector.write_effects import apply_write
from syncd.lab.sandbox.limits import RateLimit
from syncd.lab.sandbox.platform import Platform
from syncd.lab.sandbox.records import PlatformAppointment, PlatformBlock
from syncd.model import utc, zone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.lab.sandbox.clock import SandboxClock
    from syncd.lab.sandbox.faults import Faults
    from syncd.lab.sandbox.ids import Ids
    from syncd.lab.sandbox.recurring import Move


class LocationState(LocationFacts, Platform):
    """Users, calendars, contacts and events of one location.

    The methods act as people in the web application do. They check only that ids are known
    (KeyError) and values valid (ValueError), and notify nobody.
    """

    def __init__(
        self,
        name: str,
        clock: SandboxClock,
        ids: Ids,
        faults: Faults | None = None,
        *,
        token: str = "pit-sandbox",  # noqa: S107 - only valid for the emulator
        location_id: str = "",
        timezone: str = "Europe/Berlin",
    ) -> None:
        """Start an empty location. Raises ValueError for an unknown time zone.

        ``scopes`` are the scopes of the token; None, the initial value, means all.
        """
        super().__init__(name, clock, ids, faults)
        self.token = token
        self.location_id = location_id or ids()
        self.timezone = timezone
        self.zone = zone(timezone)
        self.limit = RateLimit(100, 10, 200_000)
        self.users: dict[str, StaffUser] = {}
        self.groups: dict[str, GroupRecord] = {}
        self.calendars: dict[str, CalendarRecord] = {}
        self.scopes: frozenset[str] | None = None
        self.contacts: dict[str, ContactRecord] = {}
        self.notifications: list[Notification] = []
        self.refused_words: list[str] = []
        self.meetings: VersionedTable[Meeting] = VersionedTable(clock)
        self.stored_blocks: VersionedTable[PlatformBlock] = VersionedTable(clock)
        self._trace = guid_ids(f"trace {name}")

    # --- setup --------------------------------------------------------------------------------

    def add_user(self, name: str, email: str, id: str = "", *, phone: str = "") -> str:
        """Add a member of staff and return the id."""
        user = StaffUser(id or self.new_id(), name, email, phone)
        self.users[user.id] = user
        return user.id

    def add_group(self, name: str, id: str = "") -> str:
        """Add a group of calendars and return its id."""
        group = GroupRecord(id or self.new_id(), name)
        self.groups[group.id] = group
        return group.id

    def add_calendar(
        self,
        name: str,
        type: str = "personal",
        users: Sequence[str] = (),
        group: str | None = None,
        *,
        id: str = "",
        hours: Sequence[OpenHours] = OFFICE_HOURS,
        slot_minutes: int = 30,
        per_slot: int = 1,
        ignores_blocks: bool = False,
    ) -> str:
        """Add a calendar and return its id.

        Raises KeyError for an unknown user or group, ValueError for an unknown type.
        """
        for user in users:
            _known(self.users, user, "user")
        if group:
            _known(self.groups, group, "group")
        calendar = CalendarRecord(
            id or self.new_id(),
            name,
            CalendarType(type),
            tuple(users),
            group or "",
            tuple(hours),
            slot_minutes,
            per_slot,
            ignores_blocks,
        )
        self.calendars[calendar.id] = calendar
        return calendar.id

    def add_contact(self, name: str, email: str = "", phone: str = "", id: str = "") -> str:
        """Add a customer and return the id."""
        contact = ContactRecord(id or self.new_id(), name, email, phone)
        self.contacts[contact.id] = contact
        return contact.id

    # --- actions of the staff -----------------------------------------------------------------

    def book(
        self,
        calendar: str,
        user: str,
        start: datetime,
        end: datetime,
        contact: str,
        status: str = "confirmed",
        title: str = "Appointment",
        resources: Sequence[str] = (),
        description: str = "",
        hosts: Sequence[str] = (),
        *,
        id: str = "",
        series: str = "",
    ) -> str:
        """Enter an appointment and return its id. Event calendars take an empty user.

        With ``series``, the appointment is an instance of the recurring event with that master id.
        ``hosts`` are the ids of the further hosts, ``resources`` those of rooms and equipment.
        """
        _known(self.calendars, calendar, "calendar")
        _known(self.contacts, contact, "contact")
        if user:
            _known(self.users, user, "user")
        for host in hosts:
            _known(self.users, host, "user")
        now = self.stamp()
        meeting = Meeting(
            id or self.new_id(),
            calendar,
            user,
            *_interval(start, end),
            _status(status),
            contact,
            title,
            now,
            added_at=now,
            resources=tuple(resources),
            description=description,
            series=series,
            hosts=tuple(hosts),
        )
        self.meetings.put(meeting.id, meeting)
        return meeting.id

    def instances(self, series: str) -> list[Meeting]:
        """Return the appointments of a series that are not deleted, sorted by time."""
        instances = [m for m in self.meetings.values() if m.series == series and not m.deleted]
        return sorted(instances, key=lambda m: (m.start, m.id))

    def series_of(self) -> dict[str, str]:
        """Return the series of every instance that ever existed, by instance id."""
        return {each.id: each.series for each in self.meetings.values() if each.series}

    def instance_id(self, series: str, start: datetime, end: datetime) -> str:
        """Return the id of an instance: master id, start in ms, length in s.

        See docs/platforms/leadconnector-v2.md#recurring-events.
        """
        return f"{series}_{int(start.timestamp() * 1000)}_{int((end - start).total_seconds())}"

    def move_instances(self, moves: Mapping[str, Move], series: str) -> None:
        """Move instances of a series, all at the same moment, optionally with new ids.

        ``moves`` has the new id, start and end of each instance, by its current id. If the new id
        differs, the instance with the current id is deleted. ``series`` is the master id of the
        moved instances, which may be new.
        """
        records = [self._meeting(id) for id in moves]
        for record in records:
            if moves[record.id][0] != record.id:
                self.delete(record.id)
        for record in records:
            new_id, start, end = moves[record.id]
            start, end = _interval(start, end)
            moved = replace(
                record,
                id=new_id,
                start=start,
                end=end,
                series=series,
                updated_at=self.stamp(),
            )
            self.meetings.put(new_id, moved)

    def write_meeting(self, meeting: Meeting) -> None:
        """Store an appointment as a request of the API wrote it."""
        apply_write(self, meeting)

    def set_hosts(self, id: str, user: str, hosts: Sequence[str] = ()) -> None:
        """Replace the assigned user and the further hosts of a meeting, as staff do.

        ``id`` is the meeting's id. ``user`` is the id of the assigned user ('': nobody), ``hosts``
        are the ids of the other users who take part. Raises KeyError for an unknown id.
        """
        for each in (*([user] if user else []), *hosts):
            _known(self.users, each, "user")
        further = tuple(host for host in dict.fromkeys(hosts) if host != user)
        now = self.stamp()
        changed = replace(self._meeting(id), user=user, hosts=further, updated_at=now)
        self.meetings.put(id, changed)

    def move(self, id: str, start: datetime, end: datetime, user: str | None = None) -> str:
        """Move an appointment, or give it to another user (None: same user; '': nobody).

        Return the id of the appointment, which is new with the fault NEW_ID_ON_MOVE.
        """
        meeting = self._meeting(id)
        if user:
            _known(self.users, user, "user")
        start, end = _interval(start, end)
        moved = replace(
            meeting,
            id=self.moved_id(id),
            start=start,
            end=end,
            user=meeting.user if user is None else user,
            updated_at=self.stamp(),
        )
        if moved.id != id:
            self.delete(id)
        self.meetings.put(moved.id, moved)
        return moved.id

    def set_status(self, id: str, status: str) -> None:
        """Change the status of an appointment."""
        changed = replace(self._meeting(id), status=_status(status), updated_at=self.stamp())
        self.meetings.put(id, changed)

    def cancel(self, id: str) -> None:
        """Cancel an appointment. It stays listed."""
        self.set_status(id, "cancelled")

    def delete(self, id: str) -> None:
        """Delete an appointment. Its status does not change.

        See docs/platforms/leadconnector-v2.md#reading-one-event.
        """
        deleted = replace(self._meeting(id), deleted=True, updated_at=self.stamp())
        self.meetings.put(id, deleted)

    def undelete(self, id: str) -> None:
        """Restore a deleted appointment. Raises KeyError if it is not deleted."""
        meeting = self.meetings.get(id)
        if meeting is None or not meeting.deleted:
            message = f"there is no deleted appointment {id}"
            raise KeyError(message)
        self.meetings.put(id, replace(meeting, deleted=False, updated_at=self.stamp()))

    def block(
        self, user: str, start: datetime, end: datetime, title: str, calendar: str | None = None
    ) -> str:
        """Block the time of a user, or of a calendar if one is given. Returns the block's id."""
        if calendar:
            _known(self.calendars, calendar, "calendar")
        else:
            _known(self.users, user, "user")
        start, end = _interval(start, end)
        block = PlatformBlock(self.new_id(), user, calendar or "", start, end, title, self.stamp())
        self.stored_blocks.put(block.id, block)
        return block.id

    def close_day(self, user: str, day: date, title: str) -> str:
        """Block a whole day of a user, in the location's time zone. Returns the block's id."""
        start, end = (
            datetime.combine(on, time(), self.zone).astimezone(UTC)
            for on in (day, day + timedelta(days=1))
        )
        id = self.block(user, start, end, title)
        self.stored_blocks.put(id, replace(self._block(id), all_day=True))
        return id

    def move_block(self, id: str, start: datetime, end: datetime) -> None:
        """Move a block."""
        start, end = _interval(start, end)
        before = replace(self._block(id), all_day=False)
        moved = replace(before, start=start, end=end, updated_at=self.stamp())
        self.stored_blocks.put(id, moved)

    def remove_block(self, id: str) -> None:
        """Remove a block."""
        removed = replace(self._block(id), deleted=True, updated_at=self.stamp())
        self.stored_blocks.put(id, removed)

    def copy_block(
        self,
        id: str,
        user: str,
        start: datetime,
        end: datetime,
        *,
        calendar: str = "",
        contact: str = "",
    ) -> str:
        """Duplicate a block with its text, at another time; return the id of the copy.

        With a ``contact``, the copy is an appointment of that customer in that calendar.
        """
        title = self._block(id).title
        if not contact:
            return self.block(user, start, end, title)
        copy = self.book(calendar, user, start, end, contact, title=title)
        self.add_text(copy, title)
        return copy

    def add_text(self, id: str, text: str) -> None:
        """Append a text to an appointment's title and description."""
        meeting = self._meeting(id)
        title, description = f"{meeting.title} {text}", f"{meeting.description} {text}"
        changed = replace(meeting, title=title, description=description, updated_at=self.stamp())
        self.meetings.put(id, changed)

    def rename_user(self, user: str, new: str) -> str:
        """Give a user and all records of the user another id, as a new invitation does.

        Return the new id.
        """
        _known(self.users, user, "user")
        self.users[new] = replace(self.users[user], id=new)
        return self.merge_users(user, new)

    def merge_users(self, user: str, into: str) -> str:
        """Transfer a user's events and team memberships to another user, and remove the user."""
        _known(self.users, user, "user")
        _known(self.users, into, "user")
        del self.users[user]
        for meeting in list(self.meetings.values()):
            if user in meeting.all_users:
                owner, *further = (into if each == user else each for each in meeting.all_users)
                if not meeting.user:
                    owner, further = "", [owner, *further]
                hosts = tuple(other for other in dict.fromkeys(further) if other != owner)
                self.meetings.put(meeting.id, replace(meeting, user=owner, hosts=hosts))
        for block in list(self.stored_blocks.values()):
            if block.user == user:
                self.stored_blocks.put(block.id, replace(block, user=into))
        for calendar in list(self.calendars.values()):
            team = dict.fromkeys(into if each == user else each for each in calendar.users)
            self.calendars[calendar.id] = replace(calendar, users=tuple(team))
        return into

    def regroup(self, calendar: str, group: str) -> None:
        """Put a calendar into another group (v1: a service into another team); '' for none."""
        _known(self.calendars, calendar, "calendar")
        if group:
            _known(self.groups, group, "group")
        self.calendars[calendar] = replace(self.calendars[calendar], group=group)

    def set_buffers(
        self, calendar: str, before: float, after: float, *, unit: str = "mins"
    ) -> None:
        """Set the times to keep free before and after each booking of a calendar."""
        record = self.calendars[calendar]
        self.calendars[calendar] = replace(record, buffers=(before, after), buffer_unit=unit)

    def assign_team(self, calendar: str, users: Sequence[str]) -> None:
        """Replace the users of a calendar."""
        _known(self.calendars, calendar, "calendar")
        for user in users:
            _known(self.users, user, "user")
        self.calendars[calendar] = replace(self.calendars[calendar], users=tuple(users))

    # --- inspection ---------------------------------------------------------------------------

    def appointments(self) -> list[PlatformAppointment]:
        """Return all appointments, including deleted ones; no service bookings that lists omit."""
        listed = self.lists_service_bookings
        return [m for m in self.meetings.values() if listed or not m.service]

    def blocks(self) -> list[PlatformBlock]:
        """Return all blocks, including deleted ones."""
        return self.stored_blocks.values()

    def changes(self) -> int:
        """Return how often appointments and blocks have changed."""
        return self.meetings.changes + self.stored_blocks.changes

    def _meeting(self, id: str) -> Meeting:
        meeting = self.meetings.get(id)
        if meeting is None or meeting.deleted:
            message = f"there is no appointment {id}"
            raise KeyError(message)
        return meeting

    def _block(self, id: str) -> PlatformBlock:
        block = self.stored_blocks.get(id)
        if block is None or block.deleted:
            message = f"there is no block {id}"
            raise KeyError(message)
        return block


def _known(records: Mapping[str, object], id: str, what: str) -> None:
    if id not in records:
        message = f"there is no {what} {id}"
        raise KeyError(message)


def _interval(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    return utc(start), utc(end)


def _status(status: str) -> str:
    if status not in STATUSES:
        message = f"status {status!r} is not one of {', '.join(sorted(STATUSES))}"
        raise ValueError(message)
    return status
