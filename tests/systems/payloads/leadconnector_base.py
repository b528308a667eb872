"""What the tables of LeadConnector v2 are built from. All names, ids and addresses are invented."""

from __future__ import annotations

from typing import Any

from tests.systems.payloads.case import changed

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
