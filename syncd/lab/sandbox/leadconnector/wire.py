"""The JSON form of a location's records, and the parsing of request bodies.

Anchors such as (#errors) are sections of docs/platforms/leadconnector-v2.md.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from syncd.lab.sandbox.leadconnector.records import CalendarRecord, GroupRecord, Meeting, StaffUser
from syncd.lab.sandbox.odd_rows import UNKNOWN_STATUS
from syncd.lab.sandbox.replies import JsonObject

if TYPE_CHECKING:
    from collections.abc import Collection
    from zoneinfo import ZoneInfo

    from syncd.lab.sandbox.contacts import ContactRecord
    from syncd.lab.sandbox.platform import PlatformRequest
    from syncd.lab.sandbox.records import PlatformBlock

BLOCK_FIELDS = frozenset(
    {"calendarId", "locationId", "assignedUserId", "title", "startTime", "endTime"}
)
APPOINTMENT_FIELDS = (BLOCK_FIELDS - {"locationId"}) | {
    "appointmentStatus",
    "description",
    "address",
    "meetingLocationType",
    "meetingLocationId",
    "overrideLocationConfig",
    "ignoreDateRange",
    "ignoreFreeSlotValidation",
    "toNotify",
    "rrule",
}
"""The fields of an update; a create also takes contactId and locationId (#writing-appointments)."""


class BadBodyError(ValueError):
    """A body that fails validation, with the platform's list of ``messages``."""

    def __init__(self, *messages: str) -> None:
        """Store the messages."""
        super().__init__(", ".join(messages))
        self.messages = list(messages)


def read_body(
    request: PlatformRequest, allowed: Collection[str], required: Collection[str] = ()
) -> JsonObject:
    """Read a JSON object with these properties. Raises `BadBodyError` with all errors."""
    try:
        body = request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        message = "body must be a JSON object"
        raise BadBodyError(message)
    errors = [f"property {key} should not exist" for key in body if key not in allowed]
    errors += [f"{key} should not be empty" for key in required if not body.get(key)]
    errors += [
        f"{key} must be a string"
        for key, value in body.items()
        if key in {"calendarId", "locationId", "assignedUserId", "contactId", "title"}
        and not isinstance(value, str)
    ]
    if errors:
        raise BadBodyError(*errors)
    return body


def read_time(body: JsonObject, key: str) -> datetime | None:
    """Read an ISO time with offset, as UTC; None if absent. Raises `BadBodyError`."""
    text = body.get(key)
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        message = f"{key} must be a valid ISO 8601 date string"
        raise BadBodyError(message)
    return parsed.astimezone(UTC)


def read_epoch_ms(text: str | None) -> datetime | None:
    """Read epoch milliseconds, as UTC; None if invalid. Years after 9999 become year 9999."""
    if text is None or not text.isascii() or not text.isdigit():
        return None
    try:
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    except (OverflowError, ValueError):
        return datetime.max.replace(tzinfo=UTC)


@lru_cache(maxsize=8192)
def local_time(instant: datetime, zone: ZoneInfo) -> str:
    """Format an event's time: ISO with the location's offset (#reading-events)."""
    return instant.astimezone(zone).isoformat(timespec="seconds")


def utc_stamp(instant: datetime) -> str:
    """Format the time of a creation or update, as in the fields dateAdded and dateUpdated.

    Example: ``2026-11-23T09:00:00.000Z``, in UTC with milliseconds. See
    docs/platforms/leadconnector-v2.md#reading-events.
    """
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def resolve_status(body: JsonObject, meeting: Meeting) -> JsonObject:
    """Return the body of an update without the undocumented status `UNKNOWN_STATUS`.

    That status is replaced by the current status of the meeting, because a client that sends back
    what it has read must not change the status.
    """
    if body.get("appointmentStatus") != UNKNOWN_STATUS:
        return body
    return {**body, "appointmentStatus": meeting.status}


def appointment(
    meeting: Meeting,
    calendar: CalendarRecord,
    location: str,
    zone: ZoneInfo,
    *,
    name_owner: bool = False,
) -> JsonObject:
    """Return an appointment as the lists and the read by id show it.

    ``name_owner``: if there are further hosts, ``users`` also names the assigned user.
    """
    row = {
        **_head(meeting, location),
        "startTime": local_time(meeting.start, zone),
        "endTime": local_time(meeting.end, zone),
        "assignedResources": list(meeting.resources),
        "createdBy": {"source": meeting.source, "userId": None},
        "deleted": meeting.deleted,
    }
    if meeting.series:
        row |= {"isRecurring": True, "masterEventId": meeting.series}
    if calendar.shows_user:
        owner = [meeting.user] if meeting.user and meeting.hosts and name_owner else []
        row |= {"assignedUserId": meeting.user, "users": [*owner, *meeting.hosts]}
        if calendar.group:
            row["groupId"] = calendar.group
    return row


def detail_fields(meeting: Meeting) -> JsonObject:
    """Return the fields that only the read by id shows, if not empty; their names are assumed."""
    custom = [{"id": id, "value": value} for id, value in meeting.custom]
    fields = {"notes": meeting.notes, "customFields": custom}
    return {name: value for name, value in fields.items() if value}


def write_reply(meeting: Meeting, calendar: CalendarRecord, location: str) -> JsonObject:
    """Return the response to a create or update: flat, without times (#writing-appointments)."""
    owner = {"assignedUserId": meeting.user} if calendar.shows_user else {}
    return {**_head(meeting, location), "status": "booked", **owner}


def _head(meeting: Meeting, location: str) -> JsonObject:
    return {
        "id": meeting.id,
        "title": meeting.title,
        "calendarId": meeting.calendar,
        "locationId": location,
        "contactId": meeting.contact,
        "appointmentStatus": meeting.status,
        "appoinmentStatus": meeting.status,
        "address": "",
        "isRecurring": False,
        "dateAdded": utc_stamp(meeting.added_at),
        "dateUpdated": utc_stamp(meeting.updated_at),
    }


def service_booking(meeting: Meeting, location: str, zone: ZoneInfo) -> JsonObject:
    """Return a booking of a service menu as its list shows it; most field names are assumed."""
    times = {
        "startTime": local_time(meeting.start, zone),
        "endTime": local_time(meeting.end, zone),
    }
    return {
        "bookingId": meeting.id,
        "locationId": location,
        "contactId": meeting.contact,
        "title": meeting.title,
        "status": "no_show" if meeting.status == "noshow" else meeting.status,
        **times,
        "services": [{"id": meeting.calendar, "staffId": meeting.user, **times}],
        "deleted": meeting.deleted,
        "dateUpdated": utc_stamp(meeting.updated_at),
    }


def block(block: PlatformBlock, zone: ZoneInfo) -> JsonObject:
    """Return a block as the list shows it."""
    owner = {"assignedUserId": block.user} if block.user else {"calendarId": block.calendar}
    return {
        "id": block.id,
        "title": block.title,
        **owner,
        "startTime": local_time(block.start, zone),
        "endTime": local_time(block.start if block.all_day else block.end, zone),
        "address": "",
        "isFullDay": block.all_day,
        "deleted": False,
    }


def calendar(record: CalendarRecord, location: str) -> JsonObject:
    """Return a calendar; appointments per slot have two spellings (#calendars-and-groups)."""
    hours = [
        {
            "daysOfTheWeek": list(opening.days),
            "hours": [
                {
                    "openHour": opening.opens.hour,
                    "openMinute": opening.opens.minute,
                    "closeHour": opening.closes.hour,
                    "closeMinute": opening.closes.minute,
                }
            ],
        }
        for opening in record.hours
    ]
    team = [{"userId": user, "priority": 0.5, "isPrimary": False} for user in record.users]
    row: JsonObject = {
        "id": record.id,
        "locationId": location,
        "name": record.name,
        "calendarType": record.type.value,
        "isActive": True,
        "teamMembers": team,
        "slotDuration": record.slot_minutes,
        "slotDurationUnit": "mins",
        "slotInterval": record.slot_minutes,
        "slotIntervalUnit": "mins",
        "slotBuffer": record.buffers[1],
        "slotBufferUnit": record.buffer_unit,
        "preBuffer": record.buffers[0],
        "preBufferUnit": record.buffer_unit,
        "appoinmentPerSlot": record.per_slot,
        "appointmentPerSlot": record.per_slot,
        "openHours": hours or {},
    }
    return {**row, "groupId": record.group} if record.group else row


def group(record: GroupRecord, location: str) -> JsonObject:
    """Return a calendar group."""
    return {
        "id": record.id,
        "locationId": location,
        "name": record.name,
        "description": "",
        "slug": record.name.lower().replace(" ", "-"),
        "isActive": True,
    }


def user(record: StaffUser, location: str) -> JsonObject:
    """Return a member of staff."""
    first, _, last = record.name.partition(" ")
    return {
        "id": record.id,
        "name": record.name,
        "firstName": first,
        "lastName": last,
        "email": record.email,
        "phone": record.phone,
        "roles": {"type": "account", "role": "user", "locationIds": [location]},
    }


def contact(record: ContactRecord, location: str) -> JsonObject:
    """Return a customer; an unknown e-mail address or phone number is null."""
    first, _, last = record.name.partition(" ")
    return {
        "id": record.id,
        "locationId": location,
        "firstName": first,
        "lastName": last,
        "email": record.email or None,
        "phone": record.phone or None,
        "tags": [],
    }


def matches_query(request: PlatformRequest, **owners: str) -> bool:
    """Return true if an event has every owner that the query names."""
    return all(request.query.get(key) in {None, "", owner} for key, owner in owners.items())
