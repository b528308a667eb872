"""The JSON form of a v1 location's records.

Anchors such as (#errors) are sections of docs/platforms/leadconnector-v1.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.lab.sandbox.leadconnector.wire import detail_fields, local_time, utc_stamp
from syncd.lab.sandbox.leadconnector_v1.records import ZonedMeeting
from syncd.lab.sandbox.replies import JsonObject
from syncd.model import zone

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from syncd.lab.sandbox.contacts import ContactRecord
    from syncd.lab.sandbox.leadconnector.records import (
        CalendarRecord,
        GroupRecord,
        Meeting,
        OpenHours,
        StaffUser,
    )
    from syncd.lab.sandbox.records import PlatformBlock

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


def appointment(
    meeting: Meeting, calendar: CalendarRecord, location: str, location_zone: str
) -> JsonObject:
    """Return an appointment without its contact, as v1 shows it.

    Times are in the time zone in which the appointment was booked. The object has three fields for
    the calendar, two for the user and three for the status. The field called ``status`` is stale:
    it is always "booked". See docs/platforms/leadconnector-v1.md#listing-appointments.
    """
    zone_name = meeting.timezone if isinstance(meeting, ZonedMeeting) else location_zone
    shown_zone = zone(zone_name)
    owner = {"userId": meeting.user, "assignedUserId": meeting.user} if meeting.user else {}
    return {
        "id": meeting.id,
        **owner,
        "calendarProviderId": calendar.group,
        "calendarId": calendar.id,
        "calendarServiceId": calendar.id,
        "contactId": meeting.contact,
        "locationId": location,
        "isRecurring": False,
        "status": "booked",
        "appoinmentStatus": meeting.status,
        "appointmentStatus": meeting.status,
        "title": meeting.title,
        "address": "",
        "startTime": local_time(meeting.start, shown_zone),
        "endTime": local_time(meeting.end, shown_zone),
        "selectedTimezone": zone_name,
        "createdAt": utc_stamp(meeting.added_at),
        "updatedAt": utc_stamp(meeting.updated_at),
        **detail_fields(meeting),
    }


def block(record: PlatformBlock, location: str, shown_zone: ZoneInfo) -> JsonObject:
    """Return an event block, which looks like an appointment without a contact and a time zone."""
    user = {"userId": record.user, "assignedUserId": record.user} if record.user else {}
    calendar = {"calendarId": record.calendar} if record.calendar else {}
    return {
        "id": record.id,
        **user,
        **calendar,
        "locationId": location,
        "isRecurring": False,
        "status": "booked",
        "appoinmentStatus": "confirmed",
        "appointmentStatus": "confirmed",
        "title": record.title,
        "startTime": local_time(record.start, shown_zone),
        "endTime": local_time(record.end, shown_zone),
        "updatedAt": utc_stamp(record.updated_at),
    }


def contact(record: ContactRecord, location: str, location_zone: str) -> JsonObject:
    """Return a customer, with lower-case copies; an unknown e-mail address or phone number is null.

    See docs/platforms/leadconnector-v1.md#contacts-users-and-locations.
    """
    first, _, last = record.name.partition(" ")
    return {
        "id": record.id,
        "locationId": location,
        "contactName": record.name,
        "fullNameLowerCase": record.name.lower(),
        "firstName": first,
        "lastName": last,
        "email": record.email or None,
        "emailLowerCase": record.email.lower() or None,
        "phone": record.phone or None,
        "timezone": location_zone,
        "country": "DE",
        "type": "lead",
        "customField": [],
        "tags": [],
    }


def move_reply(appointment_id: str, customer_row: JsonObject) -> JsonObject:
    """Return the response to a move: no times, calendar or status (#moving-an-appointment)."""
    return {"id": appointment_id, "contactId": customer_row["id"], "contact": customer_row}


def booking_reply(
    appointment_id: str, customer_row: JsonObject, fingerprint: str, session: str
) -> JsonObject:
    """Return the response to a booking, as seen in 2025 (#booking).

    Its ``contactId`` is not a contact's id.
    """
    customer = {key: value for key, value in customer_row.items() if key != "id"}
    return {
        "id": appointment_id,
        "contactId": fingerprint,
        "contact": {**customer, "fingerprint": fingerprint},
        "sessionId": session,
        "sessionFingerprint": fingerprint,
    }


def team(record: GroupRecord, members: Sequence[StaffUser]) -> JsonObject:
    """Return a team (#teams)."""
    team_slug = slug(record.name)
    return {
        "id": record.id,
        "name": record.name,
        "members": [{"id": each.id, "name": each.name, "email": each.email} for each in members],
        "calendarConfig": {
            "calendarName": record.name,
            "description": "",
            "slug": team_slug,
            "link": f"/widget/appointment/{team_slug}",
            "shouldAssignContactToTeamMember": False,
            "shouldSkipAssigningContactForExisting": False,
        },
    }


def service(record: CalendarRecord) -> JsonObject:
    """Return a bookable calendar; its slug, kind and activity are not shown (#services)."""
    unlinked = {"id": "", "name": ""}
    return {
        "id": record.id,
        "name": record.name,
        "description": "",
        "appointmentTitle": "{{contact.name}}",
        "meetingLocation": "",
        "eventColor": "#039BE5",
        "teamId": record.group,
        "syncOption": "oneway",
        "linkedCalendars": dict.fromkeys(("google", "clio", "drchrono"), unlinked),
        "teamMembers": [
            {"userId": user, "priority": 0, "selected": True, "meetingLocation": ""}
            for user in record.users
        ],
        "availability": {
            "eventTiming": {
                "slotDuration": record.slot_minutes,
                "slotInterval": record.slot_minutes,
                "slotBuffer": 0,
            },
            "appointmentInfo": {"perSlot": record.per_slot, "perDay": None},
            "schedule": {},
            "officeHours": _office_hours(record.hours),
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


def user(record: StaffUser, location: str) -> JsonObject:
    """Return a member of staff (#contacts-users-and-locations)."""
    first, _, last = record.name.partition(" ")
    return {
        "id": record.id,
        "name": record.name,
        "firstName": first,
        "lastName": last,
        "email": record.email,
        "phone": record.phone,
        "permissions": {"appointmentsEnabled": True},
        "roles": {"type": "account", "role": "user", "locationIds": [location]},
    }


def _office_hours(hours: Sequence[OpenHours]) -> JsonObject:
    days: JsonObject = {}
    for opening in hours:
        for day in opening.days:
            days.setdefault(WEEKDAYS[day], []).append(
                {
                    "openHour": opening.opens.hour,
                    "openMinute": opening.opens.minute,
                    "closeHour": opening.closes.hour,
                    "closeMinute": opening.closes.minute,
                }
            )
    return days


def slug(name: str) -> str:
    """Return a name in the form in which it stands in a URL."""
    return name.lower().replace(" ", "-")
