"""How a v1 location's records look on the wire.

Anchors such as (#errors) are sections of docs/platforms/leadconnector-v1.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncd.model import zone
from syncd.sandbox.leadconnector.wire import local, more, stamped
from syncd.sandbox.leadconnector_v1.records import Booking

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from syncd.sandbox.contacts import Contact
    from syncd.sandbox.leadconnector.records import Calendar, Group, Meeting, Opening, User
    from syncd.sandbox.records import Block

Json = dict[str, Any]

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


def appointment(meeting: Meeting, found: Calendar, location: str, location_zone: str) -> Json:
    """An appointment without its contact; its times in the zone it was booked in.

    See docs/platforms/leadconnector-v1.md#listing-appointments.

    Three words for the calendar, two for the user, three for the status, of which ``status`` is
    stale: "booked" whatever happens.
    """
    spelt_in = meeting.timezone if isinstance(meeting, Booking) else location_zone
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
        "startTime": local(meeting.start, where),
        "endTime": local(meeting.end, where),
        "selectedTimezone": spelt_in,
        "createdAt": stamped(meeting.added_at),
        "updatedAt": stamped(meeting.updated_at),
        **more(meeting),
    }


def block(found: Block, location: str, where: ZoneInfo) -> Json:
    """An event block: it looks like an appointment that has no contact and no zone."""
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
        "startTime": local(found.start, where),
        "endTime": local(found.end, where),
        "updatedAt": stamped(found.updated_at),
    }


def contact(found: Contact, location: str, location_zone: str) -> Json:
    """A customer, with lower-case twins; addresses that are not known are null.

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


def written(id: str, who: Json) -> Json:
    """The answer to a move: no times, no calendar, no status (#moving-an-appointment)."""
    return {"id": id, "contactId": who["id"], "contact": who}


def booked(id: str, who: Json, fingerprint: str, session: str) -> Json:
    """The answer to a booking as seen in 2025: its ``contactId`` is no contact's id (#booking)."""
    shown = {key: value for key, value in who.items() if key != "id"}
    return {
        "id": id,
        "contactId": fingerprint,
        "contact": {**shown, "fingerprint": fingerprint},
        "sessionId": session,
        "sessionFingerprint": fingerprint,
    }


def team(found: Group, members: Sequence[User]) -> Json:
    """A team (#teams)."""
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


def service(found: Calendar) -> Json:
    """A bookable calendar, as it is returned: neither slug nor kind nor activity (#services)."""
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


def user(found: User, location: str) -> Json:
    """A member of staff (#contacts-users-and-locations)."""
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


def _office_hours(hours: Sequence[Opening]) -> Json:
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
    """What a name becomes in an address."""
    return name.lower().replace(" ", "-")
