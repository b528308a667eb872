"""A scripted LeadConnector v1 behind httpx.MockTransport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx
import pytest

from syncd.systems.leadconnector_v1 import Account, CalendarMapping, LeadConnectorV1
from tests.systems.scripted import FakeClock, Script

LIST = "GET appointments/"
ONE = "GET appointments/a1"


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock at NOW."""
    return FakeClock()


@pytest.fixture
def script() -> Script:
    """Return a platform with scripted answers."""
    return Script("/v1/")


Build = Callable[..., LeadConnectorV1]

PAIR = {
    "alice": CalendarMapping(calendar="cal-a", user="user-a"),
    "bob": CalendarMapping(calendar="cal-b"),
}


@pytest.fixture
async def build(script: Script, clock: FakeClock) -> AsyncIterator[Build]:
    """Create adapters on the scripted platform; all are closed at the end."""
    made: list[LeadConnectorV1] = []

    def make(calendars: Mapping[str, CalendarMapping] = PAIR, **options: Any) -> LeadConnectorV1:
        account = Account(base_url="https://api.example.com/v1", api_key="the-secret", **options)
        system = LeadConnectorV1(
            "legacy", account, calendars, clock, transport=httpx.MockTransport(script)
        )
        made.append(system)
        return system

    yield make
    for system in made:
        await system.aclose()


def appointment(event_id: str = "a1", **changes: Any) -> dict[str, Any]:
    """Return an appointment of alice as the platform sends it.

    See docs/platforms/leadconnector-v1.md#listing-appointments.
    """
    row = {
        "id": event_id,
        "userId": "user-a",
        "calendarId": "cal-a",
        "contactId": "contact-1",
        "locationId": "C2Qu",
        "isRecurring": False,
        "status": "booked",
        "appoinmentStatus": "confirmed",
        "title": "Standup",
        "startTime": "2026-03-02T16:00:00+05:30",
        "endTime": "2026-03-02T16:30:00+05:30",
        "selectedTimezone": "Asia/Calcutta",
        "contact": {"id": "contact-1", "email": "kim@example.com", "tags": ["x"]},
    }
    return {name: value for name, value in (row | changes).items() if value is not ...}


def block(event_id: str = "b1", **changes: Any) -> dict[str, Any]:
    """Return an event block of alice."""
    bare: dict[str, Any] = {"contactId": ..., "contact": ..., "appoinmentStatus": ...}
    return appointment(event_id, **(bare | {"title": "Busy [s:abcdefghij]"} | changes))


def listed(*rows: Any) -> dict[str, Any]:
    """Return the answer of the list call."""
    return {"appointments": list(rows)}
