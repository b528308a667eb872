"""LeadConnector v2: answers in many shapes. All names, ids and addresses are invented."""

from __future__ import annotations

from tests.systems.payloads.case import Case
from tests.systems.payloads.leadconnector_base import (
    AT_NINE,
    BLOCK,
    CLOSED,
    MEETING,
    STARTS,
    TWO_SLOTS,
    blocks,
    meetings,
    status,
)
from tests.systems.payloads.leadconnector_traced import TRACED

CASES = (
    # lists of appointments
    Case(
        "status no_show", "sizmo, ristak-words", "events", status("no_show"), (f"{AT_NINE} noshow",)
    ),
    Case("status no-show", "misread", "events", status("no-show"), (f"{AT_NINE} noshow",)),
    Case(
        "status canceled",
        "misread",
        "events",
        status("canceled"),
        (f"{AT_NINE} cancelled",),
    ),
    Case(
        "status in capitals",
        "sizmo: it lowers the word first",
        "events",
        status("Showed"),
        (f"{AT_NINE} showed",),
    ),
    Case(
        "status in a language of its own",
        "invented",
        "events",
        status("agendado"),
        (f"{AT_NINE} confirmed", "reported: unknown_status"),
    ),
    Case(
        "only the misspelt status",
        "warehouse, m2k",
        "events",
        meetings(appointmentStatus=..., appoinmentStatus="cancelled"),
        (f"{AT_NINE} cancelled",),
    ),
    Case(
        "two statuses that differ",
        "invented",
        "events",
        meetings(appoinmentStatus="WRONG"),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "only the coarse status",
        "sizmo, m2k",
        "events",
        meetings(appointmentStatus=..., status="booked"),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "no status at all",
        "ristak-words: none is taken for an open one",
        "events",
        meetings(appointmentStatus=...),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "created by a page",
        "m2k: createdBy; its value is invented",
        "events",
        meetings(createdBy={"source": "contactdetails_page", "userId": "user-b"}),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "a deleted row in a list",
        "coach-board",
        "events",
        meetings(deleted=True),
        ("nothing",),
    ),
    Case(
        "an instance of a series",
        "notes",
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
        "invented",
        "events",
        meetings(assignedUserId=None, users=None),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "no contact",
        "phorest",
        "events",
        meetings(contactId=...),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "UTC with milliseconds",
        "sizmo-tests",
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
        "invented",
        "events",
        meetings(startTime=1772528400000, endTime=1772532000000),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "milliseconds as floats",
        "misread",
        "events",
        meetings(startTime=1772528400000.0, endTime="1772532000000.0"),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "seconds",
        "invented",
        "events",
        meetings(startTime=1772528400, endTime="1772532000"),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "it ends as it starts",
        "spec: its own example",
        "events",
        meetings(endTime=MEETING["startTime"]),
        ("unreadable",),
    ),
    Case("no end", "sizmo-tests", "events", meetings(endTime=...), ("unreadable",)),
    Case(
        "no events", "sizmo-tests, ristak", "events", {"events": [], "traceId": "t-1"}, ("nothing",)
    ),
    Case(
        "an answer without the list",
        "ristak, sizmo: they take it for an empty list",
        "events",
        {"traceId": "t-1"},
        ("not whole",),
    ),
    # lists of blocks
    Case(
        "from Google, expanded",
        "misread",
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
        "spec, ristak",
        "blocked-slots",
        blocks(assignedUserId=..., calendarId="cal-a"),
        (BLOCK,),
    ),
    Case("no title", "coach-board", "blocked-slots", blocks(title=...), (BLOCK,)),
    Case(
        "dates only",
        "invented",
        "blocked-slots",
        blocks(startTime="2026-03-03", endTime="2026-03-05"),
        ("block alice 02 23:00-04 23:00 confirmed",),
    ),
    Case(
        "a whole day to 23:59:59",
        "invented",
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
        "spec: the type is object; the keys are invented",
        "blocked-slots",
        blocks(
            startTime={"dateTime": STARTS[0]}, endTime={"dateTime": "2026-03-03T11:00:00+01:00"}
        ),
        (BLOCK,),
    ),
    Case(
        "a list under another name",
        "two-lists",
        "blocked-slots",
        {"blockedSlots": [CLOSED]},
        ("not whole",),
    ),
    # one appointment
    Case(
        "in appointment",
        "sizmo-tests",
        "appointment",
        {"appointment": MEETING, "traceId": "t-1"},
        (f"{AT_NINE} confirmed",),
    ),
    Case("in event", "spec", "appointment", {"event": MEETING}, (f"{AT_NINE} confirmed",)),
    Case(
        "without an envelope",
        "ristak",
        "appointment",
        {**MEETING, "traceId": "t-1"},
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "deleted, by id",
        "invented",
        "appointment",
        {"appointment": {**MEETING, "deleted": True}},
        ("gone",),
    ),
    # free slots
    Case(
        "days by their dates",
        "spec, mcp",
        "free-slots",
        {"2026-03-03": {"slots": STARTS}, "traceId": "t-1"},
        TWO_SLOTS,
    ),
    Case(
        "days one level deeper",
        "misread",
        "free-slots",
        {"_dates_": {"2026-03-03": {"slots": STARTS}}, "slots": []},
        TWO_SLOTS,
    ),
    Case("a day as a bare list", "misread", "free-slots", {"2026-03-03": STARTS}, TWO_SLOTS),
    Case(
        "one flat list", "live-booking: under any key", "free-slots", {"slots": STARTS}, TWO_SLOTS
    ),
    Case(
        "freeSlots", "live-booking: under any key", "free-slots", {"freeSlots": STARTS}, TWO_SLOTS
    ),
    Case("a bare list", "invented", "free-slots", STARTS, TWO_SLOTS),
    Case(
        "slots as objects",
        "partners: it spreads them; their keys are invented",
        "free-slots",
        {"2026-03-03": {"slots": [{"startTime": s, "endTime": None} for s in STARTS]}},
        TWO_SLOTS,
    ),
    Case(
        "keys that nobody knows beside days",
        "misread",
        "free-slots",
        {"2026-03-03": {"slots": STARTS}, "meta": {"count": 2}, "timezone": "UTC", "limit": 5},
        TWO_SLOTS,
    ),
    Case("nothing free", "rust-sdk, ristak", "free-slots", {"traceId": "t-1"}, ()),
    Case("a day that is full", "check-in", "free-slots", {"2026-03-03": {"slots": []}}, ()),
    Case(
        "days under another name",
        "langgraph",
        "free-slots",
        {"data": {"2026-03-03": {"slots": STARTS}}},
        ("not understood",),
    ),
    # directories
    Case(
        "users with roles",
        "spec-users",
        "users",
        {"users": [{"id": "user-a", "roles": {"type": "account", "role": "admin"}, "phone": ""}]},
        ("alice present",),
    ),
    Case(
        "a deleted user",
        "spec-users",
        "users",
        {"users": [{"id": "user-a", "deleted": True}, {"id": "user-z"}]},
        ("alice missing",),
    ),
    Case("no users", "misread", "users", {"users": []}, ("alice unknown",)),
    Case(
        "rooms in an array",
        "spec: it shows no id",
        "rooms",
        [{"name": "Blue", "id": "r-1", "calendarIds": ["cal-a"]}],
        ("rooms/Blue r-1",),
    ),
    Case(
        "rooms under their name",
        "misread",
        "rooms",
        {"rooms": [{"_id": "r-1", "name": "Blue"}]},
        ("rooms/Blue r-1",),
    ),
    Case(
        "rooms under resources",
        "misread",
        "rooms",
        {"resources": [{"id": "r-1", "name": "Blue"}, None, "x"], "total": 1},
        ("rooms/Blue r-1",),
    ),
    Case("rooms under another name", "invented", "rooms", {"items": []}, ("not understood",)),
    Case(
        "a calendar with hours",
        "invented",
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
        "invented",
        "calendars",
        {"calendars": [{"id": "cal-h", "teamMembers": None, "slotDuration": 45}, "x", None]},
        ("cal-h 45 min -",),
    ),
    *TRACED,
)
