"""What the tables of LeadConnector v1 are built from. All names, ids and addresses are invented."""

from __future__ import annotations

from typing import Any

from tests.systems.payloads.case import changed

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
