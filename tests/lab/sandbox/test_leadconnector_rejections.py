"""Every refusal of LeadConnector v2, over a real socket.

See docs/platforms/leadconnector-v2.md#errors.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from syncd.lab.sandbox.platform import Call
from tests.lab.sandbox.kit import APPOINTMENTS, BLOCKS, HOUR, QUIET, Clinic, at, berlin, ms


@pytest.mark.parametrize(
    ("header", "value", "message"),
    [
        ("Version", None, "version header was not found."),
        ("Version", "2020-01-01", "version header is invalid"),
        ("Authorization", None, "Invalid JWT"),
        ("Authorization", "Bearer other", "Invalid JWT"),
    ],
)
async def test_each_wrong_header_has_its_own_401_message(
    clinic: Clinic, header: str, value: str | None, message: str
) -> None:
    del clinic.client.headers[header]
    if value:
        clinic.client.headers[header] = value
    answer = await clinic.events()
    assert (answer.status_code, answer.json()["message"]) == (401, message)


@pytest.mark.parametrize("version", ["2021-04-15", "2021-07-28", "2023-02-21", "v3"])
async def test_all_four_versions_are_served(clinic: Clinic, version: str) -> None:
    clinic.client.headers["Version"] = version
    assert (await clinic.events()).status_code == 200


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/calendars/events/abc"),
        ("DELETE", "/calendars/events/appointments/abc"),
        ("GET", "/calendars"),
        ("GET", "/calendars/events/"),
        ("GET", "/Calendars/"),
        ("GET", "/users"),
        ("POST", "/calendars/blocked-slots"),
        ("GET", "/calendars/events/block-slots/abc"),
    ],
)
async def test_a_wrong_path_or_method_answers_401_not_404(
    clinic: Clinic, verb: str, path: str
) -> None:
    answer = await clinic.client.request(verb, path)
    assert answer.status_code == 401
    assert answer.json()["message"].startswith("This route is not yet supported by the IAM Service")


@pytest.mark.parametrize(
    "path", ["/calendars/", "/calendars/groups", "/users/", "/calendars/events"]
)
@pytest.mark.parametrize("location", [{}, {"locationId": "elsewhere"}])
async def test_another_location_is_forbidden(
    clinic: Clinic, path: str, location: dict[str, str]
) -> None:
    answer = await clinic.client.get(path, params=location)
    assert answer.status_code == 403
    assert answer.json()["message"] == "The token does not have access to this location."


@pytest.mark.parametrize("path", ["/calendars/events", "/calendars/blocked-slots"])
async def test_a_list_without_an_owner_is_refused(clinic: Clinic, path: str) -> None:
    answer = await clinic.events(path, calendarId="")
    assert answer.status_code == 422
    assert answer.json()["message"] == ["Either calendarId, userId or groupId is required"]


async def test_a_list_without_a_window_is_refused(clinic: Clinic) -> None:
    answer = await clinic.events(startTime="")
    assert answer.status_code == 422
    assert answer.json()["message"] == ["startTime should not be empty"]


async def test_iso_times_in_a_query_match_no_event(clinic: Clinic) -> None:
    clinic.book(at(9))
    assert await clinic.ids() != []
    answer = await clinic.events(startTime=at(0).isoformat())
    assert (answer.status_code, answer.json()["events"]) == (200, [])


@pytest.mark.parametrize(
    "path", ["/calendars/nobody", "/contacts/nobody", f"{APPOINTMENTS}/nobody"]
)
async def test_an_unknown_id_is_not_found(clinic: Clinic, path: str) -> None:
    assert (await clinic.client.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"notes": "x"}, "property notes should not exist"),
        ({"contactId": None}, "contactId should not be empty"),
        ({"startTime": "tomorrow"}, "startTime must be a valid ISO 8601 date string"),
        ({"startTime": "2026-03-02T10:00:00"}, "startTime must be a valid ISO 8601 date string"),
        ({"endTime": "2026-03-02T08:00:00+01:00"}, "endTime must be after startTime"),
        ({"assignedUserId": "nobody"}, "user id not part of calendar team"),
    ],
)
async def test_a_wrong_appointment_is_refused(
    clinic: Clinic, change: dict[str, Any], message: str
) -> None:
    body = {**clinic.appointment(at(10), **QUIET), **change}
    answer = await clinic.client.post(APPOINTMENTS, json=body)
    assert answer.status_code == 422
    assert message in answer.json()["message"]
    assert clinic.platform.appointments() == []


async def test_an_unknown_status_is_refused(clinic: Clinic) -> None:
    id = clinic.book(at(9))
    answer = await clinic.client.put(f"{APPOINTMENTS}/{id}", json={"appointmentStatus": "no_show"})
    assert answer.status_code == 422


async def test_an_update_cannot_change_the_contact(clinic: Clinic) -> None:
    id = clinic.book(at(9))
    answer = await clinic.client.put(f"{APPOINTMENTS}/{id}", json={"contactId": clinic.contact})
    assert answer.status_code == 422
    assert answer.json()["message"] == ["property contactId should not exist"]


@pytest.mark.parametrize(
    ("start", "length"),
    [(at(9), 30), (at(7.5), 30), (at(10.25), 30), (at(10), 45), (at(10, day=1), 30)],
    ids=["taken", "closed", "off the grid", "other length", "a Sunday"],
)
async def test_a_slot_that_is_not_offered_is_refused(
    clinic: Clinic, start: Any, length: int
) -> None:
    clinic.book(at(9))
    end = start + timedelta(minutes=length)
    body = clinic.appointment(start, endTime=berlin(end))
    answer = await clinic.client.post(APPOINTMENTS, json=body)
    assert answer.status_code == 400
    reply = answer.json()
    assert reply.pop("traceId")
    assert reply == {
        "message": "The slot you have selected is no longer available.",
        "error": "Bad Request",
        "statusCode": 400,
    }


async def test_an_offered_slot_with_another_offset_is_refused(clinic: Clinic) -> None:
    start = at(10)
    body = clinic.appointment(start, startTime=start.isoformat())
    assert (await clinic.client.post(APPOINTMENTS, json=body)).status_code == 400
    assert (await clinic.client.post(APPOINTMENTS, json=clinic.appointment(start))).is_success


async def test_a_move_onto_a_taken_slot_is_refused_unless_it_skips_the_check(
    clinic: Clinic,
) -> None:
    clinic.book(at(9))
    id = clinic.book(at(14))
    path, times = f"{APPOINTMENTS}/{id}", {"startTime": berlin(at(9))}
    assert (await clinic.client.put(path, json=times)).status_code == 400
    assert (await clinic.client.put(path, json={**times, **QUIET})).status_code == 200


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"calendarId": "hall"}, 422, "Either calendarId or assignedUserId can be set, not both."),
        ({"assignedUserId": "nobody"}, 422, "user id not part of location"),
        ({"assignedUserId": None}, 422, "assignedUserId must be a string"),
        ({"toNotify": False}, 422, "property toNotify should not exist"),
        ({"startTime": None}, 422, "startTime should not be empty"),
        ({"locationId": "elsewhere"}, 403, "The token does not have access to this location."),
    ],
)
async def test_a_wrong_block_is_refused(
    clinic: Clinic, change: dict[str, Any], status: int, message: str
) -> None:
    answer = await clinic.client.post(BLOCKS, json={**clinic.busy(at(9)), **change})
    assert answer.status_code == status
    reply = answer.json()["message"]
    assert reply == message if isinstance(reply, str) else message in reply
    assert clinic.platform.blocks() == []


async def test_a_block_without_an_owner_is_refused(clinic: Clinic) -> None:
    body = clinic.busy(at(9))
    del body["assignedUserId"]
    assert (await clinic.client.post(BLOCKS, json=body)).status_code == 422


async def test_only_event_calendars_own_blocks(clinic: Clinic) -> None:
    refused = await clinic.client.post(BLOCKS, json=clinic.busy(at(9), calendarId=clinic.calendar))
    assert refused.status_code == 400
    assert refused.json()["message"] == "The calendar is not an event calendar."
    taken = await clinic.client.post(BLOCKS, json=clinic.busy(at(9), calendarId=clinic.hall))
    assert taken.status_code == 201


@pytest.mark.parametrize("kind", ["appointment", "block"])
async def test_a_second_delete_is_refused(clinic: Clinic, kind: str) -> None:
    platform = clinic.platform
    id = (
        clinic.book(at(9))
        if kind == "appointment"
        else platform.block(clinic.alice, at(9), at(10), "Lunch")
    )
    first = await clinic.client.delete(f"/calendars/events/{id}")
    assert first.status_code == 200
    assert first.json()["succeeded"] is True
    second = await clinic.client.delete(f"/calendars/events/{id}")
    assert second.status_code == 400
    assert "already been deleted" in second.json()["message"]


async def test_a_deleted_event_cannot_be_changed(clinic: Clinic) -> None:
    id = clinic.book(at(9))
    clinic.platform.delete(id)
    block = clinic.platform.block(clinic.alice, at(9), at(10), "Lunch")
    clinic.platform.remove_block(block)
    location = {"locationId": clinic.platform.location_id}
    for path, body in [(f"{APPOINTMENTS}/{id}", {}), (f"{BLOCKS}/{block}", location)]:
        assert (await clinic.client.put(path, json=body)).status_code == 400


async def test_free_slots_span_at_most_31_days(clinic: Clinic) -> None:
    path = f"/calendars/{clinic.calendar}/free-slots"
    start = at(0)
    for days, status in [(31, 200), (32, 400)]:
        span = {"startDate": ms(start), "endDate": ms(start + timedelta(days=days))}
        assert (await clinic.client.get(path, params=span)).status_code == status


async def test_free_slots_require_milliseconds(clinic: Clinic) -> None:
    path = f"/calendars/{clinic.calendar}/free-slots"
    span = {"startDate": at(0).isoformat(), "endDate": ms(at(0, 3))}
    assert (await clinic.client.get(path, params=span)).status_code == 422


async def test_calls_beyond_the_limit_are_refused_until_the_window_has_passed(
    clinic: Clinic,
) -> None:
    limit = clinic.platform.limit
    assert limit is not None
    limit.max_requests = 3
    answers = [await clinic.events() for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert [a.headers["x-ratelimit-remaining"] for a in answers] == ["2", "1", "0", "0"]
    assert answers[3].json() == {"statusCode": 429, "message": "Too Many Requests"}
    assert "retry-after" not in answers[3].headers
    assert limit.refused == 1
    clinic.clock.advance(10)
    assert (await clinic.events()).status_code == 200


async def test_calls_beyond_the_daily_limit_are_refused_until_midnight(clinic: Clinic) -> None:
    limit = clinic.platform.limit
    assert limit is not None
    limit.daily = 1
    first = await clinic.events()
    assert first.headers["x-ratelimit-daily-remaining"] == "0"
    assert first.headers["x-ratelimit-daily-reset"] == str(18 * 3_600_000)
    clinic.clock.advance(3600)
    assert (await clinic.events()).status_code == 429
    clinic.clock.advance(17 * 3600)
    assert (await clinic.events()).status_code == 200


async def test_the_log_shows_calls_without_bodies(clinic: Clinic) -> None:
    await clinic.client.post(BLOCKS, json=clinic.busy(at(9)))
    await clinic.client.get("/contacts/x", params={"email": "carla@example.com"})
    now = clinic.clock.now()
    assert clinic.platform.calls == [
        Call(now, "POST", BLOCKS, {}, 201),
        Call(now, "GET", "/contacts/x", {"email": "***"}, 404),
    ]


def test_an_hour_is_an_hour() -> None:
    assert berlin(at(9) + HOUR) == "2026-03-02T10:00:00+01:00"
