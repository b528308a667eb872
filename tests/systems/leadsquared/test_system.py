"""Lookups of tasks and leads, free slots, secrets."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from syncd.model import Event, EventRef, Kind, Offer, Person, Status, Value, Window
from syncd.systems.errors import (
    IncompleteReadError,
    RetryableError,
    UnauthorizedError,
    UnreadableError,
)
from syncd.systems.lookup_results import Found, Gone, Unknown
from syncd.systems.port import Row
from tests.systems.scripted import NOW, FakeClock, Script

from .conftest import LIST, ONE, Build, page, task

REF = EventRef("crm", "alice", "t1", Kind.APPOINTMENT)
LEAD = "GET LeadManagement.svc/Leads.GetById"
BY_EMAIL = "GET LeadManagement.svc/Leads.GetByEmailaddress"
BY_PHONE = "GET LeadManagement.svc/RetrieveLeadByPhoneNumber"
SLOTS = "POST Task.svc/RetrieveAvailableSlots/ByUserEmailAddress"
WINDOW = Window(NOW, NOW + timedelta(days=1))


async def test_a_task_is_found_by_id(build: Build, script: Script) -> None:
    script.reply(ONE, [task()])
    found = await build().read_one(REF)
    assert isinstance(found, Found)
    assert found.event.value.start == datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
    assert script.requests[0].url.params["id"] == "t1"


async def test_a_reassigned_task_is_found_at_its_new_user(build: Build, script: Script) -> None:
    script.reply(ONE, [task(OwnerEmailAddress="bob@example.com")])
    found = await build().read_one(REF)
    assert isinstance(found, Found)
    assert found.event.provider == "bob"


async def test_an_empty_answer_means_gone(build: Build, script: Script) -> None:
    script.reply(ONE, [])
    assert await build().read_one(REF) == Gone()


async def test_a_cancelled_block_is_gone_and_a_cancelled_meeting_is_not(
    build: Build, script: Script
) -> None:
    block = task(StatusCode=2, TaskType={"Name": "Busy"}, RelatedEntity=0, RelatedEntityId="")
    script.reply(ONE, [block], [task(StatusCode=2)])
    system = build()
    assert await system.read_one(REF) == Gone()
    found = await system.read_one(REF)
    assert isinstance(found, Found)
    assert found.event.value.status is Status.CANCELLED


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json=[task("t2")]),
        httpx.Response(200, json=[None]),
        httpx.Response(200, json=[task(EndDate="soon")]),
        httpx.Response(404),
        httpx.Response(500, json={"Status": "Error", "ExceptionType": "MXInvalidEntityException"}),
    ],
)
async def test_an_odd_answer_about_one_task_proves_nothing(
    build: Build, script: Script, answer: httpx.Response
) -> None:
    script.reply(ONE, answer)
    assert isinstance(await build().read_one(REF), Unknown)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (httpx.Response(401), UnauthorizedError),
        (httpx.Response(503), RetryableError),
        (httpx.Response(200, content=b""), RetryableError),
        (httpx.Response(200, json={"Status": "Success"}), RetryableError),
    ],
)
async def test_a_failed_look_is_a_fault_and_no_proof(
    build: Build, script: Script, answer: httpx.Response, fault: type[Exception]
) -> None:
    script.reply(ONE, answer)
    with pytest.raises(fault):
        await build().read_one(REF)


async def test_rows_parse_and_foreign_rows_are_malformed(build: Build, script: Script) -> None:
    script.reply(LIST, page(task()))
    system = build()
    (row,) = (await system.read(WINDOW)).rows
    assert system.event(row).ref == REF
    with pytest.raises(UnreadableError):
        system.event(Row("t1", "alice", "", None))


def of_lead(lead: str | None) -> Event:
    value = Value(NOW, NOW + timedelta(hours=1))
    return Event("crm", "alice", "t1", Kind.APPOINTMENT, value, customer=lead)


async def test_a_lead_is_cached_for_an_hour(build: Build, script: Script, clock: FakeClock) -> None:
    lead = {"ProspectID": "lead-1", "EmailAddress": "Kim@Example.com", "Phone": None}
    script.reply(LEAD, [lead | {"Mobile": "+91-9876543210"}])
    system = build()
    expected = Person(("kim@example.com",), ("+919876543210",))
    assert await system.customer(of_lead("lead-1")) == expected
    assert await system.customer(of_lead("lead-1")) == expected
    assert len(script.requests) == 1
    clock.passed += 3601
    await system.customer(of_lead("lead-1"))
    assert len(script.requests) == 2


async def test_an_event_without_lead_or_with_an_unknown_one_has_no_person(
    build: Build, script: Script
) -> None:
    script.reply(LEAD, [])
    system = build()
    assert await system.customer(of_lead(None)) is None
    assert not script.requests
    assert await system.customer(of_lead("lead-9")) is None


async def test_free_slots_are_read_in_the_users_zone(build: Build, script: Script) -> None:
    def slot(start: str, end: str) -> dict[str, str]:
        return {"StartTime": start, "EndTime": end}

    slots = [
        slot("15:00:00", "15:30:00"),
        slot("2026-03-02 16:00:00", "2026-03-02 16:30:00"),
        slot("2026-03-02T11:00:00Z", "2026-03-02T11:30:00Z"),
        slot("15:00:00", "15:30:00"),
        slot("08:00:00", "08:30:00"),
        slot("noon", "evening"),
        {"StartTime": None},
        None,
    ]
    alice = {
        "EmailAddress": "ALICE@example.com",
        "UserTimeZone": "Asia/Kolkata",
        "AvailableSlots": slots,
    }
    bob = alice | {"EmailAddress": "bob@example.com", "AvailableSlots": [slot("18:00", "18:30")]}
    day = {"Date": "2026-03-02", "UserSlots": [alice, bob, None]}
    script.reply(SLOTS, {"RecordCount": 1, "List": [day, None, {"Date": "x", "UserSlots": None}]})
    found = await build().free_slots("alice", WINDOW)
    half = timedelta(minutes=30)
    starts = [datetime(2026, 3, 2, *at, tzinfo=UTC) for at in ((9, 30), (10, 30), (11, 0))]
    assert found == [Offer(start, start + half) for start in starts]
    assert script.sent[0]["IncludeAllowedConflictSlots"] is False


BLANK = {"EmailAddress": "alice@example.com", "UserTimeZone": "UTC"}


@pytest.mark.parametrize(
    ("user", "names"),
    [
        ({"AvailableSlots": [{"From": "09:00:00", "To": "10:00:00"}]}, "From, To"),
        ({"FreeSlots": [{"StartTime": "09:00:00", "EndTime": "10:00:00"}]}, "FreeSlots"),
        ({"AvailableSlots": {"Start": "09:00:00"}}, "AvailableSlots"),
        ({"AvailableSlots": ["09:00:00"]}, "not objects"),
        ({"AvailableSlots": [{"StartTime": "nine", "EndTime": "ten"}]}, "times"),
        ({"AvailableSlots": [{"Kim Example": 1}]}, "unknown"),
    ],
)
async def test_free_slots_with_unknown_fields_are_an_error(
    build: Build, script: Script, user: dict[str, Any], names: str
) -> None:
    day = {"Date": "2026-03-02", "UserSlots": [BLANK | user]}
    script.reply(SLOTS, {"RecordCount": 1, "List": [day]})
    with pytest.raises(IncompleteReadError) as raised:
        await build().free_slots("alice", WINDOW)
    assert names in raised.value.detail
    assert "Kim" not in raised.value.detail


@pytest.mark.parametrize(
    "user",
    [
        {"AvailableSlots": []},
        {"AvailableSlots": None},
        {"NoSlotsReason": "Holiday"},
        {"AvailableSlots": [], "NoSlotsReason": "Leave"},
    ],
)
async def test_a_user_without_free_slots_offers_nothing(
    build: Build, script: Script, user: dict[str, Any]
) -> None:
    day = {"Date": "2026-03-02", "UserSlots": [BLANK | user]}
    script.reply(SLOTS, {"RecordCount": 1, "List": [day]})
    assert await build().free_slots("alice", WINDOW) == []


async def test_free_slots_of_a_long_window_are_asked_in_pieces(
    build: Build, script: Script
) -> None:
    script.reply(SLOTS, {"RecordCount": 0, "List": []})
    assert await build().free_slots("bob", Window(NOW, NOW + timedelta(days=100))) == []
    assert len(script.requests) == 2


@pytest.mark.parametrize("answer", [httpx.Response(500, text="u$r-access"), httpx.Response(401)])
async def test_no_secret_reaches_a_fault_or_a_log(
    build: Build, script: Script, answer: httpx.Response, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    script.reply(LIST, answer)
    system = build()
    with pytest.raises((RetryableError, UnauthorizedError)) as raised:
        await system.read(WINDOW)
    told: list[Any] = [repr(raised.value), str(raised.value), system.traffic, caplog.text]
    assert not any(s in str(t) for t in told for s in ("u$r-access", "the-secret"))
    assert "the-secret" not in repr(system._account)
