"""Cancellations at the configured `cancel_path`, and the possible answers."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from syncd.model import Action, Kind, Operation, Status, Value
from syncd.systems.errors import (
    RateLimitedError,
    RejectedError,
    RejectionReason,
    UnknownOutcomeError,
)
from syncd.systems.leadsquared import LeadSquared
from syncd.systems.replies import Accepted
from tests.systems.scripted import Script

from .conftest import Build
from .test_writing import OFF, QUEUED, VALUE, operation

PATH = "Task.svc/BulkCancel"
CANCEL = f"POST {PATH}"


def cancellation(event: str) -> Operation:
    return operation(Action.SET_STATUS, event, VALUE.cancelled(), Kind.APPOINTMENT)


CANCELLATIONS = [cancellation("t1"), cancellation("t2")]


def built(build: Build) -> LeadSquared:
    return build(cancel_as="cancel", cancel_path=PATH)


async def test_cancellations_share_one_bulk_call_that_is_only_accepted(
    build: Build, script: Script
) -> None:
    script.reply(CANCEL, QUEUED)
    system = built(build)
    assert await system.write(CANCELLATIONS) == Accepted("5812945")
    assert script.sent == [{"TaskIds": ["t1", "t2"]}]
    bulk = {system.capabilities.bulk_of(o) for o in CANCELLATIONS}
    assert len(bulk) == 1
    assert None not in bulk


async def test_a_block_is_never_cancelled(build: Build, script: Script) -> None:
    block = replace(cancellation("t3"), kind=Kind.BLOCK)
    with pytest.raises(RejectedError):
        await built(build).write([CANCELLATIONS[0], block])
    assert not script.requests


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b""),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"RequestId": "7"}),
        httpx.Response(200, json={"Status": "Success"}),
        httpx.Response(500, text="oops"),
    ],
)
async def test_an_unclear_answer_to_a_cancel_counts_as_queued(
    build: Build, script: Script, answer: httpx.Response
) -> None:
    script.reply(CANCEL, answer)
    assert await built(build).write(CANCELLATIONS) == Accepted("")
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, text="<html>Endpoint not found.</html>"),
        httpx.Response(405, json={}),
        httpx.Response(200, text="<html>Sign in</html>"),
        httpx.Response(200, json=[]),
        httpx.Response(403, json={"message": "Missing Authentication Token"}),
        httpx.Response(401, json={}),
        httpx.Response(200, json={"Status": "Success", "Message": {"IsSuccessful": False}}),
        httpx.Response(200, json={"Status": "Failure", "FailureReason": "not allowed"}),
    ],
)
async def test_an_address_that_is_no_bulk_cancel_refuses_each_row(
    build: Build, script: Script, answer: httpx.Response
) -> None:
    script.reply(CANCEL, answer)
    with pytest.raises(RejectedError) as raised:
        await built(build).write(CANCELLATIONS)
    assert raised.value.each
    assert raised.value.why is RejectionReason.UNFIT


async def test_no_answer_of_the_cancel_address_proves_that_a_task_is_gone(
    build: Build, script: Script
) -> None:
    words = {"ExceptionType": "MXInvalidEntityException", "ExceptionMessage": "Task not found"}
    script.reply(CANCEL, httpx.Response(500, json={"Status": "Error"} | words))
    with pytest.raises(RejectedError) as raised:
        await built(build).write(CANCELLATIONS)
    assert raised.value.why is RejectionReason.UNFIT
    assert not raised.value.each


async def test_a_cancel_raises_rate_limits_and_lost_answers_unchanged(
    build: Build, script: Script
) -> None:
    body = {"Status": "Error", "ExceptionType": "MXAPIRateLimitExceededException"}
    script.reply(CANCEL, httpx.Response(403, json=body))
    with pytest.raises(RateLimitedError):
        await built(build).write(CANCELLATIONS)

    def lost(request: httpx.Request) -> httpx.Response:
        message = "gone"
        raise httpx.ReadError(message, request=request)

    script.reply(CANCEL, lost)
    with pytest.raises(UnknownOutcomeError):
        await built(build).write(CANCELLATIONS)


async def test_shown_up_is_still_marking_complete(build: Build) -> None:
    able = built(build).capabilities
    showed = Value(VALUE.start, VALUE.end, Status.SHOWED)
    assert able.bulk_of(operation(Action.SET_STATUS, after=showed)) is None
    assert able.statuses == {
        Status.SHOWED: Status.SHOWED,
        **dict.fromkeys(OFF, Status.CANCELLED),
    }


def test_a_cancelled_code_that_the_account_maps_to_busy_disables_cancelling(build: Build) -> None:
    words = {"2": Status.CONFIRMED}
    able = build(cancel_as="cancel", cancel_path=PATH, statuses=words).capabilities
    assert able.bulk_statuses == {}
    assert not any(status in able.statuses for status in OFF)


async def test_check_says_that_the_address_cannot_be_checked(build: Build, script: Script) -> None:
    found = [f for f in await built(build).check() if "cancel_path" in f.subject]
    assert [f.level for f in found] == ["ok"]
    assert "not checked" in found[0].message
    assert not any(PATH in request.url.path for request in script.requests)
    assert not [f for f in await build().check() if "cancel_path" in f.subject]
