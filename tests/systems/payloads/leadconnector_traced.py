"""More answers of LeadConnector v2, each described after a source that can be looked up."""

from __future__ import annotations

from typing import Any

import httpx

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

DAY = {"2026-03-03": {"slots": STARTS}}
REPORTED = (f"{AT_NINE} confirmed", "reported: unknown_status")


def refusal(code: int, body: Any) -> httpx.Response:
    return httpx.Response(code, json=body)


TRACED = (
    Case("status new", "recallsync, mcp", "events", status("new"), (f"{AT_NINE} new",)),
    Case("status invalid", "recallsync, mcp", "events", status("invalid"), (f"{AT_NINE} invalid",)),
    Case("status active", "spec", "events", status("active"), (f"{AT_NINE} confirmed",)),
    Case("status completed", "spec", "events", status("completed"), (f"{AT_NINE} showed",)),
    Case(
        "status pending",
        "ristak-booking: it writes it",
        "events",
        status("pending"),
        (f"{AT_NINE} new",),
    ),
    Case("status attended", "ristak-words", "events", status("attended"), (f"{AT_NINE} showed",)),
    Case("status complete", "ristak-words", "events", status("complete"), (f"{AT_NINE} showed",)),
    Case("status missed", "ristak-words", "events", status("missed"), REPORTED),
    Case("status failed", "ristak-words", "events", status("failed"), REPORTED),
    Case("status voided", "ristak-words", "events", status("voided"), REPORTED),
    Case("status deleted", "ristak-words", "events", status("deleted"), REPORTED),
    Case(
        "the status under a third name",
        "warehouse",
        "events",
        meetings(appointmentStatus=..., calendarStatus="cancelled"),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "the coarse status says cancelled",
        "sizmo, warehouse",
        "events",
        meetings(appointmentStatus=..., status="cancelled"),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "three statuses that agree",
        "m2k",
        "events",
        meetings(status="booked", appoinmentStatus="showed", appointmentStatus="showed"),
        (f"{AT_NINE} showed",),
    ),
    Case(
        "every field of the specification",
        "spec",
        "events",
        meetings(
            address="Room 4",
            groupId="grp-1",
            users=["user-a"],
            notes="first time",
            description="first time",
            isRecurring=False,
            dateAdded="2026-03-01T08:00:00+01:00",
            dateUpdated="2026-03-01T08:00:00+01:00",
            assignedResources=[],
            createdBy={"userId": None, "source": "booking_widget"},
        ),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "a flag of a series that is a text",
        "spec",
        "events",
        meetings(isRecurring="true", masterEventId="evt-0", rrule="RRULE:FREQ=WEEKLY"),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "resources by their ids",
        "spec, mcp",
        "events",
        meetings(assignedResources=["r-1", "e-1"]),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "no dates of creation and change",
        "issue-246: of answers to writes",
        "events",
        meetings(dateUpdated=..., dateAdded=...),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "a contact's name and no end",
        "sizmo-tests",
        "events",
        meetings(contactName="Kim Example", endTime=..., locationId=..., calendarId=...),
        ("unreadable",),
    ),
    Case(
        "the id under another name",
        "sizmo",
        "events",
        meetings(id=..., _id="evt-1"),
        ("reported: unreadable",),
    ),
    Case(
        "the start under another name",
        "sizmo",
        "events",
        meetings(startTime=..., startTimeISO=MEETING["startTime"]),
        ("unreadable",),
    ),
    Case(
        "a list under appointments",
        "sizmo",
        "events",
        {"appointments": [MEETING]},
        ("not whole",),
    ),
    Case(
        "two rows of one contact at one time",
        "phorest",
        "events",
        {"events": [MEETING, {**MEETING, "id": "evt-2"}]},
        (f"{AT_NINE} confirmed", f"{AT_NINE} confirmed"),
    ),
    Case(
        "a contact's id that is empty",
        "phorest",
        "events",
        meetings(contactId=""),
        (f"{AT_NINE} confirmed",),
    ),
    # blocks
    Case(
        "busy time of another calendar",
        "busy-slots, coach-board",
        "blocked-slots",
        blocks(title="Busy", address="", isFullDay=False),
        (BLOCK,),
    ),
    Case("a deleted block", "busy-slots", "blocked-slots", blocks(deleted=True), ("nothing",)),
    Case(
        "a whole day",
        "busy-slots",
        "blocked-slots",
        blocks(isFullDay=True, startTime="2026-03-03T00:00:00+01:00", endTime=STARTS[0]),
        ("block alice 02 23:00-03 23:00 confirmed",),
    ),
    Case(
        "a reason in place of a title",
        "ristak",
        "blocked-slots",
        blocks(title=..., reason="Closed"),
        (BLOCK,),
    ),
    Case(
        "a date, and times of day",
        "ristak",
        "blocked-slots",
        blocks(date="2026-03-03", startTime="10:00", endTime="11:00"),
        ("unreadable",),
    ),
    Case(
        "UTC, as blocks come",
        "ristak",
        "blocked-slots",
        blocks(startTime="2026-03-03T09:00:00.000Z", endTime="2026-03-03T10:00:00.000Z"),
        (BLOCK,),
    ),
    Case("a block without an end", "ristak", "blocked-slots", blocks(endTime=...), ("unreadable",)),
    Case(
        "events beside another list",
        "two-lists",
        "blocked-slots",
        {"events": [CLOSED], "blockedSlots": []},
        (BLOCK,),
    ),
    # one appointment
    Case(
        "event before appointment",
        "hook-builder, spec",
        "appointment",
        {"event": MEETING, "appointment": None},
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "few fields, by id",
        "sizmo-tests",
        "appointment",
        {
            "appointment": {
                "id": "evt-1",
                "title": "First visit",
                "startTime": "2026-03-03T09:00:00Z",
                "endTime": "2026-03-03T10:00:00Z",
                "appointmentStatus": "confirmed",
            }
        },
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "an id alone, by id",
        "rust-cli: after a booking",
        "appointment",
        {"id": "evt-1"},
        ("unknown",),
    ),
    # free slots
    Case(
        "two days",
        "spec",
        "free-slots",
        {
            "2026-03-03": {"slots": STARTS[:1]},
            "2026-03-04": {"slots": ["2026-03-04T10:00:00+01:00"]},
        },
        ("09:00-09:30", "09:00-09:30"),
    ),
    Case(
        "starts in UTC",
        "rust-cli, rust-cli-slots",
        "free-slots",
        {"2026-03-03": {"slots": ["2026-03-03T09:00:00Z", "2026-03-03T09:30:00Z"]}},
        TWO_SLOTS,
    ),
    Case(
        "a trace id last",
        "rust-sdk, ristak, probe-notes",
        "free-slots",
        {**DAY, "traceId": "t-1"},
        TWO_SLOTS,
    ),
    Case(
        "a day without slots",
        "ristak, rust-sdk",
        "free-slots",
        {"2026-03-02": {}, **DAY},
        TWO_SLOTS,
    ),
    Case(
        "a day's slots under freeSlots",
        "live-booking",
        "free-slots",
        {"2026-03-03": {"freeSlots": STARTS}},
        TWO_SLOTS,
    ),
    Case(
        "a day that is a list, beside one that is an object",
        "live-booking",
        "free-slots",
        {"2026-03-03": STARTS[:1], "2026-03-04": {"slots": ["2026-03-04T10:00:00+01:00"]}},
        ("09:00-09:30", "09:00-09:30"),
    ),
    Case(
        "flat slots that are objects",
        "slot-objects",
        "free-slots",
        {"slots": [{"startTime": s, "endTime": "2026-03-03T12:00:00+01:00"} for s in STARTS]},
        TWO_SLOTS,
    ),
    Case("slots under data", "langgraph", "free-slots", {"data": STARTS}, ("not understood",)),
    # directories
    Case(
        "a calendar in minutes",
        "spec",
        "calendars",
        {
            "calendars": [
                {
                    "id": "cal-a",
                    "isActive": True,
                    "calendarType": "round_robin",
                    "slotDuration": 30,
                    "slotDurationUnit": "mins",
                    "appoinmentPerSlot": 1,
                    "teamMembers": [{"userId": "user-a", "isPrimary": True, "priority": 1}],
                }
            ]
        },
        ("cal-a 30 min user-a",),
    ),
    Case(
        "a calendar in hours",
        "spec",
        "calendars",
        {"calendars": [{"id": "cal-a", "slotDuration": 2, "slotDurationUnit": "hours"}]},
        ("cal-a 120 min -",),
    ),
    Case(
        "a calendar with a name only",
        "sizmo-tests",
        "calendars",
        {"calendars": [{"id": "cal-a", "name": "Main"}]},
        ("cal-a 0 min -",),
    ),
    Case("no calendars", "sizmo-tests", "calendars", {"calendars": []}, ()),
    Case(
        "a room without an id",
        "spec",
        "rooms",
        [
            {
                "locationId": "loc-1",
                "name": "Blue",
                "resourceType": "rooms",
                "isActive": True,
                "capacity": 8,
            }
        ],
        ("rooms/Blue ",),
    ),
    Case(
        "a user who is not deleted, with a phone of the platform",
        "spec-users",
        "users",
        {
            "users": [
                {
                    "id": "user-a",
                    "name": "Alice",
                    "deleted": False,
                    "lcPhone": {"loc-1": ""},
                    "scopes": "",
                }
            ]
        },
        ("alice present",),
    ),
    # refusals
    Case(
        "a token of another location",
        "probe-notes: of another call",
        "users",
        refusal(403, {"message": "The token does not have access to this location"}),
        ("access lost",),
    ),
    Case(
        "a key of v1",
        "probe-notes: of another call",
        "users",
        refusal(401, {"message": "Invalid JWT"}),
        ("access lost",),
    ),
    Case(
        "401 where the platform is slow",
        "operator-notes",
        "users",
        refusal(401, {"message": "Command timed out"}),
        ("asked again",),
    ),
)
