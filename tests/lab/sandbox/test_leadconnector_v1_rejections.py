"""Every refusal of LeadConnector v1, over a real socket.

See docs/platforms/leadconnector-v1.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.sandbox.platform import Call
from tests.lab.sandbox.kit import HOUR, at, berlin, ms
from tests.lab.sandbox.test_leadconnector_v1 import ZONE, Legacy, serve_legacy

TAKEN = {"selectedSlot": {"message": "The selected slot is not available.", "rule": "invalid"}}


@pytest.fixture
async def legacy() -> AsyncIterator[Legacy]:
    """Serve a v1 location on a loopback socket."""
    async with serve_legacy() as served:
        yield served


def complaint(answer: httpx.Response) -> tuple[str, str]:
    """Return the field that a 422 answer names, and the violated rule."""
    assert answer.status_code == 422
    ((field, error),) = answer.json().items()
    assert set(error) == {"message", "rule"}
    return field, error["rule"]


@pytest.mark.parametrize("value", [None, "Bearer pit-other", "v1-sandbox"])
async def test_a_wrong_key_is_unauthorised(legacy: Legacy, value: str | None) -> None:
    del legacy.client.headers["Authorization"]
    if value:
        legacy.client.headers["Authorization"] = value
    answer = await legacy.listing()
    assert (answer.status_code, answer.json()) == (401, {"msg": "Api key is invalid"})


async def test_a_fault_can_refuse_a_right_key(legacy: Legacy) -> None:
    legacy.fault(FaultKind.UNAUTHORISED, times=1)
    answer = await legacy.listing()
    assert (answer.status_code, answer.json()) == (401, {"msg": "Api key is invalid"})


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/calendars"),
        ("GET", "/webhooks"),
        ("POST", "/appointments/block-slots"),
        ("GET", "/calendars/abc/appointments"),
        ("PATCH", "/appointments/abc"),
        ("GET", "/appointments/nobody"),
        ("DELETE", "/appointments/nobody"),
        ("GET", "/contacts/nobody"),
    ],
)
async def test_an_unknown_id_or_path_is_not_found(legacy: Legacy, verb: str, path: str) -> None:
    answer = await legacy.client.request(verb, path)
    assert (answer.status_code, answer.json()) == (404, {"msg": "Not found"})


async def test_nothing_is_served_outside_the_base_path(legacy: Legacy) -> None:
    url = str(legacy.client.base_url).replace("/v1", "/v2") + "users/"
    assert (await legacy.client.get(url)).status_code == 404


async def test_a_list_without_an_owner_is_refused_as_on_the_real_platform(legacy: Legacy) -> None:
    answer = await legacy.client.get("/appointments")
    assert answer.status_code == 422
    message = "The userId / calendarId / teamId is required."
    assert answer.json() == {"userId": {"message": message, "rule": "required"}}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"startDate": "", "endDate": ""}, ("startDate", "required")),
        ({"endDate": ""}, ("endDate", "required")),
        ({"startDate": "2026-03-02T00:00:00Z"}, ("startDate", "invalid")),
    ],
)
async def test_a_list_requires_a_window_in_milliseconds(
    legacy: Legacy, change: dict[str, str], expected: tuple[str, str]
) -> None:
    assert complaint(await legacy.listing(**change)) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"calendarId": "", "startDate": ""}, ("calendarId", "required")),
        ({"calendarId": "nowhere"}, ("calendarId", "invalid")),
        ({"startDate": ""}, ("startDate", "required")),
        ({"endDate": "soon"}, ("endDate", "invalid")),
        ({"timezone": "Mars/Olympus"}, ("timezone", "invalid")),
        ({"userId": "nobody"}, ("userId", "invalid")),
    ],
)
async def test_slots_require_a_calendar_and_a_window(
    legacy: Legacy, change: dict[str, str], expected: tuple[str, str]
) -> None:
    asked = {"calendarId": legacy.service, "startDate": ms(at(0)), "endDate": ms(at(0, 3))}
    answer = await legacy.client.get("/appointments/slots", params={**asked, **change})
    assert complaint(answer) == expected


async def test_a_contact_lookup_without_an_address_is_refused(legacy: Legacy) -> None:
    assert complaint(await legacy.client.get("/contacts/lookup")) == ("email", "required")


async def test_a_booking_is_refused_for_one_field_at_a_time(legacy: Legacy) -> None:
    body: dict[str, Any] = {}
    for field, rule, found in [
        ("selectedTimezone", "required", "Mars/Olympus"),
        ("selectedTimezone", "invalid", ZONE),
        ("email", "required", "carla@example.com"),
        ("calendarId", "required", "nowhere"),
        ("calendarId", "invalid", legacy.service),
        ("selectedSlot", "required", "tomorrow"),
        ("selectedSlot", "invalid", berlin(at(9))),
    ]:
        assert complaint(await legacy.post(body)) == (field, rule)
        body[field] = found
    assert legacy.platform.appointments() == []
    assert (await legacy.post(body)).status_code == 200


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"userId": "nobody"}, ("userId", "invalid")),
        ({"title": 7}, ("title", "invalid")),
        ({"endAt": "2026-03-02T08:00:00+01:00"}, ("endAt", "invalid")),
    ],
)
async def test_a_wrong_booking_is_refused(
    legacy: Legacy, change: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert complaint(await legacy.post({**legacy.booking(at(9)), **change})) == expected
    assert legacy.platform.appointments() == []


@pytest.mark.parametrize(
    ("start", "length"),
    [(at(10), 30), (at(7.5), 30), (at(9.25), 30), (at(9), 75), (at(10, day=1), 30)],
    ids=["taken", "closed", "off the grid", "into the next", "a Sunday"],
)
async def test_a_slot_that_is_not_offered_is_refused(
    legacy: Legacy, start: datetime, length: int
) -> None:
    legacy.book(at(10))
    end = start + timedelta(minutes=length)
    body = legacy.booking(start, endAt=berlin(end), email="new@example.com")
    answer = await legacy.post(body)
    assert (answer.status_code, answer.json()) == (422, TAKEN)
    assert len(legacy.platform.appointments()) == len(legacy.platform.contacts) == 1
    legacy.platform.checks_slots = False
    assert (await legacy.post(body)).status_code == 200


async def test_the_flags_of_v2_do_not_skip_the_check(legacy: Legacy) -> None:
    legacy.book(at(9))
    body = legacy.booking(at(9), ignoreFreeSlotValidation=True, ignoreDateRange=True)
    assert (await legacy.post(body)).json() == TAKEN


async def test_a_move_onto_a_taken_slot_is_refused(legacy: Legacy) -> None:
    legacy.book(at(9))
    id = legacy.book(at(14))
    path = f"/appointments/{id}"
    answer = await legacy.client.put(path, json=legacy.booking(at(9)))
    assert (answer.status_code, answer.json()) == (422, TAKEN)
    assert (await legacy.client.put(path, json=legacy.booking(at(14.5)))).status_code == 200


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"selectedTimezone": None}, ("selectedTimezone", "required")),
        ({"selectedTimezone": None, "selectedSlot": None}, ("selectedTimezone", "required")),
        ({"selectedSlot": None}, ("selectedSlot", "required")),
        ({"calendarId": "nowhere"}, ("calendarId", "invalid")),
        ({"endAt": berlin(at(8))}, ("endAt", "invalid")),
    ],
)
async def test_a_wrong_move_is_refused(
    legacy: Legacy, change: dict[str, Any], expected: tuple[str, str]
) -> None:
    id = legacy.book(at(14))
    body = {**legacy.booking(at(9)), **change}
    assert complaint(await legacy.client.put(f"/appointments/{id}", json=body)) == expected
    assert legacy.platform.appointments()[0].start == at(14)


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ({}, "required"),
        ({"status": "new"}, "invalid"),
        ({"status": "no show"}, "invalid"),
        ({"status": True}, "invalid"),
    ],
)
async def test_a_wrong_status_is_refused(legacy: Legacy, body: dict[str, Any], rule: str) -> None:
    id = legacy.book(at(9))
    answer = await legacy.client.put(f"/appointments/{id}/status", json=body)
    assert complaint(answer) == ("status", rule)


async def test_a_block_has_no_status(legacy: Legacy) -> None:
    id = legacy.platform.block(legacy.alice, at(9), at(10), "Lunch")
    answer = await legacy.client.put(f"/appointments/{id}/status", json={"status": "cancelled"})
    assert complaint(answer) == ("id", "invalid")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"userId": None}, ("calendarId", "required")),
        ({"userId": "nobody"}, ("userId", "invalid")),
        ({"calendarId": "nowhere"}, ("calendarId", "invalid")),
        ({"selectedSlot": None}, ("selectedSlot", "required")),
        ({"endAt": None}, ("selectedTimezone", "required")),
        ({"endAt": berlin(at(9))}, ("endAt", "invalid")),
    ],
)
async def test_a_wrong_block_is_refused(
    legacy: Legacy, change: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert complaint(await legacy.post({**legacy.busy(at(9)), **change})) == expected
    assert legacy.platform.blocks() == []


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"null and void"])
async def test_a_body_that_is_not_an_object_is_a_bad_request(legacy: Legacy, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await legacy.client.post("/appointments/", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (400, {"msg": "Bad Request"})


@pytest.mark.parametrize("kind", ["appointment", "block"])
async def test_a_deleted_event_is_not_found(legacy: Legacy, kind: str) -> None:
    platform = legacy.platform
    id = (
        legacy.book(at(9))
        if kind == "appointment"
        else platform.block(legacy.alice, at(9), at(9) + HOUR, "Lunch")
    )
    path = f"/appointments/{id}"
    assert (await legacy.client.delete(path)).status_code == 200
    for answer in [
        await legacy.client.delete(path),
        await legacy.client.get(path),
        await legacy.client.put(path, json=legacy.booking(at(11))),
        await legacy.client.put(f"{path}/status", json={"status": "confirmed"}),
    ]:
        assert (answer.status_code, answer.json()) == (404, {"msg": "Not found"})


async def test_calls_beyond_the_limit_are_refused_until_the_window_has_passed(
    legacy: Legacy,
) -> None:
    limit = legacy.platform.limit
    assert limit is not None
    limit.max_requests = 2
    answers = [await legacy.listing()]
    legacy.clock.advance(4)
    answers += [await legacy.listing() for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert [a.headers["RateLimit-Remaining"] for a in answers] == ["1", "0", "0"]
    assert [a.headers["RateLimit-Reset"] for a in answers] == ["10", "6", "6"]
    assert answers[2].json() == {"msg": "Too many requests"}
    assert "retry-after" not in answers[2].headers
    legacy.clock.advance(6)
    assert (await legacy.listing()).status_code == 200


async def test_the_log_shows_calls_without_addresses(legacy: Legacy) -> None:
    await legacy.client.get("/contacts/lookup", params={"email": "carla@example.com"})
    await legacy.post(legacy.busy(at(9)))
    now = legacy.clock.now()
    assert legacy.platform.calls == [
        Call(now, "GET", "/contacts/lookup", {"email": "***"}, 200),
        Call(now, "POST", "/appointments/", {}, 200),
    ]
