"""Classify a LeadSquared response as a fault or a success; its status alone is unreliable.

See docs/platforms/leadsquared.md#errors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from syncd.systems.errors import (
    PlatformError,
    RateLimitedError,
    RejectedError,
    RejectionReason,
    RetryableError,
    UnauthorizedError,
)
from syncd.systems.leadsquared.wire import WriteResponse
from syncd.systems.lenient import read_json, text
from syncd.systems.overload import overload_text

if TYPE_CHECKING:
    from syncd.systems.client import HttpResponse

_TOO_MANY_TYPE = "MXAPIRateLimitExceededException"
_ABSENT_TEXT = re.compile(r"does not exist|not found|invalid task", re.IGNORECASE)
_TASK_TEXT = re.compile(r"task(?!\s*type)", re.IGNORECASE)
_APPLICATION = "MX"
_SUCCESS = range(200, 300)
_TIMED_OUT = 408
_TOO_MANY = 429
_SERVER = range(500, 600)
_NO_SUCH_CALL = frozenset({404, 405, 410})
_NO_ERROR = WriteResponse()
_MAX_TEXT = 2000
"""Characters: more than is shown, so that no name or secret is cut before it is masked."""


def fault_of(response: HttpResponse) -> PlatformError | None:
    """Return the fault of a response, None for a success; `Transport` completes the fault.

    The body has priority over the status: a rate limit was seen as 429, 403 and 200, and a refusal
    as 500 (docs/platforms/leadsquared.md#errors).
    """
    status = response.status_code
    body = _error(response)
    kind, words = text(body.exception_type), text(body.exception_message)
    detail = f"{kind}: {words}" if kind else words
    if status == _TOO_MANY or kind == _TOO_MANY_TYPE or overload_text(response):
        return RateLimitedError("", wait=0, detail=detail)
    if status in {401, 403}:
        return UnauthorizedError("", detail=detail)
    if kind.startswith(_APPLICATION) or (status in _SUCCESS and _is_error(body)):
        return RejectedError("", why=_why(kind, words), detail=detail)
    if status in _SUCCESS:
        return None
    if status == _TIMED_OUT or status in _SERVER:
        return RetryableError("", detail=detail)
    # If the platform does not know the call, no single row is at fault.
    return RejectedError("", detail=detail, each=status in _NO_SUCH_CALL)


def _error(response: HttpResponse) -> WriteResponse:
    """Return the error in the body; lists and other bodies contain none.

    A success without the word is not decoded, because lists are long.
    """
    if response.status_code in _SUCCESS and b'"Error"' not in response.content[:4096]:
        return _NO_ERROR
    error = read_json(response.content, WriteResponse)
    return error or WriteResponse(exception_message=response.text[:_MAX_TEXT])


def _is_error(body: WriteResponse) -> bool:
    return text(body.status).casefold() == "error"


def _why(kind: str, words: str) -> RejectionReason:
    """Return GONE if the task itself is unknown; the documentation tells no other refusals apart.

    The same error is sent for an unknown lead, user or task type; then the task still exists.
    """
    if (
        kind == "MXInvalidEntityException"
        and _ABSENT_TEXT.search(words)
        and _TASK_TEXT.search(words)
    ):
        return RejectionReason.GONE
    return RejectionReason.UNFIT
