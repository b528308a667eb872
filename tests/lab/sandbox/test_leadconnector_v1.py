"""Reads of the emulated v1 location, and its test location.

See docs/platforms/leadconnector-v1.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import pytest

from syncd.lab.sandbox.clock import ManualClock
from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.lab.sandbox.ids import alnum_ids
from syncd.lab.sandbox.leadconnector_v1 import EmulatedLeadConnectorV1
from syncd.lab.sandbox.serving import serving
from tests.lab.sandbox.kit import HOUR, NOW, at, berlin, ms

ZONE = "Europe/Berlin"


@dataclass
class Legacy:
    """A v1 location with a team of two, a service of each of them, and a contact."""

    platform: EmulatedLeadConnectorV1
    clock: ManualClock
    client: httpx.AsyncClient
    alice: str
    bob: str
    service: str
    bobs: str
    team: str
    contact: str

    def book(self, start: datetime, **more: Any) -> str:
        """Enter an hour with Alice as a person does."""
        return self.platform.book(
            self.service, self.alice, start, start + HOUR, self.contact, **more
        )

    def fault(self, kind: FaultKind, **more: Any) -> None:
        """Switch a fault on."""
        self.platform.faults.add(Fault(kind, **more))

    async def listing(self, **query: str) -> httpx.Response:
        """List a week; of Alice's service if the query names no owner."""
        owned = {"calendarId", "userId", "teamId"} & set(query)
        owner = {} if owned else {"calendarId": self.service}
        params = {"startDate": ms(at(0)), "endDate": ms(at(0, 9)), **owner, **query}
        return await self.client.get("/appointments/", params=params)

    async def rows(self, **query: str) -> list[dict[str, Any]]:
        """Return the rows that a list shows."""
        found: list[dict[str, Any]] = (await self.listing(**query)).json()["appointments"]
        return found

    async def ids(self, **query: str) -> list[str]:
        """Return the ids that a list shows."""
        return [row["id"] for row in await self.rows(**query)]

    async def get(self, id: str) -> dict[str, Any]:
        """Read one appointment."""
        found: dict[str, Any] = (await self.client.get(f"/appointments/{id}")).json()
        return found

    def booking(self, start: datetime, **more: Any) -> dict[str, Any]:
        """Return the body that books a slot with Alice."""
        return {
            "calendarId": self.service,
            "selectedTimezone": ZONE,
            "selectedSlot": berlin(start),
            "email": "carla@example.com",
            **more,
        }

    def busy(self, start: datetime, **more: Any) -> dict[str, Any]:
        """Return the body that blocks an hour of Alice's time."""
        times = {"selectedSlot": berlin(start), "endAt": berlin(start + HOUR)}
        return {"userId": self.alice, "title": "Busy", **times, **more}

    async def post(self, body: dict[str, Any]) -> httpx.Response:
        """Create an appointment or a block."""
        return await self.client.post("/appointments/", json=body)


@asynccontextmanager
async def serve_legacy() -> AsyncIterator[Legacy]:
    """Serve a v1 location; its clock stays at `NOW` until a test advances it."""
    clock = ManualClock(NOW)
    platform = EmulatedLeadConnectorV1("legacy", clock, alnum_ids("test"))
    alice = platform.add_user("Alice Adams", "alice@example.com")
    bob = platform.add_user("Bob Brown", "bob@example.com")
    team = platform.add_group("Practice")
    headers = {"Authorization": f"Bearer {platform.token}"}
    async with (
        serving([platform]) as urls,
        httpx.AsyncClient(base_url=urls[0] + platform.base_path, headers=headers) as client,
    ):
        yield Legacy(
            platform,
            clock,
            client,
            alice,
            bob,
            platform.add_calendar("Alice", "personal", [alice], team),
            platform.add_calendar("Bob", "personal", [bob], team),
            team,
            platform.add_contact("Carla Client", "carla@example.com", "+4930123456"),
        )


@pytest.fixture
async def legacy() -> AsyncIterator[Legacy]:
    """Serve a v1 location on a loopback socket."""
    async with serve_legacy() as served:
        yield served


# --- reading ------------------------------------------------------------------------------------


async def test_an_appointment_is_listed_with_all_duplicate_fields(legacy: Legacy) -> None:
    id = legacy.book(at(9), title="Check-up")
    answer = await legacy.listing()
    assert answer.json() == {
        "appointments": [
            {
                "id": id,
                "userId": legacy.alice,
                "assignedUserId": legacy.alice,
                "calendarProviderId": legacy.team,
                "calendarId": legacy.service,
                "calendarServiceId": legacy.service,
                "contactId": legacy.contact,
                "locationId": legacy.platform.location_id,
                "isRecurring": False,
                "status": "booked",
                "appoinmentStatus": "confirmed",
                "appointmentStatus": "confirmed",
                "title": "Check-up",
                "address": "",
                "startTime": "2026-03-02T09:00:00+01:00",
                "endTime": "2026-03-02T10:00:00+01:00",
                "selectedTimezone": ZONE,
                "createdAt": "2026-03-02T06:00:00.000Z",
                "updatedAt": "2026-03-02T06:00:00.000Z",
            }
        ]
    }


async def test_include_all_adds_contact_and_notes(legacy: Legacy) -> None:
    legacy.book(at(9))
    (bare,), (whole,) = await legacy.rows(), await legacy.rows(includeAll="true")
    assert set(whole) - set(bare) == {"contact", "notes"}
    assert whole["contact"]["id"] == legacy.contact
    assert whole["contact"]["emailLowerCase"] == "carla@example.com"


async def test_a_read_by_id_is_flat_and_contains_the_contact(legacy: Legacy) -> None:
    id = legacy.book(at(9))
    (listed,) = await legacy.rows(includeAll="true")
    assert await legacy.get(id) == listed


async def test_lists_are_by_calendar_user_or_team(legacy: Legacy) -> None:
    mine = legacy.book(at(9))
    his = legacy.platform.book(legacy.bobs, legacy.bob, at(9), at(10), legacy.contact)
    assert await legacy.ids(calendarId=legacy.bobs) == [his]
    assert await legacy.ids(userId=legacy.alice) == [mine]
    assert await legacy.ids(teamId=legacy.team) == [mine, his]


async def test_an_appointment_is_listed_by_its_start(legacy: Legacy) -> None:
    id = legacy.book(at(9))
    for window, shown in [
        ((at(9), at(12)), [id]),
        ((at(8), at(9)), [id]),
        ((at(9.5), at(12)), []),
        ((at(8), at(8.5)), []),
    ]:
        assert await legacy.ids(startDate=ms(window[0]), endDate=ms(window[1])) == shown


async def test_cancelled_appointments_stay_listed_and_deleted_ones_do_not(legacy: Legacy) -> None:
    cancelled, deleted = legacy.book(at(9)), legacy.book(at(11))
    legacy.platform.cancel(cancelled)
    legacy.platform.delete(deleted)
    (row,) = await legacy.rows()
    assert (row["id"], row["status"]) == (cancelled, "booked")
    assert row["appoinmentStatus"] == row["appointmentStatus"] == "cancelled"


@pytest.mark.parametrize("path", ["/appointments", "/appointments/"])
async def test_a_trailing_slash_is_optional(legacy: Legacy, path: str) -> None:
    window = {"startDate": "0", "endDate": "9999999999999999", "userId": legacy.alice}
    id = legacy.book(at(9))
    (row,) = (await legacy.client.get(path, params=window)).json()["appointments"]
    assert row["id"] == id


async def test_calendars_groups_users_and_contacts_are_listed(legacy: Legacy) -> None:
    get = legacy.client.get
    (team,) = (await get("/calendars/teams")).json()["teams"]
    assert (team["id"], [m["id"] for m in team["members"]]) == (
        legacy.team,
        [legacy.alice, legacy.bob],
    )
    alone = legacy.platform.add_calendar("Alone", slot_minutes=45)
    services = (await get("/calendars/services")).json()["services"]
    assert [s["id"] for s in services] == [legacy.service, legacy.bobs, alone]
    assert services[0]["teamMembers"][0]["userId"] == legacy.alice
    availability = services[2]["availability"]
    assert availability["eventTiming"]["slotDuration"] == 45
    assert list(availability["officeHours"]) == [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
    ]
    teams = (await get("/calendars/services", params={"teamId": legacy.team})).json()["services"]
    assert [s["id"] for s in teams] == [legacy.service, legacy.bobs]
    for path in ("/users/", "/users/location"):
        users = (await get(path)).json()["users"]
        assert [u["email"] for u in users] == ["alice@example.com", "bob@example.com"]
    (location,) = (await get("/locations/")).json()["locations"]
    assert (location["id"], location["timezone"]) == (legacy.platform.location_id, ZONE)
    contact = (await get(f"/contacts/{legacy.contact}")).json()["contact"]
    assert (contact["firstName"], contact["phone"]) == ("Carla", "+4930123456")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"email": "Carla@Example.com"}, True),
        ({"phone": "+4930123456"}, True),
        ({"email": "no@example.com", "phone": "+4930123456"}, True),
        ({"email": "no@example.com"}, False),
    ],
)
async def test_contacts_are_looked_up_by_email_then_phone(
    legacy: Legacy, query: dict[str, str], *, found: bool
) -> None:
    answer = (await legacy.client.get("/contacts/lookup", params=query)).json()
    assert [c["id"] for c in answer["contacts"]] == [legacy.contact] * found


async def test_a_contact_lookup_prefers_the_email_to_the_phone(legacy: Legacy) -> None:
    legacy.platform.contacts.clear()
    legacy.platform.add_contact("Other One", phone="+4930123456")
    carla = legacy.platform.add_contact("Carla Client", "carla@example.com")
    query = {"email": "carla@example.com", "phone": "+4930123456"}
    answer = (await legacy.client.get("/contacts/lookup", params=query)).json()
    assert [c["id"] for c in answer["contacts"]] == [carla]


async def test_an_unescaped_plus_in_a_phone_is_read_as_a_space(legacy: Legacy) -> None:
    answer = await legacy.client.get("/contacts/lookup?phone=+4930123456")
    assert answer.json() == {"contacts": []}


# --- slots --------------------------------------------------------------------------------------


async def offered(legacy: Legacy, **query: str) -> list[str]:
    """Return the slots of the Monday; of Alice's service if the query names no owner."""
    asked = {"calendarId": legacy.service, "startDate": ms(at(0)), "endDate": ms(at(0, 3))}
    answer = await legacy.client.get("/appointments/slots", params={**asked, **query})
    return [slot for day in answer.json().values() for slot in day["slots"]]


async def test_slots_are_keyed_by_day_with_nothing_else(legacy: Legacy) -> None:
    span = {"startDate": ms(at(0)), "endDate": ms(at(0, 10)), "calendarId": legacy.service}
    answer = (await legacy.client.get("/appointments/slots", params=span)).json()
    assert sorted(answer) == [f"2026-03-0{day}" for day in (2, 3, 4, 5, 6, 9)]
    slots = answer["2026-03-02"]["slots"]
    assert len(slots) == 16
    assert (slots[0], slots[-1]) == ("2026-03-02T09:00:00+01:00", "2026-03-02T16:30:00+01:00")


async def test_slots_are_shown_in_the_requested_zone(legacy: Legacy) -> None:
    assert (await offered(legacy, timezone="Asia/Calcutta"))[0] == "2026-03-02T13:30:00+05:30"


async def test_appointments_and_blocks_close_slots_and_cancelled_ones_do_not(
    legacy: Legacy,
) -> None:
    legacy.book(at(9))
    legacy.platform.cancel(legacy.book(at(10)))
    legacy.platform.block(legacy.alice, at(11), at(12), "Lunch")
    assert (await offered(legacy))[:3] == [berlin(at(10)), berlin(at(10.5)), berlin(at(12))]


async def test_slots_can_be_requested_for_one_team_member(legacy: Legacy) -> None:
    both = legacy.platform.add_calendar("Both", "round_robin", [legacy.alice, legacy.bob])
    legacy.platform.block(legacy.alice, at(9), at(17), "Away")
    assert len(await offered(legacy, calendarId=both)) == 16
    assert await offered(legacy, calendarId=both, userId=legacy.alice) == []
