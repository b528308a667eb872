"""Three seeded accounts in one process, and helpers for requests to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from syncd.lab.sandbox.asgi_transport import AsgiTransport
from syncd.lab.sandbox.clock import ManualClock
from syncd.lab.sandbox.scenario import ZONE, SeedUser, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from syncd.model.platform_facts import NO, YES

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)  # a Monday, 07:00 in Berlin
NINE, TEN, ELEVEN = (NOW + timedelta(hours=hours) for hours in (2, 3, 4))
DAY = timedelta(days=1)
TAG = "Busy [s:abcdefghij]"
EVENTS, BLOCKED = "/calendars/events", "/calendars/blocked-slots"
APPOINTMENTS, BLOCKS = f"{EVENTS}/appointments", f"{EVENTS}/block-slots"
LIST, BULK = (
    "Task.svc/RetrieveAppointments/ByUserEmailAddress",
    "Task.svc/BulkUpdateAppointmentTime",
)
Json = dict[str, Any]


def yes_or_no(found: object) -> str:
    """Return the name of a yes/no side."""
    return YES if found else NO


def iso(at: datetime) -> str:
    """Format an instant with an offset."""
    return at.isoformat()


def ms(at: datetime) -> str:
    """Format an instant as epoch milliseconds."""
    return str(int(at.timestamp() * 1000))


def utc_text(at: datetime) -> str:
    """Format a UTC instant as LeadSquared does."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


@dataclass
class Accounts:
    """Three emulated accounts, and a client of each."""

    sandbox: Sandbox
    clock: ManualClock
    seed_users: Mapping[tuple[str, str], SeedUser]
    clinic: httpx.AsyncClient
    legacy: httpx.AsyncClient
    crm: httpx.AsyncClient

    def seed_user(self, system: str, who: str = "alice") -> SeedUser:
        """Return a person's user, calendar and contact in a system."""
        return self.seed_users[system, who]

    def book(self, system: str, who: str = "alice", **more: Any) -> str:
        """Enter an appointment from 9 to 10 as a person does."""
        seat = self.seed_user(system, who)
        platform = self.sandbox.systems[system]
        return platform.book(seat.calendar, seat.user, NINE, TEN, seat.contact, **more)

    def block(self, system: str) -> str:
        """Block Alice's time from 9 to 10 as a person does."""
        return self.sandbox.systems[system].block(self.seed_user(system).user, NINE, TEN, "Lunch")

    async def events(self, path: str = EVENTS, start: datetime = NOW, **owner: str) -> list[Json]:
        """List events of v2; Alice's if no owner is given."""
        of = self.seed_user("clinic")
        given = owner or ({"userId": of.user} if path == BLOCKED else {"calendarId": of.calendar})
        window = {"startTime": ms(start), "endTime": ms(NOW + 9 * DAY)}
        location = {"locationId": self.sandbox.clinic.location_id}
        answer = await self.clinic.get(path, params=location | window | given)
        rows: list[Json] = answer.json()["events"]
        return rows

    async def make_block(self, title: str = "Busy") -> str:
        """Create a block on v2 over HTTP."""
        body = self.block_body(title=title)
        id: str = (await self.clinic.post(BLOCKS, json=body)).json()["id"]
        return id

    def block_body(self, **more: str) -> Json:
        """Return the body of a block on v2."""
        location = {"locationId": self.sandbox.clinic.location_id}
        owner = {"assignedUserId": self.seed_user("clinic").user}
        return {**location, **owner, "startTime": iso(NINE), "endTime": iso(TEN), **more}

    async def update(self, id: str, start: datetime = TEN, **more: object) -> Json:
        """Move an appointment on v2, and return it as it is then read."""
        body = {
            "startTime": iso(start),
            "endTime": iso(start + timedelta(hours=1)),
            "ignoreFreeSlotValidation": True,
            **more,
        }
        assert (await self.clinic.put(f"{APPOINTMENTS}/{id}", json=body)).is_success
        shown: Json = (await self.clinic.get(f"{APPOINTMENTS}/{id}")).json()["appointment"]
        return shown

    async def legacy_events(self, start: datetime = NOW) -> list[Json]:
        """List Alice's events on v1."""
        window = {"startDate": ms(start), "endDate": ms(NOW + 9 * DAY)}
        owner = {"userId": self.seed_user("legacy").user, "includeAll": "true"}
        rows: list[Json] = (await self.legacy.get("/appointments/", params=window | owner)).json()[
            "appointments"
        ]
        return rows

    async def make_legacy_block(self, **more: str) -> httpx.Response:
        """Create an event block on v1 over HTTP."""
        seat = self.seed_user("legacy")
        body = {
            "calendarId": seat.calendar,
            "userId": seat.user,
            "selectedTimezone": ZONE,
            "selectedSlot": iso(NINE),
            "endAt": iso(TEN),
            **more,
        }
        return await self.legacy.post("/appointments/", json=body)

    async def tasks(self, start: str = "", end: str = "") -> list[Json]:
        """List Alice's appointments in LeadSquared."""
        window = {"FromDate": start or utc_text(NOW), "ToDate": end or utc_text(NOW + 9 * DAY)}
        answer = await self.crm.post(
            LIST,
            json={**window, "Users": [self.seed_user("crm").user], "Paging": {"PageSize": 2000}},
        )
        rows: list[Json] = answer.json()["List"]
        return rows

    async def make_task(self) -> httpx.Response:
        """Create an appointment in LeadSquared over HTTP."""
        task = {
            "Name": TAG,
            "TaskType": {"Name": "Busy"},
            "OwnerEmailAddress": self.seed_user("crm").user,
            "DueDate": utc_text(NINE),
            "EndDate": utc_text(TEN),
        }
        return await self.crm.post("Task.svc/Create", json=task)

    async def move_tasks(self, *ids: str) -> httpx.Response:
        """Move tasks in LeadSquared, and wait until the job has run."""
        rows = [
            {"UserTaskId": id, "FromDate": utc_text(TEN), "ToDate": utc_text(ELEVEN)} for id in ids
        ]
        answer = await self.crm.post(BULK, json={"TaskList": rows})
        self.clock.advance(9)
        return answer


@asynccontextmanager
async def serve_accounts() -> AsyncIterator[Accounts]:
    """Serve three seeded accounts without bookings; their clock stays at `NOW`."""
    clock = ManualClock(NOW)
    sandbox = Sandbox(clock)
    world = seed_clinic(sandbox, NOW, empty=True)
    crm = sandbox.crm
    keys = {"x-LSQ-AccessKey": crm.access_key, "x-LSQ-SecretKey": crm.secret_key}
    headers = {
        "clinic": {"Authorization": f"Bearer {sandbox.clinic.token}", "Version": "2021-04-15"},
        "legacy": {"Authorization": f"Bearer {sandbox.legacy.token}"},
        "crm": keys,
    }
    async with AsyncExitStack() as stack:
        clients = {
            name: await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=f"http://127.0.0.1{sandbox.base_path(name)}",
                    headers=headers[name],
                    transport=AsgiTransport(sandbox.apps[name]),
                )
            )
            for name in headers
        }
        yield Accounts(sandbox, clock, world.seed_users, **clients)
