"""The fault of each answer, and the reaction of the transport over the socket."""

from typing import Any

import httpx
import pytest

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.sandbox.limits import RateLimit
from syncd.systems.errors import (
    PlatformError,
    RateLimitedError,
    RejectedError,
    RejectionReason,
    RetryableError,
    UnauthorizedError,
)
from syncd.systems.leadconnector import faults
from syncd.systems.redact import Redactor, platform_words
from tests.lab.sandbox.kit import at
from tests.systems.scripted import whole

from .conftest import EVENTS, TOKEN, WINDOW, Clinic

IAM = "This route is not yet supported by the IAM Service. Please update the IAM config."


def fault_of(response: httpx.Response) -> PlatformError | None:
    return faults.fault_of(whole(response))


def said(message: Any) -> dict[str, Any]:
    return {"statusCode": 400, "message": message, "error": "Bad Request", "traceId": "t"}


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (401, said("The token is not authorized for this scope."), UnauthorizedError),
        (401, said("Invalid JWT"), UnauthorizedError),
        (401, {}, UnauthorizedError),
        (401, said(IAM), RejectedError),
        (403, said(IAM), RejectedError),
        (404, said(IAM), RejectedError),
        (500, said(IAM), RejectedError),
        (401, said("version header was not found."), RejectedError),
        (401, said("version header is invalid"), RejectedError),
        (401, said("Command timed out"), RetryableError),
        (403, said("The token does not have access to this location."), UnauthorizedError),
        (403, said("Forbidden resource"), UnauthorizedError),
        (408, said("timeout"), RetryableError),
        (429, said("Too Many Requests"), RateLimitedError),
        (400, said("user id not part of calendar team"), RejectedError),
        (404, said("Cannot GET /calendars/x"), RejectedError),
        (422, said(["property x should not exist", "y should not be empty"]), RejectedError),
        (422, {"error": "Unprocessable Entity"}, RejectedError),
        (500, said("oops"), RetryableError),
        (502, {}, RetryableError),
        (302, {}, RejectedError),
    ],
)
def test_the_text_decides_more_than_the_status(
    status: int, body: dict[str, Any], fault: type[PlatformError]
) -> None:
    found = fault_of(httpx.Response(status, json=body))
    assert type(found) is fault
    assert not (isinstance(found, RejectedError) and found.why is not RejectionReason.UNFIT)


@pytest.mark.parametrize(
    ("status", "message", "why"),
    [
        (404, "Event not found", RejectionReason.GONE),
        (400, "The event has already been deleted.", RejectionReason.GONE),
        (422, ["The event has already been deleted."], RejectionReason.GONE),
        (400, "The slot you have selected is no longer available.", RejectionReason.SLOT_TAKEN),
        (422, "The slot you have selected is no longer available.", RejectionReason.SLOT_TAKEN),
        (422, "A team member needs to be selected.", RejectionReason.OWNER_MISSING),
        (422, ["A team member needs to be selected"], RejectionReason.OWNER_MISSING),
        (400, "The calendar is not an event calendar.", RejectionReason.UNFIT),
        (400, "Association not found", RejectionReason.UNKNOWN_ID),
        (422, ["Object with key x does not exist"], RejectionReason.UNKNOWN_ID),
        (400, "Location not found", RejectionReason.UNFIT),
        (400, "The token for this location was not found", RejectionReason.UNFIT),
    ],
)
def test_a_rejection_is_classified_by_its_text(
    status: int, message: Any, why: RejectionReason
) -> None:
    found = fault_of(httpx.Response(status, json=said(message)))
    assert isinstance(found, RejectedError)
    assert found.why is why


@pytest.mark.parametrize("code", ["NOT_FOUND", "ObjectNotFound", "association-not-found"])
@pytest.mark.parametrize("field", ["code", "errorCode"])
def test_an_error_code_proves_an_unknown_key_whatever_the_text(code: str, field: str) -> None:
    found = fault_of(httpx.Response(400, json={field: code, "message": "Something went wrong"}))
    assert isinstance(found, RejectedError)
    assert found.why is RejectionReason.UNKNOWN_ID


@pytest.mark.parametrize(
    ("status", "text", "fault"),
    [
        (403, "<html>turned away</html>", RetryableError),
        (404, "", RejectedError),
        (429, "slow down", RateLimitedError),
        (503, "<html>503</html>", RetryableError),
        (400, "[]", RejectedError),
    ],
)
def test_an_answer_of_a_gateway_is_classified_by_its_status(
    status: int, text: str, fault: type[PlatformError]
) -> None:
    found = fault_of(httpx.Response(status, text=text, headers={"content-type": "text/html"}))
    assert type(found) is fault
    assert not isinstance(found, RejectedError) or found.why is RejectionReason.UNFIT
    assert "text/html" in found.detail


@pytest.mark.parametrize("status", [200, 201, 204])
def test_any_success_is_no_fault(status: int) -> None:
    assert fault_of(httpx.Response(status, json={"statusCode": 422, "message": "x"})) is None


def test_a_fault_contains_all_messages_of_the_rejection() -> None:
    found = fault_of(httpx.Response(422, json=said(["a is wrong", None, "b is missing"])))
    assert found is not None
    assert found.detail == "a is wrong; b is missing"


def test_a_timeout_of_the_platform_keeps_its_message() -> None:
    found = fault_of(httpx.Response(500, json=said("DEADLINE_EXCEEDED: context deadline")))
    assert type(found) is RetryableError  # for a write the transport makes Ambiguous of it
    assert "DEADLINE_EXCEEDED" in Redactor()(platform_words(found.detail))


# --- over the socket --------------------------------------------------------------------------


async def test_a_wrong_token_is_unauthorized_and_not_retried(clinic: Clinic) -> None:
    with pytest.raises(UnauthorizedError, match="Invalid JWT") as raised:
        await clinic.build(token="pit-stale").read(WINDOW)
    assert raised.value.status == 401
    assert len(clinic.sent(EVENTS)) == 1


async def test_another_location_is_unauthorized(clinic: Clinic) -> None:
    with pytest.raises(UnauthorizedError, match="access to this location"):
        await clinic.build(location_id="elsewhere").read(WINDOW)


async def test_an_unknown_version_is_rejected_but_not_unauthorized(clinic: Clinic) -> None:
    with pytest.raises(RejectedError, match="version header is invalid"):
        await clinic.build(version="1999-12-31").read(WINDOW)


@pytest.mark.parametrize("version", ["2021-04-15", "2021-07-28", "2023-02-21", "v3"])
async def test_the_version_is_the_accounts_for_calendars_and_fixed_elsewhere(
    clinic: Clinic, version: str
) -> None:
    await clinic.build(version=version).check()
    sent = {
        (r.template.startswith("/calendars"), r.headers["version"]) for r in clinic.proxy.requests
    }
    assert sent == {(True, version), (False, "v3" if version == "v3" else "2021-07-28")}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (FaultKind.ERROR, {"status": 500}),
        (FaultKind.ERROR, {"status": 503, "spelling": "empty"}),
        (FaultKind.LOSE_BEFORE, {}),
        (FaultKind.LOSE_AFTER, {}),
        (FaultKind.RESET_BODY, {}),
    ],
)
async def test_a_read_that_fails_twice_is_made_a_third_time(
    clinic: Clinic, kind: FaultKind, options: dict[str, Any]
) -> None:
    clinic.book(at(9))
    clinic.fault(kind, path="/calendars/events", times=2, **options)
    snapshot = await clinic.build().read(WINDOW)
    assert len(snapshot.rows) == 1
    assert not snapshot.faults
    assert len(clinic.sent(EVENTS)) == 3


async def test_a_read_that_always_fails_ends_as_retryable(clinic: Clinic) -> None:
    clinic.fault(FaultKind.ERROR, status=503)
    system = clinic.build()
    with pytest.raises(RetryableError) as raised:
        await system.read(WINDOW)
    assert raised.value.status == 503
    assert "503" in system.traffic.last_fault


async def test_a_rate_limit_is_waited_for_one_interval_and_then_read(clinic: Clinic) -> None:
    clinic.book(at(9))
    clinic.fault(FaultKind.RATE_LIMITED, path="/calendars/events", times=1)
    before = clinic.clock.monotonic()
    snapshot = await clinic.build().read(WINDOW)
    assert len(snapshot.rows) == 1
    assert not snapshot.faults
    assert 10 <= clinic.clock.monotonic() - before < 30


async def test_an_endless_rate_limit_is_raised_with_its_wait(clinic: Clinic) -> None:
    clinic.fault(FaultKind.RATE_LIMITED)
    with pytest.raises(RateLimitedError) as raised:
        await clinic.build().read(WINDOW)
    assert raised.value.wait == 10
    assert len(clinic.sent(EVENTS)) == 3


async def test_a_smaller_rate_limit_is_learned_and_never_exceeded(clinic: Clinic) -> None:
    clinic.platform.limit = limit = RateLimit(25, 10, 10_000)
    system = clinic.build(clinic.both)
    for _ in range(20):
        assert not (await system.read(WINDOW)).faults
    assert limit.refused == 0
    assert system.traffic.limits == ((25, 10.0), (10_000, 86_400.0))
    assert system.traffic.left_today == 10_000 - len(clinic.proxy.requests)


async def test_an_exhausted_daily_limit_is_raised_without_waiting(clinic: Clinic) -> None:
    clinic.platform.limit = RateLimit(100, 10, 3)
    system = clinic.build()
    await system.read(WINDOW)
    asked = len(clinic.proxy.requests)
    with pytest.raises(RateLimitedError) as raised:
        await system.read(WINDOW)
    assert raised.value.wait == 18 * 3600
    assert len(clinic.proxy.requests) == asked == 3


async def test_a_fault_contains_no_token_and_no_text_of_a_customer(clinic: Clinic) -> None:
    clinic.book(at(9), title="Carla's teeth")
    clinic.proxy.rewrite(EVENTS, lambda _: {"message": f"Bearer {TOKEN} is bad"}, status=400)
    system = clinic.build()
    (fault,) = (await system.read(WINDOW)).faults
    told = f"{fault!r} {fault} {system.traffic}"
    assert "is bad" in told
    assert TOKEN not in told
    assert "Carla" not in told
    assert TOKEN not in repr(system._calls._account)
