"""A scripted LeadSquared behind httpx.MockTransport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from syncd.systems.leadsquared import Account, CalendarMapping, LeadSquared
from tests.systems.scripted import FakeClock, Script

LIST = "POST Task.svc/RetrieveAppointments/ByUserEmailAddress"
ONE = "GET Task.svc/Retrieve.GetById"


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock at NOW."""
    return FakeClock()


@pytest.fixture
def script() -> Script:
    """Return a platform with scripted answers."""
    return Script("/v2/")


Build = Callable[..., LeadSquared]


@pytest.fixture
async def build(script: Script, clock: FakeClock) -> AsyncIterator[Build]:
    """Return a function that creates adapters of alice and bob; all are closed at the end."""
    made: list[LeadSquared] = []

    def make(**options: Any) -> LeadSquared:
        account = Account(
            base_url="https://api.example.com/v2",
            access_key="u$r-access",
            secret_key="the-secret",
            **options,
        )
        calendars = {
            "alice": CalendarMapping("Alice@example.com"),
            "bob": CalendarMapping("bob@example.com"),
        }
        system = LeadSquared(
            "crm", account, calendars, clock, transport=httpx.MockTransport(script)
        )
        made.append(system)
        return system

    yield make
    for system in made:
        await system.aclose()


def task(task_id: str = "t1", **changes: Any) -> dict[str, Any]:
    """Return an appointment of alice as the platform sends it.

    See docs/platforms/leadsquared.md#task-fields.
    """
    row = {
        "UserTaskId": task_id,
        "Name": "Meeting: x",
        "Description": "",
        "RelatedEntity": 1,
        "RelatedEntityId": "lead-1",
        "DueDate": "2026-03-02 10:30:00.000",
        "EndDate": "2026-03-02 11:00:00",
        "StatusCode": 0,
        "OwnerEmailAddress": "alice@example.com",
        "CreatedOn": "2026-02-28 09:00:00.000",
        "ModifiedOn": "2026-03-01 09:00:00.000",
        "TaskType": {"Name": "Meeting", "Category": 0, "CreatedOn": "/Date(1502992091000+0000)/"},
        "CustomFields": {},
    }
    return {name: value for name, value in (row | changes).items() if value is not ...}


def page(*rows: Any, count: Any = ...) -> dict[str, Any]:
    """Return one page of a list."""
    total = len(rows) if count is ... else count
    return {"RecordCount": total, "List": list(rows)}
