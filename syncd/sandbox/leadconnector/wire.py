"""How a location's records look on the wire, and how a request's body is read.

Anchors such as (#errors) are sections of docs/platforms/leadconnector-v2.md.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from syncd.sandbox.leadconnector.records import Calendar, Group, Meeting, User
from syncd.sandbox.odd_rows import UNKNOWN_WORD

if TYPE_CHECKING:
    from collections.abc import Collection
    from zoneinfo import ZoneInfo

    from syncd.sandbox.contacts import Contact
    from syncd.sandbox.platform import PlatformRequest
    from syncd.sandbox.records import Block

Json = dict[str, Any]

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
"""What an update takes; a create takes contactId and locationId besides (#writing-appointments)."""


class BadBodyError(ValueError):
    """A body that the validation refuses; ``messages`` as the platform lists them."""

    def __init__(self, *messages: str) -> None:
        """Keep the messages."""
        super().__init__(", ".join(messages))
        self.messages = list(messages)


def body(ask: PlatformRequest, allowed: Collection[str], required: Collection[str] = ()) -> Json:
    """Read a JSON object with these properties. Raises `BadBodyError` naming every fault."""
    try:
        found = ask.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        message = "body must be a JSON object"
        raise BadBodyError(message)
    faults = [f"property {key} should not exist" for key in found if key not in allowed]
    faults += [f"{key} should not be empty" for key in required if not found.get(key)]
    faults += [
        f"{key} must be a string"
        for key, value in found.items()
        if key in {"calendarId", "locationId", "assignedUserId", "contactId", "title"}
        and not isinstance(value, str)
    ]
    if faults:
        raise BadBodyError(*faults)
    return found


def instant(found: Json, key: str) -> datetime | None:
    """Read an ISO time with offset, as UTC; None when absent. Raises `BadBodyError`."""
    text = found.get(key)
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


def epoch(text: str | None) -> datetime | None:
    """Read epoch milliseconds; years beyond datetime's end count as the end."""
    if text is None or not text.isascii() or not text.isdigit():
        return None
    try:
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    except (OverflowError, ValueError):
        return datetime.max.replace(tzinfo=UTC)


@lru_cache(maxsize=8192)
def local(at: datetime, where: ZoneInfo) -> str:
    """Spell an event's time: ISO with the location's offset (#reading-events)."""
    return at.astimezone(where).isoformat(timespec="seconds")


def stamped(at: datetime) -> str:
    """Spell dateAdded and dateUpdated: UTC with Z (#reading-events)."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def meant(found: Json, meeting: Meeting) -> Json:
    """Return the body of an update; a word that only reads show stands for the status as it is."""
    if found.get("appointmentStatus") != UNKNOWN_WORD:
        return found
    return {**found, "appointmentStatus": meeting.status}


def event(
    meeting: Meeting,
    calendar: Calendar,
    location: str,
    where: ZoneInfo,
    *,
    name_owner: bool = False,
) -> Json:
    """An appointment as the lists and the read by id show it.

    ``name_owner``: where there are further hosts, ``users`` names the assigned one, too.
    """
    shown = {
        **_head(meeting, location),
        "startTime": local(meeting.start, where),
        "endTime": local(meeting.end, where),
        "assignedResources": list(meeting.resources),
        "createdBy": {"source": meeting.source, "userId": None},
        "deleted": meeting.deleted,
    }
    if meeting.series:
        shown |= {"isRecurring": True, "masterEventId": meeting.series}
    if calendar.shows_user:
        owner = [meeting.user] if meeting.user and meeting.hosts and name_owner else []
        shown |= {"assignedUserId": meeting.user, "users": [*owner, *meeting.hosts]}
        if calendar.group:
            shown["groupId"] = calendar.group
    return shown


def more(meeting: Meeting) -> Json:
    """What only the read by id shows, where there is any: nobody has recorded these names."""
    custom = [{"id": id, "value": value} for id, value in meeting.custom]
    shown = {"notes": meeting.notes, "customFields": custom}
    return {name: value for name, value in shown.items() if value}


def written(meeting: Meeting, calendar: Calendar, location: str) -> Json:
    """The answer to a create or an update: flat, and without the times (#writing-appointments)."""
    owner = {"assignedUserId": meeting.user} if calendar.shows_user else {}
    return {**_head(meeting, location), "status": "booked", **owner}


def _head(meeting: Meeting, location: str) -> Json:
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
        "dateAdded": stamped(meeting.added_at),
        "dateUpdated": stamped(meeting.updated_at),
    }


def service_booking(meeting: Meeting, location: str, where: ZoneInfo) -> Json:
    """A booking of a service menu as their list shows it; most names of its fields are assumed."""
    span = {"startTime": local(meeting.start, where), "endTime": local(meeting.end, where)}
    return {
        "bookingId": meeting.id,
        "locationId": location,
        "contactId": meeting.contact,
        "title": meeting.title,
        "status": "no_show" if meeting.status == "noshow" else meeting.status,
        **span,
        "services": [{"id": meeting.calendar, "staffId": meeting.user, **span}],
        "deleted": meeting.deleted,
        "dateUpdated": stamped(meeting.updated_at),
    }


def blocked(block: Block, where: ZoneInfo) -> Json:
    """A block as the list shows it."""
    owner = {"assignedUserId": block.user} if block.user else {"calendarId": block.calendar}
    return {
        "id": block.id,
        "title": block.title,
        **owner,
        "startTime": local(block.start, where),
        "endTime": local(block.start if block.all_day else block.end, where),
        "address": "",
        "isFullDay": block.all_day,
        "deleted": False,
    }


def calendar(found: Calendar, location: str) -> Json:
    """A calendar, with both spellings of the appointments per slot (#calendars-and-groups)."""
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
        for opening in found.hours
    ]
    team = [{"userId": user, "priority": 0.5, "isPrimary": False} for user in found.users]
    shown: Json = {
        "id": found.id,
        "locationId": location,
        "name": found.name,
        "calendarType": found.type.value,
        "isActive": True,
        "teamMembers": team,
        "slotDuration": found.slot_minutes,
        "slotDurationUnit": "mins",
        "slotInterval": found.slot_minutes,
        "slotIntervalUnit": "mins",
        "slotBuffer": found.buffers[1],
        "slotBufferUnit": found.buffer_unit,
        "preBuffer": found.buffers[0],
        "preBufferUnit": found.buffer_unit,
        "appoinmentPerSlot": found.per_slot,
        "appointmentPerSlot": found.per_slot,
        "openHours": hours or {},
    }
    return {**shown, "groupId": found.group} if found.group else shown


def group(found: Group, location: str) -> Json:
    """A calendar group."""
    return {
        "id": found.id,
        "locationId": location,
        "name": found.name,
        "description": "",
        "slug": found.name.lower().replace(" ", "-"),
        "isActive": True,
    }


def user(found: User, location: str) -> Json:
    """A member of staff."""
    first, _, last = found.name.partition(" ")
    return {
        "id": found.id,
        "name": found.name,
        "firstName": first,
        "lastName": last,
        "email": found.email,
        "phone": found.phone,
        "roles": {"type": "account", "role": "user", "locationIds": [location]},
    }


def contact(found: Contact, location: str) -> Json:
    """A customer; addresses that are not known are null."""
    first, _, last = found.name.partition(" ")
    return {
        "id": found.id,
        "locationId": location,
        "firstName": first,
        "lastName": last,
        "email": found.email or None,
        "phone": found.phone or None,
        "tags": [],
    }


def matches(ask: PlatformRequest, **owners: str) -> bool:
    """Whether an event has every owner that the query names."""
    return all(ask.query.get(key) in {None, "", owner} for key, owner in owners.items())
