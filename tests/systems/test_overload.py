"""Rate limits in unusual places of an answer, and refusals that only mention a limit."""

from __future__ import annotations

import json

import pytest

from syncd.systems.client import HttpResponse
from syncd.systems.overload import overload_text

CALLS = "API calls exceeded the limit of 25 in 5 second(s)"

BODIES = {
    "Message": json.dumps({"Message": CALLS}),
    "message": json.dumps({"statusCode": 403, "message": CALLS}),
    "ExceptionMessage": json.dumps({"Status": "Error", "ExceptionMessage": CALLS}),
    "a field of its own": json.dumps({"anything": CALLS}),
    "nested": json.dumps({"error": {"details": [{"reason": CALLS}]}}),
    "a list": json.dumps([{"Message": CALLS}]),
    "a text as JSON": json.dumps(CALLS),
    "JSON in JSON": json.dumps({"body": json.dumps({"Message": CALLS})}),
    "plain text": CALLS,
    "a page": "<html><body><h1>Forbidden</h1><p>API calls&nbsp;exceeded the\n limit of 25 in "
    "5 second(s)</p></body></html>",
    "escaped": '{"Message": "API calls exceeded the \\u006cimit of 25 in 5 second(s)"}',
    "other words": json.dumps({"message": "Too Many Requests"}),
    "a rate": json.dumps({"message": "Rate limit exceeded. Please retry later."}),
    "a quota": json.dumps({"error": "Daily request limit has been exceeded"}),
    "the limit you have": json.dumps({"msg": "You have exceeded your API call limit"}),
    "throttled": json.dumps({"detail": "Request was throttled. Expected available in 3 seconds."}),
    "a type": json.dumps({"ExceptionType": "MXAPIRateLimitExceededException"}),
}

ORDINARY = {
    "a title": "title exceeds the limit of 250 characters",
    "a page size": "limit must be less than 100",
    "a page size of v2": "limit must not be greater than 100",
    "a note": "The note exceeds the limit of 5000 characters in 1 second line",
    "an appointment limit": "You have reached the limit of appointments per day for this calendar",
    "a slot": "The calendar's limit of 3 bookings per slot is reached",
    "a seat": "Too many attendees",
    "a right": "The token does not have access to this location.",
    "a rate": "rate must be a number",
    "calls": "Calls are not enabled for this location",
}


def answer(body: str, status: int) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, body.encode())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_rate_limit_is_recognised_in_any_field(body: str, status: int) -> None:
    assert overload_text(answer(body, status))


@pytest.mark.parametrize("status", [400, 403, 422, 500])
@pytest.mark.parametrize("words", ORDINARY.values(), ids=ORDINARY)
def test_an_ordinary_refusal_that_mentions_a_limit_is_no_rate_limit(
    words: str, status: int
) -> None:
    assert not overload_text(answer(json.dumps({"message": words}), status))


def test_a_success_is_a_rate_limit_only_with_leadsquareds_exact_words() -> None:
    assert overload_text(answer(json.dumps({"Message": CALLS}), 200))
    assert not overload_text(answer(json.dumps([{"Notes": CALLS}]), 200))
    assert not overload_text(answer(json.dumps({"title": "Too many requests"}), 200))


def test_a_repeated_text_of_the_request_is_no_rate_limit() -> None:
    refused = answer(json.dumps({"message": "the title 'Too many calls' is refused"}), 400)
    assert not overload_text(refused, ("Too many calls",))
    assert overload_text(answer(json.dumps({"Message": CALLS}), 403), ("Too many calls",))


def test_deep_and_long_bodies_are_searched_within_bounds() -> None:
    deep = "[" * 5000 + json.dumps(CALLS) + "]" * 5000
    assert isinstance(overload_text(answer(deep, 403)), str)
    assert not overload_text(answer("x" * 200_000 + CALLS, 403))
