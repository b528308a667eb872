"""A service as it is sent, and what of a service that comes back can be compared with that.

Request and response do not round-trip (docs/platforms/leadconnector-v1.md#services): colours,
priorities, units and five booleans change their spelling, and slug, kind and activity are not
shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.lenient import number, text
from syncd.systems.provisioning import Actual, Fields, ResourceType

if TYPE_CHECKING:
    from syncd.systems.provisioning import Desired

_PLAIN = {
    "description": "description",
    "slug": "slug",
    "appointment_title": "appointmentTitle",
    "event_type": "eventType",
    "color": "eventColor",
    "active": "isActive",
    "sync": "syncOption",
}
_NOTIFY = {
    "auto_confirm": "autoConfirm",
    "alert_member": "shouldSendAlertEmailsToAssignedMember",
    "google_invitations": "googleInvitationEmails",
    "allow_reschedule": "allowReschedule",
    "allow_cancellation": "allowCancellation",
    "alert_email": "alertEmail",
    "notes": "notes",
}
_FORM = {"form": "customFormId", "sticky_contact": "stickyContact"}
_SLOT = {"duration": "slotDuration", "interval": "slotInterval", "buffer": "slotBuffer"}
_INFO = {"per_slot": "perSlot", "per_day": "perDay"}
_CORNERS = ("openHour", "openMinute", "closeHour", "closeMinute")


def service_body(thing: Desired) -> Fields:
    """Spell a service for POST and PUT: just what is stated."""
    fields = thing.fields
    confirmation = fields["confirmation"]
    availability: Fields = {
        "eventTiming": _renamed(fields["slot"], _SLOT),
        "officeHours": {
            day: [dict(zip(_CORNERS, span, strict=True)) for span in spans]
            for day, spans in fields["hours"].items()
        },
    }
    if info := _renamed(fields, _INFO):
        availability["appointmentInfo"] = info
    if schedule := _schedule(fields):
        availability["schedule"] = schedule
    told: Fields = {
        "notificationAndOther": _renamed(confirmation, _NOTIFY),
        "formSubmission": {"type": confirmation["after"], "content": confirmation["content"]},
    }
    if form := _renamed(confirmation, _FORM):
        told["form"] = form
    return {
        "teamId": fields["team"],
        "name": thing.name,
        **_renamed(fields, _PLAIN),
        "teamMembers": [_member(member) for member in fields["members"]],
        "availability": availability,
        "confirmation": told,
    }


def service_of(row: Fields) -> Actual:
    """Read what a returned service says in the words in which it was sent."""
    fields: Fields = {"team": text(row.get("teamId"))}
    for ours, wire in (("description", "description"), ("appointment_title", "appointmentTitle")):
        if isinstance(row.get(wire), str):
            fields[ours] = row[wire]
    members = row.get("teamMembers")
    if isinstance(members, list):
        ids = {text(each.get("userId")) for each in members if isinstance(each, dict)}
        fields["users"] = sorted(ids)
    availability = row.get("availability")
    shown: Fields = availability if isinstance(availability, dict) else {}
    timing = shown.get("eventTiming")
    if isinstance(timing, dict):
        for ours in ("duration", "interval"):
            length = number(timing.get(_SLOT[ours]))
            if length is not None:
                fields[ours] = length
    if isinstance(hours := shown.get("officeHours"), dict):
        fields["hours"] = {
            day: [[number(span.get(corner)) for corner in _CORNERS] for span in spans]
            for day, spans in hours.items()
            if isinstance(spans, list) and spans
        }
    return Actual(ResourceType.SERVICE, text(row.get("name")), text(row.get("id")), fields, row)


def _member(member: Fields) -> Fields:
    said = {"userId": member["user"], "priority": member["priority"]}
    place = {"meetingLocation": member["meeting_location"]} if "meeting_location" in member else {}
    return {**said, "selected": member["selected"], **place}


def _schedule(fields: Fields) -> Fields:
    found: Fields = {}
    for ours, wire in (("not_before", "allowBookingAfter"), ("not_after", "allowBookingFor")):
        if ours in fields:
            found[wire] = fields[ours]["amount"]
            found[f"{wire}Unit"] = fields[ours]["unit"]
    return found


def _renamed(fields: Fields, names: dict[str, str]) -> Fields:
    return {wire: fields[ours] for ours, wire in names.items() if ours in fields}
