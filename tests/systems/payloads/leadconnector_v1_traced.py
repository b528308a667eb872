"""More answers of LeadConnector v1, each described after a source that can be looked up."""

from __future__ import annotations

from typing import Any

import httpx

from tests.systems.payloads.case import Case
from tests.systems.payloads.leadconnector_v1_base import (
    AT_NINE,
    BOOKED,
    STARTS,
    TWO_SLOTS,
    listed,
)

CONFIRMED = (f"{AT_NINE} confirmed",)


def refusal(code: int, body: Any) -> httpx.Response:
    return httpx.Response(code, json=body)


def fields(*names: str) -> dict[str, str]:
    """What an answer says of fields that must be there."""
    return {name: {"message": f"{name} is mandatory.", "rule": "required"} for name in names}  # type: ignore[misc]


def live(word: Any, **more: Any) -> dict[str, Any]:
    """A row with the status spelt right, as the later clients read it."""
    return listed(appoinmentStatus=..., appointmentStatus=word, **more)


TRACED = (
    # lists
    Case(
        "every field of the vendor's collection",
        "vendor",
        "list",
        listed(
            calendarProviderId="team-1",
            calendarServiceId="srv-1",
            locationId="loc-1",
            isRecurring=False,
            contact={"id": "con-1", "email": "kim@example.com", "customField": [], "tags": ["a"]},
        ),
        CONFIRMED,
    ),
    Case(
        "the zone's old name beside an offset",
        "vendor",
        "list",
        listed(
            startTime="2026-03-03T14:30:00+05:30",
            endTime="2026-03-03T15:30:00+05:30",
            selectedTimezone="Asia/Calcutta",
        ),
        CONFIRMED,
    ),
    Case(
        "a service's id where the calendar's is another",
        "vendor",
        "list",
        listed(userId=..., calendarId="cal-x", calendarServiceId="cal-b"),
        ("appointment bob 03 09:00-10:00 confirmed",),
    ),
    Case(
        "a provider's id where the calendar's is another",
        "vendor, adu",
        "list",
        listed(userId=..., calendarId="cal-x", calendarProviderId="cal-b"),
        ("appointment bob 03 09:00-10:00 confirmed",),
    ),
    Case(
        "both statuses, the coarse one stale",
        "live-status",
        "list",
        listed(status="booked", appoinmentStatus="cancelled"),
        (f"{AT_NINE} cancelled",),
    ),
    Case(
        "three statuses",
        "adu",
        "list",
        listed(status="booked", appoinmentStatus="noshow", appointmentStatus="noshow"),
        (f"{AT_NINE} noshow",),
    ),
    Case("the live status noshow", "month-board", "list", live("noshow"), (f"{AT_NINE} noshow",)),
    Case(
        "the live status cancelled",
        "month-board",
        "list",
        live("cancelled"),
        (f"{AT_NINE} cancelled",),
    ),
    Case(
        "the live status with a capital",
        "day-board",
        "list",
        live("Confirmed"),
        CONFIRMED,
    ),
    Case(
        "a coarse status in place of the live one",
        "day-board, live-status",
        "list",
        live(None, status="noshow"),
        (f"{AT_NINE} noshow",),
    ),
    Case(
        "status scheduled", "scheduled-hook: its own default", "list", live("scheduled"), CONFIRMED
    ),
    Case(
        "a word that holds cancel",
        "danish-hook",
        "list",
        live("cancelled by client"),
        (*CONFIRMED, "reported: unknown_status"),
    ),
    Case(
        "a row of a whole day",
        "crud",
        "list",
        listed(isFullDay=True, endTime=BOOKED["startTime"]),
        ("appointment alice 02 23:00-03 23:00 confirmed",),
    ),
    Case(
        "dates of creation and change",
        "crud, adu, clinic-board",
        "list",
        listed(createdAt="2026-03-01T08:00:00.000Z", updatedAt="2026-03-01T08:00:00.000Z"),
        CONFIRMED,
    ),
    Case(
        "an address, and notes",
        "adu, crud",
        "list",
        listed(address="Room 4", notes="first time", isFree=False, userCalendarId="uc-1"),
        CONFIRMED,
    ),
    Case(
        "the contact's names in small letters",
        "adu",
        "list",
        listed(contact={"id": "con-1", "firstNameLowerCase": "kim", "fullNameLowerCase": "kim e"}),
        CONFIRMED,
    ),
    Case(
        "a contact without an id of its own",
        "contact-test, probe-notes",
        "list",
        listed(contactId=..., contact={"name": "Kim Example", "companyName": None}),
        CONFIRMED,
    ),
    Case(
        "a contact that is empty",
        "contact-test",
        "list",
        listed(contactId=..., contact={}),
        CONFIRMED,
    ),
    Case(
        "times with underscores",
        "full-calendar, agenda",
        "list",
        listed(
            startTime=...,
            endTime=...,
            start_time=BOOKED["startTime"],
            end_time=BOOKED["endTime"],
        ),
        ("unreadable",),
    ),
    Case(
        "rows of two calendars",
        "clinic-board, day-board",
        "list",
        {
            "appointments": [
                BOOKED,
                {**BOOKED, "id": "apt-2", "userId": None, "calendarId": "cal-b"},
            ]
        },
        (*CONFIRMED, "appointment bob 03 09:00-10:00 confirmed"),
    ),
    Case(
        "an error with the status 200",
        "month-board",
        "list",
        {"statusCode": 401, "message": "Unauthorized"},
        ("access lost",),
    ),
    Case(
        "appointments null",
        "agenda, adu",
        "list",
        {"appointments": None},
        ("not whole",),
    ),
    Case(
        "the list of a contact",
        "roostest",
        "list",
        {"events": [{"id": "apt-1", "startTime": "2026-03-03 10:00:00", "notes": "x"}]},
        ("not whole",),
    ),
    Case("an empty object, as for a contact", "vendor", "list", {}, ("not whole",)),
    # one
    Case(
        "by id, with its contact",
        "vendor",
        "one",
        {**BOOKED, "calendarServiceId": "srv-1", "contact": {"id": "con-1", "tags": []}},
        CONFIRMED,
    ),
    Case(
        "by id, with the status spelt right",
        "dialog",
        "one",
        {**BOOKED, "appointmentStatus": "confirmed"},
        CONFIRMED,
    ),
    Case(
        "by id, as after a booking",
        "probe-notes, vendor",
        "one",
        {"id": "apt-1", "contactId": "print-1", "sessionId": "s-1", "contact": {"type": "lead"}},
        ("unknown",),
    ),
    # slots
    Case(
        "each day an object of slots",
        "crud, crud-slots, slot-count",
        "slots",
        {
            "2026-03-03": {"slots": STARTS[:1]},
            "2026-03-04": {"slots": ["2026-03-04T10:00:00+01:00"]},
        },
        ("09:00-09:30", "09:00-09:30"),
    ),
    Case(
        "a day whose slots are missing",
        "crud-slots",
        "slots",
        {"2026-03-02": {}, "2026-03-03": {"slots": STARTS}},
        TWO_SLOTS,
    ),
    Case(
        "slots under _dates_",
        "misread: vendor and dialog show it, too",
        "slots",
        {"_dates_": {"slots": STARTS}},
        TWO_SLOTS,
    ),
    Case(
        "slots with the offset of another zone",
        "vendor",
        "slots",
        {"2026-03-03": {"slots": ["2026-03-03T14:30:00+05:30", "2026-03-03T15:00:00+05:30"]}},
        TWO_SLOTS,
    ),
    # directories
    Case(
        "users with roles",
        "vendor, flutter",
        "users",
        {"users": [{"id": "user-a", "firstName": "Alice", "roles": {"type": "agency"}}]},
        ("alice present",),
    ),
    Case(
        "users with a name and a phone",
        "crud",
        "users",
        {"users": [{"id": "user-a", "name": "Alice E", "phone": "", "roles": {"locationIds": []}}]},
        ("alice present",),
    ),
    Case("a bare list of users", "user-sync", "users", [{"id": "user-a"}], ("not understood",)),
    Case(
        "another user only", "flutter", "users", {"users": [{"id": "user-z"}]}, ("alice missing",)
    ),
    Case(
        "a service as it is documented",
        "vendor",
        "services",
        {
            "services": [
                {
                    "id": "cal-b",
                    "name": "Visits",
                    "teamId": "team-1",
                    "teamMembers": [{"userId": "user-b", "priority": 0, "selected": True}],
                    "availability": {"eventTiming": {"slotDuration": 30}},
                }
            ]
        },
        ("cal-b team team-1",),
    ),
    Case(
        "a service that is switched off",
        "two-transports",
        "services",
        {"services": [{"id": "cal-b", "name": "Visits", "isActive": False}]},
        ("cal-b team -",),
    ),
    Case(
        "a service with a description only",
        "clinic-board",
        "services",
        {"services": [{"id": "cal-b", "name": "visits", "description": ""}]},
        ("cal-b team -",),
    ),
    Case("no services", "two-transports, python-sdk", "services", {"services": []}, ()),
    Case(
        "teams with members",
        "vendor, python-sdk, ghlpy",
        "teams",
        {"teams": [{"id": "cal-b", "name": "Team", "members": [{"id": "user-b", "name": "Bob"}]}]},
        ("bob present",),
    ),
    # refusals
    Case("400", "vendor", "list", refusal(400, {"msg": "Bad Request"}), ("refused",)),
    Case("401", "vendor", "list", refusal(401, {"msg": "Unauthorized"}), ("access lost",)),
    Case(
        "401 for a token of v2",
        "probe-notes",
        "list",
        refusal(401, {"msg": "Api key is invalid"}),
        ("access lost",),
    ),
    Case(
        "404", "probe-notes, field-probe", "list", refusal(404, {"msg": "Not found"}), ("refused",)
    ),
    Case(
        "422 with the fields that are missing",
        "vendor",
        "list",
        refusal(422, fields("startDate", "endDate")),
        ("refused",),
    ),
    Case(
        "422 with one field of three names",
        "field-probe",
        "list",
        refusal(422, fields("userId")),
        ("refused",),
    ),
    Case(
        "text in place of JSON",
        "python-sdk",
        "list",
        httpx.Response(200, text="Service Unavailable"),
        ("not whole",),
    ),
)
