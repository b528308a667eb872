"""Operations as calls, and which answers prove them."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from syncd.model import Action, Kind, Operation, Status, Value
from syncd.systems.port import Accepted, Ambiguous, Done, RateLimited, Rejected
from tests.systems.scripted import Script

from .conftest import Build

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
    script.say(CREATE, {"Status": "Success", "Message": {"Id": "new-1"}})
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
    script.say(CREATE, {"Status": "Success", "Message": {"Id": "new-1"}})
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
    script.say(CREATE, answer)
    with pytest.raises(Ambiguous):
        await build().write([CREATION])
    assert len(script.requests) == 1


async def test_a_refusal_as_500_is_a_refusal(build: Build, script: Script) -> None:
    body = {"Status": "Error", "ExceptionType": "MXMandatoryAttributeMissingException"}
    script.say(CREATE, httpx.Response(500, json=body))
    with pytest.raises(Rejected, match="MXMandatory"):
        await build().write([CREATION])


async def test_a_rate_limit_on_a_write_is_no_effect(build: Build, script: Script) -> None:
    words = "API calls exceeded the limit of 20 in 5 second(s)"
    body = {"Status": "Error", "ExceptionType": "MXAPIRateLimitExceededException"}
    script.say(CREATE, body | {"ExceptionMessage": words})
    with pytest.raises(RateLimited):
        await build().write([CREATION])
    assert len(script.requests) == 1


@pytest.mark.parametrize("action", [Action.MOVE_BLOCK, Action.MOVE_APPOINTMENT])
async def test_moves_share_one_bulk_call_that_is_only_accepted(
    build: Build, script: Script, action: Action
) -> None:
    script.say(MOVE, QUEUED)
    moves = [operation(action, "t1"), operation(action, "t2")]
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


async def test_removals_share_one_bulk_call_that_is_only_accepted(
    build: Build, script: Script
) -> None:
    done = {
        "Status": "Success",
        "Operation": "Bulk Delete Tasks",
        "TasksCount": 2,
        "DeletedTasksCount": 1,
        "FailureReason": "one was gone",
    }
    script.say(DELETE, QUEUED, done)
    system = build()
    removals = [operation(Action.REMOVE_BLOCK, t, None) for t in ("t1", "t2")]
    assert await system.write(removals) == Accepted("5812945")
    assert await system.write(removals) == Accepted("")
    assert script.sent[0] == {"TaskIds": ["t1", "t2"]}


async def test_shown_up_is_marking_complete(build: Build, script: Script) -> None:
    script.say(COMPLETE, {"Status": "Success"})
    showed = Value(VALUE.start, VALUE.end, Status.SHOWED)
    wanted = operation(Action.SET_STATUS, after=showed, kind=Kind.APPOINTMENT)
    assert await build().write([wanted]) == Done([("t1", None)])
    assert script.requests[0].url.params["id"] == "t1"


async def test_marking_complete_is_a_write_although_it_is_a_get(
    build: Build, script: Script
) -> None:
    script.say(COMPLETE, httpx.Response(500))
    showed = Value(VALUE.start, VALUE.end, Status.SHOWED)
    system = build()
    with pytest.raises(Ambiguous):
        await system.write([operation(Action.SET_STATUS, after=showed)])
    assert len(script.requests) == 1
    assert (system.traffic.reads, system.traffic.writes) == (0, 1)


async def test_a_cancellation_is_refused_unless_completing_stands_for_it(
    build: Build, script: Script
) -> None:
    script.say(COMPLETE, {"Status": "Success"})
    off = operation(Action.SET_STATUS, after=VALUE.off(), kind=Kind.APPOINTMENT)
    with pytest.raises(Rejected):
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
def test_what_completing_brings_about_is_read_by_the_words_of_the_account(
    build: Build,
    cancel_as: str,
    own: dict[str, Status],
    written: dict[Status, Status],
) -> None:
    able = build(cancel_as=cancel_as, statuses=own).capabilities.statuses
    assert able == written
