"""Answers are classified as faults or successes."""

from typing import Any

import httpx
import pytest

from syncd.systems.errors import (
    PlatformError,
    RateLimitedError,
    RejectedError,
    RejectionReason,
    RetryableError,
    UnauthorizedError,
)
from syncd.systems.leadsquared import faults
from tests.systems.scripted import whole


def fault_of(response: httpx.Response) -> PlatformError | None:
    return faults.fault_of(whole(response))


def error(kind: str, words: str = "") -> dict[str, Any]:
    return {"Status": "Error", "ExceptionType": kind, "ExceptionMessage": words}


TOO_MANY = "API calls exceeded the limit of 10 in 5 second(s)"


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (200, error("MXAPIRateLimitExceededException", TOO_MANY), RateLimitedError),
        (200, error("", TOO_MANY), RateLimitedError),
        (403, error("", TOO_MANY), RateLimitedError),
        (429, error("MXAPIRateLimitExceededException", TOO_MANY), RateLimitedError),
        (500, error("MXAPIRateLimitExceededException", TOO_MANY), RateLimitedError),
        (200, error("MXInvalidEntityException", "bad"), RejectedError),
        (200, error("", "something"), RejectedError),
        (500, error("MXMandatoryAttributeMissingException"), RejectedError),
        (500, error("NullReferenceException"), RetryableError),
        (503, {}, RetryableError),
        (408, {}, RetryableError),
        (401, error("MXUnauthorizedException", "use api-in21.leadsquared.com"), UnauthorizedError),
        (403, {}, UnauthorizedError),
        (400, {}, RejectedError),
        (404, {}, RejectedError),
    ],
)
def test_the_body_has_priority_over_the_status(
    status: int, body: dict[str, Any], fault: type[Exception]
) -> None:
    assert type(fault_of(httpx.Response(status, json=body))) is fault


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, json={"Status": "Success", "Message": {"Id": "1"}}),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"RecordCount": 1, "List": [{"Name": "Error", "x": '"Error"'}]}),
        httpx.Response(200, content=b""),
    ],
)
def test_a_success_is_no_fault(response: httpx.Response) -> None:
    assert fault_of(response) is None


@pytest.mark.parametrize("status", [429, 403])
def test_a_rate_limit_in_plain_text_is_seen_too(status: int) -> None:
    assert isinstance(fault_of(httpx.Response(status, text=TOO_MANY)), RateLimitedError)


def test_a_server_error_without_json_is_retryable() -> None:
    assert isinstance(
        fault_of(httpx.Response(502, text="<html>bad gateway</html>")), RetryableError
    )


def test_the_serving_host_is_reported() -> None:
    fault = fault_of(httpx.Response(401, json=error("MXHost", "use api-in21.leadsquared.com")))
    assert fault is not None
    assert "api-in21.leadsquared.com" in fault.detail


def test_an_unknown_task_is_gone_and_other_refusals_are_not() -> None:
    gone = fault_of(
        httpx.Response(500, json=error("MXInvalidEntityException", "Task does not exist"))
    )
    unfit = fault_of(httpx.Response(500, json=error("MXInvalidEntityException", "no such owner")))
    assert isinstance(gone, RejectedError)
    assert gone.why is RejectionReason.GONE
    assert isinstance(unfit, RejectedError)
    assert unfit.why is RejectionReason.UNFIT


@pytest.mark.parametrize(
    "words",
    [
        "Lead does not exist in the system",
        "User does not exist in the system",
        "Task type does not exist in the system",
        "Invalid task type",
    ],
)
def test_an_unknown_lead_or_user_does_not_mean_the_task_is_gone(words: str) -> None:
    fault = fault_of(httpx.Response(500, json=error("MXInvalidEntityException", words)))
    assert isinstance(fault, RejectedError)
    assert fault.why is RejectionReason.UNFIT
