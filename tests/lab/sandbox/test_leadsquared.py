"""Reads of the emulated account (docs/platforms/leadsquared.md), and its test account."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from syncd.lab.sandbox.clock import ManualClock
from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.lab.sandbox.ids import guid_ids
from syncd.lab.sandbox.leadsquared import EmulatedLeadSquared
from syncd.lab.sandbox.leadsquared.records import OFFICE_HOURS, AccountUser
from syncd.lab.sandbox.leadsquared.slots import day_slots
from syncd.lab.sandbox.serving import serving
from tests.lab.sandbox.kit import HOUR, NOW, at

ALICE, BOB = "alice@example.com", "bob@example.com"
LIST = "/Task.svc/RetrieveAppointments/ByUserEmailAddress"
SLOTS = "/Task.svc/RetrieveAvailableSlots/ByUserEmailAddress"
CREATE = "/Task.svc/Create"
MOVE = "/Task.svc/BulkUpdateAppointmentTime"
DELETE = "/Task.svc/DeleteTasks"
LEADS = "/LeadManagement.svc"


def utc_text(instant: datetime) -> str:
    """Format a UTC time as LeadSquared expects it, without an offset."""
    return instant.strftime("%Y-%m-%d %H:%M:%S")


@dataclass
class Crm:
    """An account with two users and a lead."""

    platform: EmulatedLeadSquared
    clock: ManualClock
    client: httpx.AsyncClient
    lead: str

    def book(self, start: datetime, user: str = ALICE, **more: Any) -> str:
        """Enter an hour with Alice as a person does."""
        return self.platform.book("Consultation", user, start, start + HOUR, self.lead, **more)

    def fault(self, kind: FaultKind, **more: Any) -> None:
        """Switch a fault on."""
        self.platform.faults.add(Fault(kind, **more))

    async def listing(self, path: str = LIST, **change: Any) -> httpx.Response:
        """List a week of Alice's appointments, with these changes to the request."""
        body = {
            "FromDate": "2026-03-01",
            "ToDate": "2026-03-09",
            "Users": [ALICE],
            "Paging": {"PageIndex": 1, "PageSize": 200},
            **change,
        }
        return await self.client.post(path, json=body)

    async def ids(self, **change: Any) -> list[str]:
        """Return the ids that a list shows."""
        return [row["UserTaskId"] for row in (await self.listing(**change)).json()["List"]]

    async def get(self, id: str) -> list[dict[str, Any]]:
        """Read one task."""
        answer = await self.client.get("/Task.svc/Retrieve.GetById", params={"id": id})
        assert answer.status_code == 200
        found: list[dict[str, Any]] = answer.json()
        return found

    def busy(self, start: datetime, **more: Any) -> dict[str, Any]:
        """Return the body that blocks an hour of Alice's time."""
        return {
            "Name": "Busy",
            "Description": "made by a test [s:abc]",
            "RelatedEntity": 0,
            "DueDate": utc_text(start),
            "EndDate": utc_text(start + HOUR),
            "Reminder": 0,
            "NotifyBy": "1000",
            "OwnerEmailAddress": ALICE,
            "TaskType": {"Name": "Busy"},
            **more,
        }

    async def create(self, start: datetime, **more: Any) -> str:
        """Block an hour of Alice's time over HTTP, and return the id."""
        answer = await self.client.post(CREATE, json=self.busy(start, **more))
        id: str = answer.json()["Message"]["Id"]
        return id

    async def send_times(self, *moves: tuple[str, datetime], **more: Any) -> httpx.Response:
        """Request new times for appointments; each lasts an hour."""
        rows = [
            {"UserTaskId": id, "FromDate": utc_text(start), "ToDate": utc_text(start + HOUR)}
            for id, start in moves
        ]
        return await self.client.post(MOVE, json={"TaskList": rows, **more})

    def starts(self) -> dict[str, datetime]:
        """Return the start of each appointment, by id."""
        return {a.id: a.start for a in self.platform.appointments()}


@asynccontextmanager
async def serve_crm() -> AsyncIterator[Crm]:
    """Serve an account; its clock stays at `NOW` until a test advances it."""
    clock = ManualClock(NOW)
    platform = EmulatedLeadSquared("crm", clock, guid_ids("test"))
    platform.add_user("Alice Adams", ALICE)
    platform.add_user("Bob Brown", BOB)
    lead = platform.add_contact("Carla Client", "carla@example.com", "+4930123456")
    keys = {"x-LSQ-AccessKey": platform.access_key, "x-LSQ-SecretKey": platform.secret_key}
    async with (
        serving([platform]) as urls,
        httpx.AsyncClient(base_url=urls[0] + "/v2", headers=keys) as client,
    ):
        yield Crm(platform, clock, client, lead)


@pytest.fixture
async def crm() -> AsyncIterator[Crm]:
    """Serve an account on a loopback socket."""
    async with serve_crm() as served:
        yield served


async def test_an_appointment_is_listed_in_utc_with_its_whole_type(crm: Crm) -> None:
    id = crm.book(at(9), title="Check-up")
    answer = (await crm.listing()).json()
    assert set(answer) == {"RecordCount", "List"}
    (row,) = answer["List"]
    assert answer["RecordCount"] == 1
    type = row.pop("TaskType")
    assert (type["Name"], type["Category"]) == ("Consultation", 0)
    assert type["CreatedOn"] == f"/Date({int(NOW.timestamp())}000+0000)/"
    alice = crm.platform.users[ALICE]
    assert row == {
        "UserTaskId": id,
        "UserTaskAutoId": "T10001",
        "Name": "Consultation:Check-up",
        "Description": "",
        "RelatedEntity": 1,
        "RelatedEntityId": crm.lead,
        "RelatedEntityIdName": "Carla Client",
        "DueDate": "2026-03-02 08:00:00.000",
        "EndDate": "2026-03-02 09:00:00",
        "Reminder": 0,
        "ReminderBeforeDays": 0,
        "ReminderTime": "00:00:00",
        "NotifyBy": "1100",
        "StatusCode": 0,
        "OwnerId": alice.id,
        "OwnerName": "Alice Adams",
        "OwnerEmailAddress": ALICE,
        "CreatedBy": alice.id,
        "CreatedByName": "Alice Adams",
        "CreatedOn": "2026-03-02 06:00:00.000",
        "ModifiedBy": alice.id,
        "ModifiedByName": "Alice Adams",
        "ModifiedOn": "2026-03-02 06:00:00.000",
        "CompletedOn": "0001-01-01 00:00:00.000",
        "PercentCompleted": 0,
        "Priority": "",
        "EffortEstimateUnit": "",
        "Location": "",
        "CustomFields": {},
    }


async def test_a_task_without_a_related_record_names_no_lead(crm: Crm) -> None:
    (row,) = await crm.get(crm.platform.block(ALICE, at(9), at(10), "Lunch"))
    assert (row["RelatedEntity"], row["RelatedEntityIdName"]) == (0, "")
    assert "RelatedEntityId" not in row


async def test_a_list_matches_user_addresses_in_any_case(crm: Crm) -> None:
    mine, his = crm.book(at(9)), crm.book(at(8), BOB)
    assert await crm.ids() == [mine]
    assert await crm.ids(Users=["Alice@Example.com", BOB]) == [his, mine]
    assert await crm.ids(Users=["nobody@example.com"]) == []


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        ("2026-03-02", "2026-03-03", True),
        ("2026-03-01", "2026-03-02", False),
        ("2026-03-02 08:00:00", "2026-03-02 12:00:00", True),
        ("2026-03-02 08:30:00", "2026-03-02 12:00:00", False),
        ("2026-03-02 07:00:00", "2026-03-02 07:59:59", False),
    ],
)
async def test_an_appointment_is_listed_by_its_start(
    crm: Crm, start: str, end: str, shown: bool
) -> None:
    id = crm.book(at(9))
    assert await crm.ids(FromDate=start, ToDate=end) == ([id] if shown else [])


async def test_a_bare_date_is_a_midnight_of_the_account(crm: Crm) -> None:
    late = crm.book(at(23.5, day=1))
    assert await crm.ids(FromDate="2026-03-02") == []
    assert await crm.ids(FromDate="2026-03-01", ToDate="2026-03-02") == [late]


async def test_to_dos_are_not_listed_and_are_read_by_id_with_their_category(crm: Crm) -> None:
    id = await crm.create(at(9), TaskType={"Name": "Follow-up"})
    assert await crm.ids() == []
    assert crm.platform.appointments() == []
    assert (await crm.get(id))[0]["Category"] == 1


async def test_pages_count_from_one_and_the_count_is_of_all(crm: Crm) -> None:
    ids = [crm.book(at(9 + n)) for n in range(5)]
    pages = [
        (await crm.listing(Paging={"PageIndex": n, "PageSize": 2})).json() for n in (1, 2, 3, 4)
    ]
    assert [[row["UserTaskId"] for row in page["List"]] for page in pages] == [
        ids[:2],
        ids[2:4],
        ids[4:],
        [],
    ]
    assert {page["RecordCount"] for page in pages} == {5}


async def test_a_page_has_a_largest_size(crm: Crm) -> None:
    ids = [crm.book(at(9 + n)) for n in range(3)]
    crm.platform.largest_page = 2
    assert await crm.ids() == ids[:2]


async def test_a_window_of_100_days_is_allowed(crm: Crm) -> None:
    answer = await crm.listing(FromDate="2026-03-02 00:00:00", ToDate="2026-06-10 00:00:00")
    assert answer.status_code == 200


async def test_completed_appointments_are_listed_by_a_knob(crm: Crm) -> None:
    id = crm.book(at(9))
    crm.platform.set_status(id, "showed")
    (row,) = (await crm.listing()).json()["List"]
    assert (row["StatusCode"], row["CompletedOn"]) == (1, "2026-03-02 06:00:00.000")
    crm.platform.lists_completed = False
    assert await crm.ids() == []
    assert len(await crm.get(id)) == 1


async def test_a_read_of_a_deleted_or_unknown_task_is_an_empty_array(crm: Crm) -> None:
    id = crm.book(at(9))
    assert (await crm.get(id))[0]["UserTaskId"] == id
    crm.platform.delete(id)
    assert await crm.get(id) == []
    assert await crm.get("nobody") == []
    assert await crm.ids() == []


async def test_task_types_are_a_bare_array_that_can_be_filtered(crm: Crm) -> None:
    crm.platform.add_type("Visit", mandatory=["mx_Custom_1"])

    async def names(**query: str) -> list[str]:
        answer = await crm.client.get("/Task.svc/RetrieveTaskType", params=query)
        return [type["Name"] for type in answer.json()]

    assert await names() == ["Consultation", "Busy", "Follow-up", "Visit"]
    assert await names(ColumnName="Category", ColumnValue="1") == ["Follow-up"]
    assert await names(ColumnName="TaskTypeName", ColumnValue="Busy") == ["Busy"]
    visit = (await crm.client.get("/Task.svc/RetrieveTaskType")).json()[3]
    (column,) = visit["ColumnConfiguration"]
    assert (column["SchemaName"], column["Mandatory"]) == ("mx_Custom_1", True)


async def test_users_are_a_bare_array_with_inactive_ones(crm: Crm) -> None:
    crm.platform.deactivate(BOB)
    users = (await crm.client.get("/UserManagement.svc/Users.Get")).json()
    assert [(u["EmailAddress"], u["StatusCode"]) for u in users] == [
        ("integration@example.com", 0),
        (ALICE, 0),
        (BOB, 1),
    ]
    assert users[1]["ID"] == crm.platform.users[ALICE].id


async def test_the_key_user_call_returns_the_user_and_the_host(crm: Crm) -> None:
    reply = (await crm.client.get("/Authentication.svc/UserByAccessKey.Get")).json()
    assert reply["Id"] == crm.platform.users["integration@example.com"].id
    assert (reply["Role"], reply["TimeZone"]) == ("Administrator", "Europe/Berlin")
    assert reply["LSQCommonServiceURLs"]["api"] == crm.client.base_url.netloc.decode()


@pytest.mark.parametrize(
    ("call", "query", "found"),
    [
        ("Leads.GetByEmailaddress", {"emailaddress": "Carla@example.com"}, True),
        ("Leads.GetByEmailaddress", {"emailaddress": "other@example.com"}, False),
        ("RetrieveLeadByPhoneNumber", {"phone": "4930123456"}, True),
        ("RetrieveLeadByPhoneNumber", {"phone": "+49-30123456"}, False),
        ("Leads.GetById", {"id": "nobody"}, False),
    ],
)
async def test_a_lead_is_found_as_an_array_of_one(
    crm: Crm, call: str, query: dict[str, str], found: bool
) -> None:
    leads = (await crm.client.get(f"{LEADS}/{call}", params=query)).json()
    assert [lead["ProspectID"] for lead in leads] == ([crm.lead] if found else [])


async def test_all_values_of_a_lead_are_strings_or_null(crm: Crm) -> None:
    (lead,) = (await crm.client.get(f"{LEADS}/Leads.GetById", params={"id": crm.lead})).json()
    assert (lead["FirstName"], lead["Phone"]) == ("Carla", "+49-30123456")
    assert {type(value) for value in lead.values()} == {str, type(None)}


async def test_some_tenants_require_a_hyphen_in_a_phone(crm: Crm) -> None:
    crm.platform.phone_spelling = "dashed"
    crm.platform.add_contact("No Number")
    for phone, count in [("+49-30123456", 1), ("4930123456", 0)]:
        query = {"phone": phone}
        answer = await crm.client.get(f"{LEADS}/RetrieveLeadByPhoneNumber", params=query)
        assert len(answer.json()) == count


async def test_of_several_leads_with_a_phone_the_latest_is_found(crm: Crm) -> None:
    newer = crm.platform.add_contact("Cora Client", "", "+4930123456")
    query = {"phone": "4930123456"}
    (lead,) = (await crm.client.get(f"{LEADS}/RetrieveLeadByPhoneNumber", params=query)).json()
    assert lead["ProspectID"] == newer


async def days(crm: Crm, **change: Any) -> dict[str, dict[str, Any]]:
    """Return the fields about slots of Alice's days."""
    body = {"IncludeAllowedConflictSlots": False, **change}
    answer = (await crm.listing(SLOTS, **body)).json()
    assert answer["RecordCount"] == len(answer["List"])
    return {day["Date"]: day["UserSlots"][0] for day in answer["List"]}


async def test_slots_are_working_hours_without_appointments_that_allow_no_conflicts(
    crm: Crm,
) -> None:
    crm.platform.add_type("Call", allow_conflicts=True)
    crm.book(at(10))
    crm.platform.cancel(crm.book(at(12)))
    crm.platform.book("Call", ALICE, at(14), at(15), crm.lead)
    monday = (await days(crm))["2026-03-02"]
    assert monday["UserTimeZone"] == "Europe/Berlin"
    assert monday["AvailableSlots"] == [
        {"StartTime": "09:00:00", "EndTime": "10:00:00"},
        {"StartTime": "11:00:00", "EndTime": "17:00:00"},
    ]
    assert monday["BusySlots"] == [{"StartTime": "10:00:00", "EndTime": "11:00:00"}]
    assert monday["NoSlotsReason"] == ""


async def test_a_day_without_slots_has_a_reason(crm: Crm) -> None:
    sunday = (await days(crm))["2026-03-08"]
    assert (sunday["AvailableSlots"], sunday["NoSlotsReason"]) == ([], "NotScheduled")
    crm.platform.add_user("Dora", "dora@example.com", hours=[])
    found = await days(crm, Users=["dora@example.com"])
    assert {day["NoSlotsReason"] for day in found.values()} == {"WorkDayTemplateNotDefined"}


async def test_slots_are_in_the_users_zone(crm: Crm) -> None:
    crm.platform.add_user("Dev", "dev@example.com", timezone="Asia/Kolkata")
    crm.book(datetime(2026, 3, 2, 4, 30, tzinfo=UTC), "dev@example.com")
    monday = (await days(crm, Users=["dev@example.com"]))["2026-03-02"]
    assert monday["UserTimeZone"] == "Asia/Kolkata"
    assert monday["BusySlots"] == [{"StartTime": "10:00:00", "EndTime": "11:00:00"}]


def test_overlapping_appointments_leave_no_gap_between_them() -> None:
    user = AccountUser("1", "Alice", ALICE, "Europe/Berlin", hours=OFFICE_HOURS)
    taken = [(at(8), at(10)), (at(9.5), at(11)), (at(10), at(10.5)), (at(16), at(18))]
    assert day_slots(user, date(2026, 3, 2), taken).free == [(at(11), at(16))]
    assert day_slots(user, date(2026, 3, 3), taken).free == [(at(9, 3), at(17, 3))]
    assert timedelta(hours=8) == at(17, 3) - at(9, 3)
