"""A small clinic on a loopback socket, and helpers for requests to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from syncd.lab.sandbox.clock import ManualClock
from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.lab.sandbox.ids import alnum_ids
from syncd.lab.sandbox.leadconnector import EmulatedLeadConnector
from syncd.lab.sandbox.serving import serving

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)  # a Monday, 07:00 in Berlin
HOUR = timedelta(hours=1)
APPOINTMENTS = "/calendars/events/appointments"
BLOCKS = "/calendars/events/block-slots"
QUIET = {"ignoreFreeSlotValidation": True, "toNotify": False}


def at(hour: float, day: int = 2) -> datetime:
    """Return an hour in Berlin in March 2026, before the change to summer time, as UTC."""
    return datetime(2026, 3, day, tzinfo=UTC) + timedelta(hours=hour - 1)


def ms(instant: datetime) -> str:
    """Return epoch milliseconds, as the lists require."""
    return str(int(instant.timestamp() * 1000))


def berlin(instant: datetime) -> str:
    """Format an instant with Berlin's winter offset."""
    local = instant + HOUR
    return local.replace(tzinfo=None).isoformat(timespec="seconds") + "+01:00"


@dataclass
class Clinic:
    """A location with two users and their calendars, an event calendar and a contact."""

    platform: EmulatedLeadConnector
    clock: ManualClock
    client: httpx.AsyncClient
    alice: str
    bob: str
    calendar: str
    bobs: str
    hall: str
    group: str
    contact: str

    def book(self, start: datetime, **more: Any) -> str:
        """Enter an hour with Alice as a person does."""
        return self.platform.book(
            self.calendar, self.alice, start, start + HOUR, self.contact, **more
        )

    def fault(self, kind: FaultKind, **more: Any) -> None:
        """Switch a fault on."""
        self.platform.faults.add(Fault(kind, **more))

    async def events(self, path: str = "/calendars/events", **query: str) -> httpx.Response:
        """List a week of events; of Alice's calendar if the query names no owner."""
        window = {"startTime": ms(at(0)), "endTime": ms(at(0, 9))}
        owned = {"calendarId", "userId", "groupId"} & set(query)
        owner = {} if owned else {"calendarId": self.calendar}
        params = {"locationId": self.platform.location_id, **window, **owner, **query}
        return await self.client.get(path, params=params)

    async def ids(self, path: str = "/calendars/events", **query: str) -> list[str]:
        """Return the ids that a list shows."""
        answer = await self.events(path, **query)
        return [row["id"] for row in answer.json()["events"]]

    def appointment(self, start: datetime, **more: Any) -> dict[str, Any]:
        """Return the body that books half an hour with Alice."""
        return {
            "calendarId": self.calendar,
            "locationId": self.platform.location_id,
            "contactId": self.contact,
            "startTime": berlin(start),
            **more,
        }

    def busy(self, start: datetime, **more: Any) -> dict[str, Any]:
        """Return the body that blocks an hour of Alice's time."""
        owner = {} if "calendarId" in more else {"assignedUserId": self.alice}
        return {
            "locationId": self.platform.location_id,
            "title": "Busy",
            "startTime": berlin(start),
            "endTime": berlin(start + HOUR),
            **owner,
            **more,
        }


@asynccontextmanager
async def serve_clinic() -> AsyncIterator[Clinic]:
    """Serve a clinic; its clock stays at `NOW` until a test advances it."""
    clock = ManualClock(NOW)
    platform = EmulatedLeadConnector("clinic", clock, alnum_ids("test"))
    alice = platform.add_user("Alice Adams", "alice@example.com")
    bob = platform.add_user("Bob Brown", "bob@example.com")
    group = platform.add_group("Practice")
    headers = {"Authorization": f"Bearer {platform.token}", "Version": "2021-04-15"}
    async with (
        serving([platform]) as urls,
        httpx.AsyncClient(base_url=urls[0], headers=headers) as client,
    ):
        yield Clinic(
            platform,
            clock,
            client,
            alice,
            bob,
            platform.add_calendar("Alice", "personal", [alice], group),
            platform.add_calendar("Bob", "personal", [bob], group),
            platform.add_calendar("Hall", "event"),
            group,
            platform.add_contact("Carla Client", "carla@example.com", "+4930123456"),
        )
