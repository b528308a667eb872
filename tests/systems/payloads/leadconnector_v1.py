"""LeadConnector v1: answers in many shapes. All names, ids and addresses are invented."""

from __future__ import annotations

from typing import Any

from tests.systems.payloads.case import Case, changed

BOOKED = {
    "id": "apt-1",
    "userId": "user-a",
    "calendarId": "cal-a",
    "contactId": "con-1",
    "status": "booked",
    "appoinmentStatus": "confirmed",
    "title": "First visit",
    "startTime": "2026-03-03T10:00:00+01:00",
    "endTime": "2026-03-03T11:00:00+01:00",
    "selectedTimezone": "Europe/Berlin",
}
STARTS = ["2026-03-03T10:00:00+01:00", "2026-03-03T10:30:00+01:00"]
AT_NINE = "appointment alice 03 09:00-10:00"
BLOCK = "block alice 03 09:00-10:00 confirmed"
TWO_SLOTS = ("09:00-09:30", "09:30-10:00")


def listed(**changes: Any) -> dict[str, Any]:
    return {"appointments": [changed(BOOKED, changes)]}


def status(word: Any) -> dict[str, Any]:
    return listed(appoinmentStatus=word)


CASES = (
    Case("status show", "dashboards", "list", status("show"), (f"{AT_NINE} showed",)),
    Case("status no show", "dashboards", "list", status("no show"), (f"{AT_NINE} noshow",)),
    Case("status no_show", "webhook receivers", "list", status("no_show"), (f"{AT_NINE} noshow",)),
    Case(
        "status canceled",
        "webhook receivers",
        "list",
        status("canceled"),
        (f"{AT_NINE} cancelled",),
    ),
    Case(
        "status Cancelled",
        "receivers that lower it",
        "list",
        status("Cancelled"),
        (f"{AT_NINE} cancelled",),
    ),
    Case(
        "status invalid",
        "receivers that cancel then",
        "list",
        status("invalid"),
        (f"{AT_NINE} invalid",),
    ),
    Case("status new", "receivers", "list", status("new"), (f"{AT_NINE} new",)),
    Case("status pending", "known before", "list", status("pending"), (f"{AT_NINE} new",)),
    Case("status active", "known before", "list", status("active"), (f"{AT_NINE} confirmed",)),
    Case(
        "status completed",
        "known before",
        "list",
        status("completed"),
        (f"{AT_NINE} showed",),
    ),
    Case(
        "status rescheduled",
        "known before",
        "list",
        status("rescheduled"),
        (f"{AT_NINE} confirmed",),
    ),
    Case("status unconfirmed", "known before", "list", status("unconfirmed"), (f"{AT_NINE} new",)),
    Case(
        "status that nobody knows",
        "receivers with a fallback",
        "list",
        status("Not Started"),
        (f"{AT_NINE} confirmed", "reported: unknown_status"),
    ),
    Case(
        "only the coarse status",
        "dashboards that read it",
        "list",
        listed(appoinmentStatus=...),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "the coarse status says cancelled",
        "a test double",
        "list",
        listed(appoinmentStatus=..., status="cancelled"),
        (f"{AT_NINE} cancelled",),
    ),
    Case(
        "the status spelt right",
        "later recordings",
        "list",
        listed(appoinmentStatus=..., appointmentStatus="showed"),
        (f"{AT_NINE} showed",),
    ),
    Case(
        "no status at all",
        "test doubles",
        "list",
        listed(appoinmentStatus=..., status=...),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "an old name of a zone",
        "recordings",
        "list",
        listed(
            startTime="2026-03-03T14:30:00",
            endTime="2026-03-03T15:30:00",
            selectedTimezone="Asia/Calcutta",
        ),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "no zone and no offset",
        "invented",
        "list",
        listed(
            startTime="2026-03-03 10:00:00", endTime="2026-03-03 11:00:00", selectedTimezone=...
        ),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "milliseconds",
        "known before",
        "list",
        listed(startTime=1772528400000, endTime="1772532000000"),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "seconds",
        "invented; clients mix the units up",
        "list",
        listed(startTime=1772528400, endTime=1772532000),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "UTC with milliseconds",
        "client code",
        "list",
        listed(startTime="2026-03-03T09:00:00.000Z", endTime="2026-03-03T10:00:00.000Z"),
        (f"{AT_NINE} confirmed",),
    ),
    Case("no end", "front ends that add a length", "list", listed(endTime=...), ("unreadable",)),
    Case(
        "it ends as it starts",
        "test doubles",
        "list",
        listed(endTime=BOOKED["startTime"]),
        ("unreadable",),
    ),
    Case(
        "the contact inside",
        "includeAll",
        "list",
        listed(contactId=..., contact={"id": "con-1", "email": "kim@example.com", "tags": []}),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "no contact", "recordings of blocks", "list", listed(contactId=None, contact=None), (BLOCK,)
    ),
    Case(
        "assignedUserId",
        "recordings",
        "list",
        listed(userId=..., assignedUserId="user-a"),
        (f"{AT_NINE} confirmed",),
    ),
    Case(
        "calendarServiceId",
        "recordings",
        "list",
        listed(userId=..., calendarId=..., calendarServiceId="cal-b"),
        ("appointment bob 03 09:00-10:00 confirmed",),
    ),
    Case(
        "a row of a series",
        "recordings",
        "list",
        listed(isRecurring=True, rrule="FREQ=WEEKLY"),
        (f"{AT_NINE} confirmed",),
    ),
    Case("said to be free", "recordings", "list", listed(isFree=True), (f"{AT_NINE} confirmed",)),
    Case(
        "a whole day",
        "invented",
        "list",
        listed(startTime="2026-03-03", endTime="2026-03-03", contactId=..., allDay=True),
        ("block alice 02 23:00-03 23:00 confirmed",),
    ),
    Case(
        "an id that is a number", "test doubles", "list", listed(id=4711), (f"{AT_NINE} confirmed",)
    ),
    Case("no appointments", "every client", "list", {"appointments": []}, ("nothing",)),
    Case(
        "an answer without the list",
        "clients that write appointments or nothing",
        "list",
        {"msg": "ok"},
        ("not whole",),
    ),
    Case("by id", "recordings", "one", BOOKED, (f"{AT_NINE} confirmed",)),
    Case("by id, in an envelope", "invented", "one", {"appointment": BOOKED}, ("unknown",)),
    Case(
        "days by their dates", "every client", "slots", {"2026-03-03": {"slots": STARTS}}, TWO_SLOTS
    ),
    Case("one flat list", "client code", "slots", {"slots": STARTS}, TWO_SLOTS),
    Case("a day as a bare list", "known before", "slots", {"2026-03-03": STARTS}, TWO_SLOTS),
    Case(
        "a first day that is empty",
        "calendars that show first slots",
        "slots",
        {"2026-03-02": {"slots": []}, "2026-03-03": {"slots": STARTS}, "traceId": "t-1"},
        TWO_SLOTS,
    ),
    Case(
        "wall clocks",
        "front ends that split texts",
        "slots",
        {"2026-03-03": {"slots": ["2026-03-03T10:00:00", "2026-03-03T10:30:00"]}},
        TWO_SLOTS,
    ),
    Case("nothing free", "client code", "slots", {}, ()),
    Case(
        "days under another name",
        "client code with a data field",
        "slots",
        {"data": {"2026-03-03": STARTS}},
        ("not understood",),
    ),
    Case(
        "users with permissions",
        "client code",
        "users",
        {"users": [{"id": "user-a", "permissions": {"appointmentsEnabled": True}}]},
        ("alice present",),
    ),
    Case("no users", "known before", "users", {"users": []}, ("alice unknown",)),
)
