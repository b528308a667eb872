"""The fault of each answer."""

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
from syncd.systems.leadconnector_v1 import faults
from tests.systems.scripted import whole


def fault_of(response: httpx.Response) -> PlatformError | None:
    return faults.fault_of(whole(response))


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (301, RejectedError),
        (400, RejectedError),
        (401, UnauthorizedError),
        (403, UnauthorizedError),
        (404, RejectedError),
        (408, RetryableError),
        (410, UnauthorizedError),
        (422, RejectedError),
        (429, RateLimitedError),
        (500, RetryableError),
        (502, RetryableError),
    ],
)
def test_a_status_is_a_fault_whatever_the_body(status: int, fault: type[Exception]) -> None:
    for body in (b"", b"OK", b'""', b"[]", b'{"msg":"no"}', b"<html>", b"\xff"):
        assert type(fault_of(httpx.Response(status, content=body))) is fault


@pytest.mark.parametrize("body", [b"", b"OK", b'""', b'{"msg":"Unauthorized"}'])
def test_a_success_is_no_fault_whatever_the_body(body: bytes) -> None:
    assert fault_of(httpx.Response(200, content=body)) is None


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"selectedSlot": {"message": "taken", "rule": "invalid"}}, RejectionReason.SLOT_TAKEN),
        ({"selectedSlot": {"message": "taken"}}, RejectionReason.SLOT_TAKEN),
        ({"selectedSlot": "taken"}, RejectionReason.SLOT_TAKEN),
        ({"selectedSlot": {"message": "missing", "rule": "required"}}, RejectionReason.UNFIT),
        ({"calendarId": {"message": "bad", "rule": "invalid"}}, RejectionReason.UNFIT),
    ],
)
def test_a_taken_slot_differs_from_a_missing_one(
    body: dict[str, Any], why: RejectionReason
) -> None:
    fault = fault_of(httpx.Response(422, json=body))
    assert isinstance(fault, RejectedError)
    assert fault.why is why


def test_an_unknown_id_is_gone() -> None:
    fault = fault_of(httpx.Response(404, json={"msg": "Not found"}))
    assert isinstance(fault, RejectedError)
    assert fault.why is RejectionReason.GONE
    assert fault.detail == "Not found"


def test_a_fault_contains_every_complaint_with_its_field() -> None:
    body = {
        "userId": {"message": "The userId is required.", "rule": "required"},
        "contactId": "bad",
        "odd": 3,
    }
    fault = fault_of(httpx.Response(422, json=body))
    assert fault is not None
    assert fault.detail == "userId: The userId is required.; contactId: bad"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_an_unsupported_route_proves_nothing_about_the_key(status: int) -> None:
    text = "This route is not yet supported by the IAM Service. Please update the IAM config."
    found = fault_of(httpx.Response(status, json={"msg": text}))
    assert type(found) is RejectedError
