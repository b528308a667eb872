"""Convert an error response of v2 to a fault (docs/platforms/leadconnector-v2.md#errors).

The text decides more than the status: a wrong path answers 401, a timeout in the gateway does, too,
and one kind of rejection comes as 400 or 422.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from syncd.systems.errors import (
    PlatformError,
    RateLimitedError,
    RejectedError,
    RejectionReason,
    RetryableError,
    UnauthorizedError,
)
from syncd.systems.lenient import read_json, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.systems.client import HttpResponse

NO_ROUTE = "not yet supported by the iam"
_SUCCESS = range(200, 300)
_SERVER = range(500, 600)
_TEMPORARY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})

_NOT_FOUND = re.compile(r"\b(not found|does not exist|doesn't exist|could not find|no such)\b")
_NOT_FOUND_CODES = ("notfound", "doesnotexist")
_NOT_THE_TARGET = re.compile(r"\b(location|company|token|route|header)\b")
_SEPARATORS = re.compile(r"[\W_]+")


class _ErrorBody(msgspec.Struct):
    """The known error bodies: a message, a list of messages, or only an error word."""

    message: Any = None
    error: Any = None
    code: Any = None
    error_code: Any = msgspec.field(name="errorCode", default=None)


def fault_of(response: HttpResponse) -> PlatformError | None:
    """Return the fault of a response by its HTTP status, None for a success."""
    status = response.status_code
    if status in _SUCCESS:
        return None
    message = _message(response)
    lower_text = (message or "").lower()
    code = _code(response)
    detail = message or f"no error message ({response.headers.get('content-type', 'no body')})"
    fault: PlatformError
    if NO_ROUTE in lower_text:
        # A wrong path or method, whatever the status: the token is fine, and a retry is useless.
        return RejectedError("", detail=detail)
    match status:
        case HTTPStatus.UNAUTHORIZED:
            fault = _unauthorized(lower_text, detail)
        case HTTPStatus.FORBIDDEN if message is None:
            # A page of the gateway in front of the platform; the next call may pass.
            words = f"the call was rejected before it reached the platform: {detail}"
            fault = RetryableError("", detail=words)
        case HTTPStatus.FORBIDDEN:
            fault = UnauthorizedError("", detail=detail)
        case HTTPStatus.TOO_MANY_REQUESTS:
            fault = RateLimitedError("", wait=0, detail=detail)
        case HTTPStatus.NOT_FOUND if message is None or lower_text.startswith("cannot "):
            # A path that this version does not know answers 404, too, and proves nothing.
            fault = RejectedError("", detail=detail)
        case HTTPStatus.NOT_FOUND:
            fault = RejectedError("", why=RejectionReason.GONE, detail=detail)
        case _ if status in _TEMPORARY or status in _SERVER:
            fault = RetryableError("", detail=detail)
        case _:
            fault = RejectedError("", why=_rejection_reason(lower_text, code), detail=detail)
    return fault


def _unauthorized(lower_text: str, detail: str) -> PlatformError:
    """Return the fault of a 401; not every 401 is about the token."""
    if "command timed out" in lower_text:
        return RetryableError("", detail=detail)
    if "version header" in lower_text:
        return RejectedError("", detail=detail)
    return UnauthorizedError("", detail=detail)


def _rejection_reason(lower_text: str, code: str) -> RejectionReason:
    """Classify a rejection, mostly by its text; an error code counts before the text."""
    if "already been deleted" in lower_text:
        return RejectionReason.GONE
    if "slot" in lower_text and "no longer available" in lower_text:
        return RejectionReason.SLOT_TAKEN
    if "team member" in lower_text and "select" in lower_text:
        return RejectionReason.OWNER_MISSING
    not_found = code.endswith(_NOT_FOUND_CODES) or _NOT_FOUND.search(lower_text) is not None
    # A missing location proves nothing about the record in it.
    if not_found and _NOT_THE_TARGET.search(lower_text) is None:
        return RejectionReason.UNKNOWN_ID
    return RejectionReason.UNFIT


def _code(response: HttpResponse) -> str:
    """Return the platform's error code without separators, '' if it has none."""
    body = read_json(response.content, _ErrorBody)
    if body is None:
        return ""
    codes = (text(body.code), text(body.error_code))
    return next((_SEPARATORS.sub("", code).lower() for code in codes if code), "")


def _message(response: HttpResponse) -> str | None:
    """Return the platform's message, None if the body is not the platform's."""
    body = read_json(response.content, _ErrorBody)
    if body is None:
        return None
    match body.message:
        case list():
            message = "; ".join(filter(None, map(text, body.message)))
        case message:
            message = text(message)
    return message or text(body.error) or "no error message"


def most_relevant_fault(faults: Sequence[PlatformError]) -> PlatformError:
    """Return the first fault that needs the operator or a wait; otherwise the first one."""
    return next(
        (
            fault
            for kind in (UnauthorizedError, RateLimitedError)
            for fault in faults
            if isinstance(fault, kind)
        ),
        faults[0],
    )
