"""Build the body of a service, and parse the comparable fields of a returned one.

A returned service differs from the request (docs/platforms/leadconnector-v1.md#services): colours,
priorities, units and five booleans change their format, and slug, type and active state are
missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.lenient import number, text
from syncd.systems.provisioning import Actual, Fields, ResourceType

if TYPE_CHECKING:
    from syncd.systems.provisioning import Desired

_TOP_LEVEL = {
    "description": "description",
    "slug": "slug",
    "appointment_title": "appointmentTitle",
    "event_type": "eventType",
    "color": "eventColor",
    "active": "isActive",
    "sync": "syncOption",
}
_NOTIFICATION = {
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
_HOUR_FIELDS = ("openHour", "openMinute", "closeHour", "closeMinute")


def service_body(desired: Desired) -> Fields:
    """Build the body for POST and PUT from the stated fields."""
    fields = desired.fields
    confirmation = fields["confirmation"]
    availability: Fields = {
        "eventTiming": _rename_keys(fields["slot"], _SLOT),
        "officeHours": {
            day: [dict(zip(_HOUR_FIELDS, span, strict=True)) for span in spans]
            for day, spans in fields["hours"].items()
        },
    }
    if info := _rename_keys(fields, _INFO):
        availability["appointmentInfo"] = info
    if schedule := _schedule(fields):
        availability["schedule"] = schedule
    confirmation_body: Fields = {
        "notificationAndOther": _rename_keys(confirmation, _NOTIFICATION),
        "formSubmission": {"type": confirmation["after"], "content": confirmation["content"]},
    }
    if form := _rename_keys(confirmation, _FORM):
        confirmation_body["form"] = form
    return {
        "teamId": fields["team"],
        "name": desired.name,
        **_rename_keys(fields, _TOP_LEVEL),
        "teamMembers": [_member(member) for member in fields["members"]],
        "availability": availability,
        "confirmation": confirmation_body,
    }


def service_of(row: Fields) -> Actual:
    """Convert a returned service to the field names of the configuration."""
    fields: Fields = {"team": text(row.get("teamId"))}
    for ours, wire in (("description", "description"), ("appointment_title", "appointmentTitle")):
        if isinstance(row.get(wire), str):
            fields[ours] = row[wire]
    members = row.get("teamMembers")
    if isinstance(members, list):
        ids = {text(member.get("userId")) for member in members if isinstance(member, dict)}
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
            day: [[number(span.get(corner)) for corner in _HOUR_FIELDS] for span in spans]
            for day, spans in hours.items()
            if isinstance(spans, list) and spans
        }
    return Actual(ResourceType.SERVICE, text(row.get("name")), text(row.get("id")), fields, row)


def _member(member: Fields) -> Fields:
    user_fields = {"userId": member["user"], "priority": member["priority"]}
    place = {"meetingLocation": member["meeting_location"]} if "meeting_location" in member else {}
    return {**user_fields, "selected": member["selected"], **place}


def _schedule(fields: Fields) -> Fields:
    schedule: Fields = {}
    for ours, wire in (("not_before", "allowBookingAfter"), ("not_after", "allowBookingFor")):
        if ours in fields:
            schedule[wire] = fields[ours]["amount"]
            schedule[f"{wire}Unit"] = fields[ours]["unit"]
    return schedule


def _rename_keys(fields: Fields, names: dict[str, str]) -> Fields:
    return {wire: fields[ours] for ours, wire in names.items() if ours in fields}
