"""LeadConnector v2: answers in many shapes. All names, ids and addresses are invented."""

from __future__ import annotations

from typing import Any

from tests.systems.payloads.case import Case, changed

MEETING = {
    "id": "evt-1",
    "calendarId": "cal-a",
    "locationId": "loc-1",
    "contactId": "con-1",
    "assignedUserId": "user-a",
    "title": "First visit",
    "appointmentStatus": "confirmed",
    "startTime": "2026-03-03T10:00:00+01:00",
    "endTime": "2026-03-03T11:00:00+01:00",
    "dateUpdated": "2026-03-01T08:00:00.000Z",
}
CLOSED = {
    "id": "blk-1",
    "assignedUserId": "user-a",
    "title": "Away",
    "startTime": "2026-03-03T10:00:00+01:00",
    "endTime": "2026-03-03T11:00:00+01:00",
    "deleted": False,
}
STARTS = ["2026-03-03T10:00:00+01:00", "2026-03-03T10:30:00+01:00"]
AT_NINE = "appointment alice 03 09:00-10:00"
BLOCK = "block alice 03 09:00-10:00 confirmed"
TWO_SLOTS = ("09:00-09:30", "09:30-10:00")


def meetings(**changes: Any) -> dict[str, Any]:
    return {"events": [changed(MEETING, changes)], "traceId": "t-1"}


def blocks(**changes: Any) -> dict[str, Any]:
    return {"events": [changed(CLOSED, changes)], "traceId": "t-1"}


def status(word: str, **more: Any) -> dict[str, Any]:
    return meetings(appointmentStatus=word, **more)


CASES = (
    # lists of appointments
    Case("status no_show", "client models", "events", status("no_show"), (f"{AT_NINE} noshow",)),
    Case("status no-show", "workflow code", "events", status("no-show"), (f"{AT_NINE} noshow",)),
    Case(
        "status canceled",
        "workflow code, beside cancelled",
        "events",
        status("canceled"),
        (f"{AT_NINE} cancelled",),
    ),
    Case(
        "status in capitals",
        "clients that lower it first",
        "events",
        status("Showed"),
        (f"{AT_NINE} showed",),
    ),
    Case(
        "status in a language of its own",
        "invented; clients have a fallback",
        "events",
        status("agendado"),
        (f"{AT_NINE} confirmed", "reported: unknown_status"),
    ),
    Case(
        "only the misspelt status",
        "clients that try both",
        "events",
        meetings(appointmentStatus=..., appoinmentStatus="cancelled"),
        (f"{AT_NINE} cancelled",),
    ),
    Case(
        "two statuses that differ",
        "a test double",
        "events",
        meetings(appoinmentStatus="WRONG"),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "only the coarse status",
        "clients that fall back to it",
        "events",
        meetings(appointmentStatus=..., status="booked"),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "no status at all",
        "clients with a fallback",
        "events",
        meetings(appointmentStatus=...),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "created by a page",
        "test doubles",
        "events",
        meetings(createdBy={"source": "contactdetails_page", "userId": "user-b"}),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "a deleted row in a list",
        "clients that skip it",
        "events",
        meetings(deleted=True),
        ("nothing",),
    ),
    Case(
        "an instance of a series",
        "client documentation",
        "events",
        meetings(
            id="evt-1_1772528400000_3600",
            masterEventId="evt-1",
            isRecurring=True,
            rrule="RRULE:FREQ=WEEKLY",
        ),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "nobody assigned, on a calendar of one",
        "test doubles",
        "events",
        meetings(assignedUserId=None, users=None),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "no contact",
        "clients that write (no contact)",
        "events",
        meetings(contactId=...),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "UTC with milliseconds",
        "test doubles",
        "events",
        meetings(startTime="2026-03-03T09:00:00.000Z", endTime="2026-03-03T10:00:00.000Z"),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "a space, and no offset",
        "invented",
        "events",
        meetings(startTime="2026-03-03 10:00:00", endTime="2026-03-03 11:00:00"),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "milliseconds as numbers",
        "clients that test for a number",
        "events",
        meetings(startTime=1772528400000, endTime=1772532000000),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "milliseconds as floats",
        "known before",
        "events",
        meetings(startTime=1772528400000.0, endTime="1772532000000.0"),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "seconds",
        "invented; clients mix the units up",
        "events",
        meetings(startTime=1772528400, endTime="1772532000"),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "it ends as it starts",
        "a sample in the vendor's documentation",
        "events",
        meetings(endTime=MEETING["startTime"]),
        ("unreadable",),
    ),
    Case("no end", "test doubles", "events", meetings(endTime=...), ("unreadable",)),
    Case("no events", "every client", "events", {"events": [], "traceId": "t-1"}, ("nothing",)),
    Case(
        "an answer without the list",
        "clients that write events or nothing",
        "events",
        {"traceId": "t-1"},
        ("not whole",),
    ),
    # lists of blocks
    Case(
        "from Google, expanded",
        "notes of a probe in production",
        "blocked-slots",
        blocks(
            id="blk-1_1772528400000_3600",
            masterEventId="blk-1",
            isRecurring=True,
            rrule=["EXDATE:20260310T090000Z", "RRULE:FREQ=WEEKLY"],
            createdBy={"source": "google_calendar"},
        ),
        (BLOCK,),
    ),
    Case(
        "a calendar's block",
        "client code",
        "blocked-slots",
        blocks(assignedUserId=..., calendarId="cal-a"),
        (BLOCK,),
    ),
    Case("no title", "clients that write Busy", "blocked-slots", blocks(title=...), (BLOCK,)),
    Case(
        "dates only",
        "clients that compare ten letters",
        "blocked-slots",
        blocks(startTime="2026-03-03", endTime="2026-03-05"),
        ("block alice 02 23:00-04 23:00 confirmed",),
    ),
    Case(
        "a whole day to 23:59:59",
        "calendars of other vendors",
        "blocked-slots",
        blocks(
            startTime="2026-03-03T00:00:00+01:00",
            endTime="2026-03-03T23:59:59+01:00",
            isFullDay=True,
        ),
        ("block alice 02 23:00-03 23:00 confirmed",),
    ),
    Case(
        "times in objects",
        "the specification's type of times",
        "blocked-slots",
        blocks(
            startTime={"dateTime": STARTS[0]}, endTime={"dateTime": "2026-03-03T11:00:00+01:00"}
        ),
        (BLOCK,),
    ),
    Case(
        "a list under another name",
        "clients that try both",
        "blocked-slots",
        {"blockedSlots": [CLOSED]},
        ("not whole",),
    ),
    # one appointment
    Case(
        "in appointment",
        "controllers that unwrap it",
        "appointment",
        {"appointment": MEETING, "traceId": "t-1"},
        (f"{AT_NINE} confirmed",),
    ),
    Case("in event", "client code", "appointment", {"event": MEETING}, (f"{AT_NINE} confirmed",)),
    Case(
        "without an envelope",
        "clients that try three shapes",
        "appointment",
        {**MEETING, "traceId": "t-1"},
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "deleted, by id",
        "clients that skip it",
        "appointment",
        {"appointment": {**MEETING, "deleted": True}},
        ("gone",),
    ),
    # free slots
    Case(
        "days by their dates",
        "every client",
        "free-slots",
        {"2026-03-03": {"slots": STARTS}, "traceId": "t-1"},
        TWO_SLOTS,
    ),
    Case(
        "days one level deeper",
        "client documentation",
        "free-slots",
        {"_dates_": {"2026-03-03": {"slots": STARTS}}, "slots": []},
        TWO_SLOTS,
    ),
    Case("a day as a bare list", "known before", "free-slots", {"2026-03-03": STARTS}, TWO_SLOTS),
    Case("one flat list", "client code", "free-slots", {"slots": STARTS}, TWO_SLOTS),
    Case("freeSlots", "client code", "free-slots", {"freeSlots": STARTS}, TWO_SLOTS),
    Case("a bare list", "clients that test for an array", "free-slots", STARTS, TWO_SLOTS),
    Case(
        "slots as objects",
        "client code that spreads them",
        "free-slots",
        {"2026-03-03": {"slots": [{"startTime": s, "endTime": None} for s in STARTS]}},
        TWO_SLOTS,
    ),
    Case(
        "keys that nobody knows beside days",
        "known before; clients skip traceId",
        "free-slots",
        {"2026-03-03": {"slots": STARTS}, "meta": {"count": 2}, "timezone": "UTC", "limit": 5},
        TWO_SLOTS,
    ),
    Case("nothing free", "client code", "free-slots", {"traceId": "t-1"}, ()),
    Case("a day that is full", "client code", "free-slots", {"2026-03-03": {"slots": []}}, ()),
    Case(
        "days under another name",
        "client code with a data field",
        "free-slots",
        {"data": {"2026-03-03": {"slots": STARTS}}},
        ("not understood",),
    ),
    # directories
    Case(
        "users with roles",
        "client code",
        "users",
        {"users": [{"id": "user-a", "roles": {"type": "account", "role": "admin"}, "phone": ""}]},
        ("alice present",),
    ),
    Case(
        "a deleted user",
        "client code",
        "users",
        {"users": [{"id": "user-a", "deleted": True}, {"id": "user-z"}]},
        ("alice missing",),
    ),
    Case("no users", "known before", "users", {"users": []}, ("alice unknown",)),
    Case(
        "rooms in an array",
        "client libraries",
        "rooms",
        [{"name": "Blue", "id": "r-1", "calendarIds": ["cal-a"]}],
        ("rooms/Blue r-1",),
    ),
    Case(
        "rooms under their name",
        "known before",
        "rooms",
        {"rooms": [{"_id": "r-1", "name": "Blue"}]},
        ("rooms/Blue r-1",),
    ),
    Case(
        "rooms under resources",
        "known before",
        "rooms",
        {"resources": [{"id": "r-1", "name": "Blue"}, None, "x"], "total": 1},
        ("rooms/Blue r-1",),
    ),
    Case("rooms under another name", "invented", "rooms", {"items": []}, ("not understood",)),
    Case(
        "a calendar with hours",
        "client code",
        "calendars",
        {
            "calendars": [
                {
                    "id": "cal-a",
                    "name": "Alice",
                    "teamMembers": [{"userId": "user-a", "priority": 0.5, "selected": True}],
                    "slotDuration": "1",
                    "slotDurationUnit": "hour",
                    "isActive": True,
                }
            ]
        },
        ("cal-a 60 min user-a",),
    ),
    Case(
        "a calendar without a team",
        "client code",
        "calendars",
        {"calendars": [{"id": "cal-h", "teamMembers": None, "slotDuration": 45}, "x", None]},
        ("cal-h 45 min -",),
    ),
)
