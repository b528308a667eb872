"""Every refusal of LeadSquared (docs/platforms/leadsquared.md), over a real socket."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from syncd.lab.sandbox.platform import Call
from tests.lab.sandbox.kit import at
from tests.lab.sandbox.test_leadsquared import (
    ALICE,
    CREATE,
    DELETE,
    LEADS,
    LIST,
    MOVE,
    SLOTS,
    Crm,
    crm,
    utc_text,
)

__all__ = ["crm"]
MANDATORY = "MXMandatoryAttributeMissingException"
NO_ENTITY = "MXInvalidEntityException"


def refused(answer: httpx.Response, status: int = 500, type: str = "MX", words: str = "") -> bool:
    """Return true if an answer is this error, in the form that all errors have."""
    reply = answer.json()
    assert set(reply) == {"Status", "ExceptionType", "ExceptionMessage"}
    assert reply["Status"] == "Error"
    assert words in reply["ExceptionMessage"]
    return answer.status_code == status and reply["ExceptionType"].startswith(type)


@pytest.mark.parametrize("header", ["x-LSQ-AccessKey", "x-LSQ-SecretKey"])
@pytest.mark.parametrize("value", [None, "other"])
async def test_wrong_keys_are_unauthorised(crm: Crm, header: str, value: str | None) -> None:
    del crm.client.headers[header]
    if value:
        crm.client.headers[header] = value
    assert refused(await crm.listing(), 401)


async def test_keys_in_the_query_are_served_counted_and_kept_out_of_the_log(crm: Crm) -> None:
    keys = {"accessKey": crm.platform.access_key, "secretKey": crm.platform.secret_key}
    for header in ("x-LSQ-AccessKey", "x-LSQ-SecretKey"):
        del crm.client.headers[header]
    assert (await crm.client.get("/UserManagement.svc/Users.Get", params=keys)).is_success
    assert crm.platform.keys_in_query == 1
    assert crm.platform.calls[0].query == {"accessKey": "***", "secretKey": "***"}


async def test_keys_in_headers_are_not_counted(crm: Crm) -> None:
    await crm.listing()
    assert crm.platform.keys_in_query == 0


async def test_keys_stop_working_when_their_user_is_deactivated(crm: Crm) -> None:
    crm.platform.deactivate("integration@example.com")
    assert refused(await crm.listing(), 401)


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", LIST),
        ("POST", "/Task.svc/Nothing"),
        ("POST", "/Task.svc/MarkComplete"),
        ("DELETE", DELETE),
        ("GET", f"{LEADS}/Leads.GetByMobileNumber"),
        ("POST", "/task.svc/create"),
        ("GET", "/"),
    ],
)
async def test_a_wrong_path_or_verb_is_not_found(crm: Crm, verb: str, path: str) -> None:
    assert (await crm.client.request(verb, path)).status_code == 404


async def test_nothing_is_served_outside_of_v2(crm: Crm) -> None:
    url = str(crm.client.base_url).replace("/v2/", "/UserManagement.svc/Users.Get")
    assert (await crm.client.get(url)).status_code == 404


@pytest.mark.parametrize("path", [LIST, SLOTS, CREATE, MOVE, DELETE])
@pytest.mark.parametrize(
    ("body", "type"),
    [
        (b"{", "application/json"),
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b"{}", "text/plain"),
        (b'{"Surprise": 1}', "application/json"),
    ],
)
async def test_a_body_against_the_specification_is_a_bad_request(
    crm: Crm, path: str, body: bytes, type: str
) -> None:
    answer = await crm.client.post(path, content=body, headers={"Content-Type": type})
    assert refused(answer, 400)


@pytest.mark.parametrize("path", [LIST, SLOTS])
@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"FromDate": None}, 500, "missing - FromDate"),
        ({"Users": []}, 500, "missing - Users"),
        ({"Users": ALICE}, 400, "Users must be an array"),
        ({"Users": [1]}, 400, "array of strings"),
        ({"FromDate": "2026-03-01T00:00:00Z"}, 500, "FromDate is not in the format"),
        ({"FromDate": "2026-13-01"}, 500, "FromDate is not in the format"),
        ({"ToDate": "2026-02-01"}, 500, "ToDate should be greater"),
        ({"ToDate": "2026-06-10"}, 500, "cannot be more than 100 days"),
        ({"Paging": {"PageIndex": 0, "PageSize": 10}}, 500, "greater than zero"),
        ({"Paging": {"PageIndex": 1, "PageSize": "many"}}, 400, "PageSize must be a number"),
        ({"Paging": {"Offset": 0, "RowCount": 10}}, 400, "does not exist - Offset,RowCount"),
    ],
)
async def test_a_wrong_list_is_refused(
    crm: Crm, path: str, change: dict[str, Any], status: int, words: str
) -> None:
    assert refused(await crm.listing(path, **change), status, words=words)


@pytest.mark.parametrize(
    ("change", "status", "type"),
    [
        ({"Name": None}, 500, MANDATORY),
        ({"TaskType": None}, 500, MANDATORY),
        ({"TaskType": {}}, 500, MANDATORY),
        ({"TaskType": "Busy"}, 400, "MX"),
        ({"TaskType": {"Name": "Nothing"}}, 500, NO_ENTITY),
        ({"OwnerEmailAddress": None}, 500, MANDATORY),
        ({"OwnerEmailAddress": "nobody@example.com"}, 500, NO_ENTITY),
        ({"OwnerId": "nobody"}, 500, NO_ENTITY),
        ({"RelatedEntity": 1}, 500, MANDATORY),
        ({"RelatedEntity": 1, "RelatedEntityId": "nobody"}, 500, NO_ENTITY),
        ({"DueDate": "2026-03-02T08:00:00Z"}, 500, "MX"),
        ({"DueDate": "2026-3-2 8:0:0"}, 500, "MX"),
        ({"EndDate": "2026-03-02 07:00:00"}, 500, "MX"),
        ({"NotifyBy": "1ooo"}, 500, "MX"),
        ({"Reminder": True}, 400, "MX"),
        ({"Name": "<b>Busy</b>"}, 500, "MXXSSException"),
        ({"Description": "a <script>"}, 500, "MXXSSException"),
        ({"CustomFields": ["x"]}, 400, "MX"),
        ({"CustomFields": {"mx_Custom_1": 1}}, 400, "MX"),
        ({"StatusCode": 1}, 400, "MX"),
    ],
)
async def test_a_wrong_create_is_refused(
    crm: Crm, change: dict[str, Any], status: int, type: str
) -> None:
    answer = await crm.client.post(CREATE, json={**crm.busy(at(9)), **change})
    assert refused(answer, status, type)
    assert crm.platform.blocks() == []


async def test_a_less_than_sign_alone_is_not_markup(crm: Crm) -> None:
    answer = await crm.client.post(CREATE, json=crm.busy(at(9), Description="3 < 4"))
    assert answer.is_success


async def test_a_create_without_a_mandatory_custom_field_is_refused(crm: Crm) -> None:
    crm.platform.add_type("Visit", mandatory=["mx_Custom_1"])
    visit = crm.busy(at(9), TaskType={"Name": "Visit"})
    assert refused(await crm.client.post(CREATE, json=visit), 500, MANDATORY, "mx_Custom_1")
    visit["CustomFields"] = {"mx_Custom_1": "x"}
    assert (await crm.client.post(CREATE, json=visit)).is_success


async def test_an_inactive_user_can_own_and_list_no_appointment(crm: Crm) -> None:
    crm.book(at(9))
    crm.platform.deactivate(ALICE)
    answer = await crm.client.post(CREATE, json=crm.busy(at(9)))
    assert refused(answer, 500, NO_ENTITY, "User does not exist")
    assert await crm.ids() == []


async def test_an_overlap_is_refused_only_if_account_and_type_forbid_it(crm: Crm) -> None:
    crm.book(at(9))
    assert (await crm.client.post(CREATE, json=crm.busy(at(9.5)))).is_success
    crm.platform.refuses_overlaps = True
    assert refused(await crm.client.post(CREATE, json=crm.busy(at(9.5))), words="another")
    assert (await crm.client.post(CREATE, json=crm.busy(at(11)))).is_success
    crm.platform.add_type("Call", allow_conflicts=True)
    call = crm.busy(at(9.5), TaskType={"Name": "Call"})
    assert (await crm.client.post(CREATE, json=call)).is_success


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"UserTaskId": None}, 500, "missing - UserTaskId"),
        ({"FromDate": None}, 500, "missing - FromDate"),
        ({"ToDate": "2026-03-02"}, 500, "ToDate is not in the format"),
        ({"ToDate": utc_text(at(7))}, 500, "ToDate should be greater"),
        ({"DueDate": utc_text(at(8))}, 400, "does not exist - DueDate"),
    ],
)
async def test_one_wrong_row_refuses_the_whole_move(
    crm: Crm, change: dict[str, Any], status: int, words: str
) -> None:
    good, bad = (
        {"UserTaskId": crm.book(at(hour)), "FromDate": utc_text(at(14)), "ToDate": utc_text(at(15))}
        for hour in (9, 10)
    )
    answer = await crm.client.post(MOVE, json={"TaskList": [good, {**bad, **change}]})
    assert refused(answer, status, words=words)
    crm.clock.advance(1)
    assert sorted(crm.starts().values()) == [at(9), at(10)]


@pytest.mark.parametrize(("path", "key"), [(MOVE, "TaskList"), (DELETE, "TaskIds")])
async def test_an_empty_bulk_call_is_refused(crm: Crm, path: str, key: str) -> None:
    assert refused(await crm.client.post(path, json={key: []}), 500, MANDATORY, key)
    assert refused(await crm.client.post(path, json={key: ["a", 1]}), 400)


async def test_a_second_delete_is_refused(crm: Crm) -> None:
    id = await crm.create(at(9))
    first, second = [
        (await crm.client.post(DELETE, json={"TaskIds": [id]})).json() for _ in range(2)
    ]
    assert (first["DeletedTasksCount"], first["FailureReason"]) == (1, None)
    assert (second["TasksCount"], second["DeletedTasksCount"]) == (1, 0)
    assert second["FailureReason"]


async def test_a_delete_with_unknown_ids_deletes_the_known_ones(crm: Crm) -> None:
    id = await crm.create(at(9))
    answer = (await crm.client.post(DELETE, json={"TaskIds": ["nobody", id]})).json()
    assert (answer["TasksCount"], answer["DeletedTasksCount"]) == (2, 1)
    assert answer["FailureReason"]
    assert await crm.get(id) == []


async def test_a_delete_of_more_than_5000_tasks_is_refused(crm: Crm) -> None:
    ids = ["nobody"] * 5001
    assert refused(await crm.client.post(DELETE, json={"TaskIds": ids}), words="5000")
    assert (await crm.client.post(DELETE, json={"TaskIds": ids[1:]})).is_success


async def test_an_unknown_task_cannot_be_completed(crm: Crm) -> None:
    for id in ("nobody", gone := crm.book(at(9))):
        if id == gone:
            crm.platform.delete(id)
        answer = await crm.client.get("/Task.svc/MarkComplete", params={"id": id})
        assert refused(answer, 500, NO_ENTITY)


@pytest.mark.parametrize(
    "path",
    [
        "/Task.svc/Retrieve.GetById",
        "/Task.svc/MarkComplete",
        "/Task.svc/RetrieveTaskType?ColumnName=Category",
        f"{LEADS}/Leads.GetById",
        f"{LEADS}/Leads.GetByEmailaddress",
        f"{LEADS}/RetrieveLeadByPhoneNumber",
    ],
)
async def test_a_missing_parameter_is_refused(crm: Crm, path: str) -> None:
    assert refused(await crm.client.get(path), 500, MANDATORY)


async def test_an_unknown_column_of_task_types_is_refused(crm: Crm) -> None:
    query = {"ColumnName": "Colour", "ColumnValue": "red"}
    assert refused(await crm.client.get("/Task.svc/RetrieveTaskType", params=query))


@pytest.mark.parametrize("spelling", ["429", "403", "200"])
async def test_calls_beyond_the_limit_are_refused_in_three_forms(crm: Crm, spelling: str) -> None:
    limit = crm.platform.limit
    assert limit is not None
    limit.max_requests = 2
    crm.platform.rate_spelling = spelling
    assert [(await crm.listing()).is_success for _ in range(2)] == [True, True]
    answer = await crm.listing()
    assert refused(answer, int(spelling), "MXAPIRateLimitExceededException")
    assert answer.json()["ExceptionMessage"] == "API calls exceeded the limit of 2 in 5 second(s)"
    assert "retry-after" not in answer.headers
    assert limit.refused == 1
    crm.clock.advance(5)
    assert "List" in (await crm.listing()).json()


async def test_the_log_hides_the_address_of_a_lookup(crm: Crm) -> None:
    query = {"emailaddress": "carla@example.com"}
    await crm.client.get(f"{LEADS}/Leads.GetByEmailaddress", params=query)
    now = crm.clock.now()
    assert crm.platform.calls == [
        Call(now, "GET", f"{LEADS}/Leads.GetByEmailaddress", {"emailaddress": "***"}, 200)
    ]


def test_the_helper_formats_a_wall_time_in_utc() -> None:
    assert utc_text(at(9) + timedelta(minutes=5)) == "2026-03-02 08:05:00"
