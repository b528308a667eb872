"""Operations as API calls, and the answers that prove them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from syncd.model import Action, Kind, Operation, Status, Value
from syncd.systems.errors import (
    RateLimitedError,
    RejectedError,
    RejectionReason,
    UnknownOutcomeError,
)
from syncd.systems.replies import Accepted, Done
from tests.systems.scripted import Script

from .conftest import ONE, Build, task

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
VALUE = Value(START, START + timedelta(hours=1))
OFF = (Status.CANCELLED, Status.NOSHOW, Status.INVALID)
CREATE = "POST Task.svc/Create"
MOVE = "POST Task.svc/BulkUpdateAppointmentTime"
DELETE = "POST Task.svc/DeleteTasks"
COMPLETE = "GET Task.svc/MarkComplete"
QUEUED = {"Status": "Success", "Message": {"Id": "5812945", "IsSuccessful": True}}


def operation(
    action: Action,
    event: str | None = "t1",
    after: Value | None = VALUE,
    kind: Kind = Kind.BLOCK,
    key: str | None = None,
) -> Operation:
    return Operation(action, "crm", "alice", kind, event, VALUE, after, key=key)


CREATION = operation(Action.CREATE_BLOCK, None, key="abcdefghij")


async def test_a_block_is_a_busy_hold_without_lead_or_notice(build: Build, script: Script) -> None:
    script.reply(CREATE, {"Status": "Success", "Message": {"Id": "new-1"}})
    assert await build().write([CREATION]) == Done([("new-1", None)])
    assert script.sent == [
        {
            "Name": "Busy",
            "Description": "Busy [s:abcdefghij]",
            "RelatedEntity": 0,
            "DueDate": "2026-03-02 10:00:00",
            "EndDate": "2026-03-02 11:00:00",
            "Reminder": 0,
            "NotifyBy": "1000",
            "OwnerEmailAddress": "Alice@example.com",
            "TaskType": {"Name": "Busy"},
        }
    ]


async def test_a_custom_field_carries_the_key_too(build: Build, script: Script) -> None:
    script.reply(CREATE, {"Status": "Success", "Message": {"Id": "new-1"}})
    await build(key_field="mx_Custom_1", title="Taken", busy_task_type="Hold").write([CREATION])
    (body,) = script.sent
    assert body["CustomFields"] == {"mx_Custom_1": "[s:abcdefghij]"}
    assert (body["Name"], body["TaskType"]) == ("Taken", {"Name": "Hold"})


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b""),
        httpx.Response(200, content=b"OK"),
        httpx.Response(200, content=b'""'),
        httpx.Response(200, content=b"[]"),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"Status": "Success"}),
        httpx.Response(200, json={"Status": "Success", "Message": {}}),
        httpx.Response(200, json={"Message": {"Id": "new-1"}}),
        httpx.Response(
            200, json={"Status": "Success", "Message": {"Id": "1", "IsSuccessful": False}}
        ),
        httpx.Response(502, text="bad gateway"),
    ],
)
async def test_a_create_without_proof_is_ambiguous_and_sent_once(
    build: Build, script: Script, answer: httpx.Response
) -> None:
    script.reply(CREATE, answer)
    with pytest.raises(UnknownOutcomeError):
        await build().write([CREATION])
    assert len(script.requests) == 1


async def test_a_refusal_as_500_is_a_refusal(build: Build, script: Script) -> None:
    body = {"Status": "Error", "ExceptionType": "MXMandatoryAttributeMissingException"}
    script.reply(CREATE, httpx.Response(500, json=body))
    with pytest.raises(RejectedError, match="MXMandatory"):
        await build().write([CREATION])


async def test_a_rate_limit_on_a_write_is_no_effect(build: Build, script: Script) -> None:
    words = "API calls exceeded the limit of 20 in 5 second(s)"
    body = {"Status": "Error", "ExceptionType": "MXAPIRateLimitExceededException"}
    script.reply(CREATE, body | {"ExceptionMessage": words})
    with pytest.raises(RateLimitedError):
        await build().write([CREATION])
    assert len(script.requests) == 1


async def test_moves_of_blocks_and_appointments_share_one_bulk_call_that_is_only_accepted(
    build: Build, script: Script
) -> None:
    script.reply(MOVE, QUEUED)
    moves = [operation(Action.MOVE_BLOCK, "t1"), operation(Action.MOVE_APPOINTMENT, "t2")]
    assert await build().write(moves) == Accepted("5812945")
    (body,) = script.sent
    assert body == {
        "TaskList": [
            {
                "UserTaskId": known,
                "FromDate": "2026-03-02 10:00:00",
                "ToDate": "2026-03-02 11:00:00",
            }
            for known in ("t1", "t2")
        ]
    }


def deleted(count: Any, reason: str | None = None, **more: Any) -> dict[str, Any]:
    """Return the answer with the number of deleted tasks."""
    told = {"Operation": "Bulk Delete Tasks", "DeletedTasksCount": count, "FailureReason": reason}
    return {"Status": "Success", "TasksCount": 2} | told | more


REMOVALS = [operation(Action.REMOVE_BLOCK, t, None) for t in ("t1", "t2")]


@pytest.mark.parametrize(
    ("answer", "job"),
    [(QUEUED, "5812945"), (deleted(2), ""), (deleted("2", "none"), ""), (deleted(None), "")],
)
async def test_removals_share_one_bulk_call_that_is_only_accepted(
    build: Build, script: Script, answer: dict[str, Any], job: str
) -> None:
    script.reply(DELETE, answer)
    assert await build().write(REMOVALS) == Accepted(job)
    assert script.sent == [{"TaskIds": ["t1", "t2"]}]


@pytest.mark.parametrize(
    "answer",
    [
        deleted(0, "You do not have permission"),
        deleted("0", "You do not have permission", Status="Failure"),
        deleted(0),
        deleted(None, "You do not have permission"),
    ],
)
async def test_a_deletion_that_deleted_nothing_is_rejected_with_its_reason(
    build: Build, script: Script, answer: dict[str, Any]
) -> None:
    script.reply(DELETE, answer)
    with pytest.raises(RejectedError) as raised:
        await build().write(REMOVALS)
    assert ("permission" if answer["FailureReason"] else "no reason") in raised.value.detail
    assert raised.value.why is RejectionReason.UNFIT
    assert len(script.requests) == 1


async def test_after_a_partial_deletion_each_task_is_read(build: Build, script: Script) -> None:
    def one(request: httpx.Request) -> httpx.Response:
        found = request.url.params["id"] == "t2"
        return httpx.Response(200, json=[task("t2")] if found else [])

    script.reply(DELETE, deleted(1, "One of them is locked by kim@example.com"))
    script.reply(ONE, one)
    reply = await build().write(REMOVALS)
    assert isinstance(reply, Accepted)
    assert list(reply.refused) == ["t2"]
    assert "1 of 2" in reply.refused["t2"].detail
    assert "kim@example.com" not in reply.refused["t2"].detail


async def test_an_unreadable_partial_deletion_is_confirmed_by_later_reads(
    build: Build, script: Script
) -> None:
    script.reply(DELETE, deleted(1))
    script.reply(ONE, httpx.Response(401))
    assert await build().write(REMOVALS) == Accepted("")


async def test_after_a_large_partial_deletion_forty_tasks_are_read(
    build: Build, script: Script
) -> None:
    script.reply(DELETE, deleted(60, TasksCount=100))
    script.reply(ONE, [])
    many = [operation(Action.REMOVE_BLOCK, f"t{n}", None) for n in range(100)]
    assert await build(calls_per_5s=100).write(many) == Accepted("")
    assert len(script.requests) == 1 + 40


async def test_shown_up_is_marking_complete(build: Build, script: Script) -> None:
    script.reply(COMPLETE, {"Status": "Success"})
    showed = Value(VALUE.start, VALUE.end, Status.SHOWED)
    wanted = operation(Action.SET_STATUS, after=showed, kind=Kind.APPOINTMENT)
    assert await build().write([wanted]) == Done([("t1", None)])
    assert script.requests[0].url.params["id"] == "t1"


async def test_marking_complete_is_a_write_although_it_is_a_get(
    build: Build, script: Script
) -> None:
    script.reply(COMPLETE, httpx.Response(500))
    showed = Value(VALUE.start, VALUE.end, Status.SHOWED)
    system = build()
    with pytest.raises(UnknownOutcomeError):
        await system.write([operation(Action.SET_STATUS, after=showed)])
    assert len(script.requests) == 1
    assert (system.traffic.reads, system.traffic.writes) == (0, 1)


async def test_a_cancellation_is_refused_unless_cancel_as_is_complete(
    build: Build, script: Script
) -> None:
    script.reply(COMPLETE, {"Status": "Success"})
    off = operation(Action.SET_STATUS, after=VALUE.cancelled(), kind=Kind.APPOINTMENT)
    with pytest.raises(RejectedError):
        await build().write([off])
    assert not script.requests
    system = build(cancel_as="complete")
    assert system.capabilities.statuses[Status.CANCELLED] is Status.SHOWED
    assert await system.write([off]) == Done([("t1", None)])


def test_what_is_declared_is_what_the_platform_can(build: Build) -> None:
    able = build().capabilities
    assert able.statuses == {Status.SHOWED: Status.SHOWED}
    assert able.gone_proofs == {Kind.APPOINTMENT: 2, Kind.BLOCK: 2}
    assert able.asynchronous == {
        Action.MOVE_BLOCK,
        Action.MOVE_APPOINTMENT,
        Action.REMOVE_BLOCK,
    }
    assert able.bulk_only == {Action.MOVE_BLOCK, Action.MOVE_APPOINTMENT}
    assert able.bulk[Action.MOVE_BLOCK] == able.bulk[Action.MOVE_APPOINTMENT]
    assert able.bulk[Action.MOVE_BLOCK] != able.bulk[Action.REMOVE_BLOCK]
    assert {bulk.rows for bulk in able.bulk.values()} == {100}
    assert able.bulk_statuses == {}
    assert not able.lists_cancelled
    assert able.completing_changes_end
    assert (able.rows_carry_owner, able.rows_carry_end) == (False, False)


@pytest.mark.parametrize(
    ("cancel_as", "own", "written"),
    [
        ("hold", {}, {Status.SHOWED: Status.SHOWED}),
        ("hold", {"1": Status.CANCELLED}, {}),
        ("complete", {}, dict.fromkeys([Status.SHOWED, *OFF], Status.SHOWED)),
        ("complete", {"1": Status.CANCELLED}, dict.fromkeys(OFF, Status.CANCELLED)),
        (
            "complete",
            {"completed": Status.CANCELLED},
            dict.fromkeys([Status.SHOWED, *OFF], Status.SHOWED),
        ),
        ("complete", {"1": Status.CONFIRMED}, {}),
    ],
)
def test_the_status_after_completing_follows_the_accounts_words(
    build: Build,
    cancel_as: str,
    own: dict[str, Status],
    written: dict[Status, Status],
) -> None:
    able = build(cancel_as=cancel_as, statuses=own).capabilities.statuses
    assert able == written
