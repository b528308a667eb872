"""A clock that only sleeping moves, and a scripted LeadConnector v1 behind httpx.MockTransport."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from syncd.systems.leadconnector_v1 import Account, CalendarOf, LeadConnectorV1

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LIST = "GET appointments/"
ONE = "GET appointments/a1"

Answer = httpx.Response | Callable[[httpx.Request], httpx.Response]


class FakeClock:
    """Virtual time."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds


class Script:
    """Answers per call, in turn, the last one for ever; keeps every request."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[httpx.Request] = []

    def say(self, call: str, *answers: Answer | dict[str, Any] | list[Any]) -> None:
        """Set what a call answers; plain data is a 200."""
        self.answers[call] = [
            httpx.Response(200, json=a) if isinstance(a, dict | list) else a for a in answers
        ]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        call = f"{request.method} {request.url.path.removeprefix('/v1/')}"
        queue = self.answers[call]
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(answer, httpx.Response):
            return httpx.Response(
                answer.status_code, headers=answer.headers, content=answer.content
            )
        return answer(request)

    @property
    def sent(self) -> list[Any]:
        """The JSON bodies sent so far."""
        return [json.loads(r.content) for r in self.requests if r.content]


@pytest.fixture
def clock() -> FakeClock:
    """A clock at NOW."""
    return FakeClock()


@pytest.fixture
def script() -> Script:
    """A platform that says what the test lets it say."""
    return Script()


Build = Callable[..., LeadConnectorV1]

PAIR = {
    "alice": CalendarOf(calendar="cal-a", user="user-a"),
    "bob": CalendarOf(calendar="cal-b"),
}


@pytest.fixture
async def build(script: Script, clock: FakeClock) -> AsyncIterator[Build]:
    """Make adapters on the scripted platform; all are closed at the end."""
    made: list[LeadConnectorV1] = []

    def make(calendars: Mapping[str, CalendarOf] = PAIR, **options: Any) -> LeadConnectorV1:
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
    """One appointment of alice as the platform sends it (leadconnector-v1.md 4.2)."""
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
    """One event block of alice."""
    bare: dict[str, Any] = {"contactId": ..., "contact": ..., "appoinmentStatus": ...}
    return appointment(event_id, **(bare | {"title": "Busy [s:abcdefghij]"} | changes))


def listed(*rows: Any) -> dict[str, Any]:
    """The answer of the list call."""
    return {"appointments": list(rows)}
