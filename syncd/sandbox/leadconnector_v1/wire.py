"""The JSON form of a v1 location's records.

Anchors such as (#errors) are sections of docs/platforms/leadconnector-v1.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncd.model import zone
from syncd.sandbox.leadconnector.wire import detail_fields, local_time, utc_stamp
from syncd.sandbox.leadconnector_v1.records import ZonedMeeting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from syncd.sandbox.contacts import ContactRecord
    from syncd.sandbox.leadconnector.records import (
        CalendarRecord,
        GroupRecord,
        Meeting,
        OpeningHours,
        StaffUser,
    )
    from syncd.sandbox.records import PlatformBlock

Json = dict[str, Any]

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


def appointment(meeting: Meeting, found: CalendarRecord, location: str, location_zone: str) -> Json:
    """Return an appointment without its contact, with times in the zone it was booked in.

    It has three fields for the calendar, two for the user and three for the status. The one called
    ``status`` is stale: it is always "booked". See
    docs/platforms/leadconnector-v1.md#listing-appointments.
    """
    spelt_in = meeting.timezone if isinstance(meeting, ZonedMeeting) else location_zone
    where = zone(spelt_in)
    owner = {"userId": meeting.user, "assignedUserId": meeting.user} if meeting.user else {}
    return {
        "id": meeting.id,
        **owner,
        "calendarProviderId": found.group,
        "calendarId": found.id,
        "calendarServiceId": found.id,
        "contactId": meeting.contact,
        "locationId": location,
        "isRecurring": False,
        "status": "booked",
        "appoinmentStatus": meeting.status,
        "appointmentStatus": meeting.status,
        "title": meeting.title,
        "address": "",
        "startTime": local_time(meeting.start, where),
        "endTime": local_time(meeting.end, where),
        "selectedTimezone": spelt_in,
        "createdAt": utc_stamp(meeting.added_at),
        "updatedAt": utc_stamp(meeting.updated_at),
        **detail_fields(meeting),
    }


def block(found: PlatformBlock, location: str, where: ZoneInfo) -> Json:
    """Return an event block: it looks like an appointment without a contact and a zone."""
    user = {"userId": found.user, "assignedUserId": found.user} if found.user else {}
    calendar = {"calendarId": found.calendar} if found.calendar else {}
    return {
        "id": found.id,
        **user,
        **calendar,
        "locationId": location,
        "isRecurring": False,
        "status": "booked",
        "appoinmentStatus": "confirmed",
        "appointmentStatus": "confirmed",
        "title": found.title,
        "startTime": local_time(found.start, where),
        "endTime": local_time(found.end, where),
        "updatedAt": utc_stamp(found.updated_at),
    }


def contact(found: ContactRecord, location: str, location_zone: str) -> Json:
    """Return a customer, with lower-case copies; an unknown e-mail address or phone number is null.

    See docs/platforms/leadconnector-v1.md#contacts-users-and-locations.
    """
    first, _, last = found.name.partition(" ")
    return {
        "id": found.id,
        "locationId": location,
        "contactName": found.name,
        "fullNameLowerCase": found.name.lower(),
        "firstName": first,
        "lastName": last,
        "email": found.email or None,
        "emailLowerCase": found.email.lower() or None,
        "phone": found.phone or None,
        "timezone": location_zone,
        "country": "DE",
        "type": "lead",
        "customField": [],
        "tags": [],
    }


def move_reply(id: str, who: Json) -> Json:
    """Return the answer to a move: no times, calendar or status (#moving-an-appointment)."""
    return {"id": id, "contactId": who["id"], "contact": who}


def booking_reply(id: str, who: Json, fingerprint: str, session: str) -> Json:
    """Return the answer to a booking, as seen in 2025 (#booking).

    Its ``contactId`` is not a contact's id.
    """
    shown = {key: value for key, value in who.items() if key != "id"}
    return {
        "id": id,
        "contactId": fingerprint,
        "contact": {**shown, "fingerprint": fingerprint},
        "sessionId": session,
        "sessionFingerprint": fingerprint,
    }


def team(found: GroupRecord, members: Sequence[StaffUser]) -> Json:
    """Return a team (#teams)."""
    own = slug(found.name)
    return {
        "id": found.id,
        "name": found.name,
        "members": [{"id": each.id, "name": each.name, "email": each.email} for each in members],
        "calendarConfig": {
            "calendarName": found.name,
            "description": "",
            "slug": own,
            "link": f"/widget/appointment/{own}",
            "shouldAssignContactToTeamMember": False,
            "shouldSkipAssigningContactForExisting": False,
        },
    }


def service(found: CalendarRecord) -> Json:
    """Return a bookable calendar; its slug, kind and activity are not shown (#services)."""
    unlinked = {"id": "", "name": ""}
    return {
        "id": found.id,
        "name": found.name,
        "description": "",
        "appointmentTitle": "{{contact.name}}",
        "meetingLocation": "",
        "eventColor": "#039BE5",
        "teamId": found.group,
        "syncOption": "oneway",
        "linkedCalendars": dict.fromkeys(("google", "clio", "drchrono"), unlinked),
        "teamMembers": [
            {"userId": user, "priority": 0, "selected": True, "meetingLocation": ""}
            for user in found.users
        ],
        "availability": {
            "eventTiming": {
                "slotDuration": found.slot_minutes,
                "slotInterval": found.slot_minutes,
                "slotBuffer": 0,
            },
            "appointmentInfo": {"perSlot": found.per_slot, "perDay": None},
            "schedule": {},
            "officeHours": _office_hours(found.hours),
        },
        "confirmation": {
            "form": {"customFormId": "", "stickyContact": False},
            "notificationAndOther": {
                "alertEmail": "",
                "hasAutoConfirm": True,
                "hasGoogleSendInvitationEmail": False,
                "hasAllowReschedule": True,
                "hasAllowCancellation": True,
                "hasSendEmailToAssignedMember": False,
                "notes": "",
            },
            "formSubmission": {"type": "ThankYouMessage", "content": ""},
        },
    }


def user(found: StaffUser, location: str) -> Json:
    """Return a member of staff (#contacts-users-and-locations)."""
    first, _, last = found.name.partition(" ")
    return {
        "id": found.id,
        "name": found.name,
        "firstName": first,
        "lastName": last,
        "email": found.email,
        "phone": found.phone,
        "permissions": {"appointmentsEnabled": True},
        "roles": {"type": "account", "role": "user", "locationIds": [location]},
    }


def _office_hours(hours: Sequence[OpeningHours]) -> Json:
    shown: Json = {}
    for opening in hours:
        for day in opening.days:
            shown.setdefault(WEEKDAYS[day], []).append(
                {
                    "openHour": opening.opens.hour,
                    "openMinute": opening.opens.minute,
                    "closeHour": opening.closes.hour,
                    "closeMinute": opening.closes.minute,
                }
            )
    return shown


def slug(name: str) -> str:
    """Return the form of a name in a URL."""
    return name.lower().replace(" ", "-")
