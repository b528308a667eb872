"""From an answer of v2 to the error tree (docs/platforms/leadconnector-v2.md#errors).

The texts decide more than the codes: a wrong path answers 401, a lapsed gateway too, and the same
refusal comes as 400 or as 422.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncd.systems.lenient import text
from syncd.systems.port import (
    PlatformError,
    RateLimitedError,
    RejectedError,
    UnauthorizedError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from syncd.systems.lenient import read_json
from syncd.systems.port import (
    RejectionReason,
    RetryableError,
)

if TYPE_CHECKING:
    from syncd.systems.client import Answer

NO_ROUTE = "not yet supported by the iam"
_SUCCESS = range(200, 300)
_SERVER = range(500, 600)
_TEMPORARY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})

_NOT_FOUND = re.compile(r"\b(not found|does not exist|doesn't exist|could not find|no such)\b")
_NOT_FOUND_CODES = ("notfound", "doesnotexist")
_NOT_THE_TARGET = re.compile(r"\b(location|company|token|route|header)\b")
_SEPARATORS = re.compile(r"[\W_]+")


class _Refusal(msgspec.Struct):
    """The bodies seen: a message, a list of messages, or an error word only."""

    message: Any = None
    error: Any = None
    code: Any = None
    error_code: Any = msgspec.field(name="errorCode", default=None)


def fault_of(answer: Answer) -> PlatformError | None:
    """Name the fault in an answer; None for a success. The HTTP status counts, not the body's."""
    status = answer.status_code
    if status in _SUCCESS:
        return None
    said = _said(answer)
    words = (said or "").lower()
    code = _code(answer)
    detail = said or f"no message, {answer.headers.get('content-type', 'no body')}"
    fault: PlatformError
    if NO_ROUTE in words:
        # A wrong path or verb, whatever the code: no token is at fault, and repeating cannot help.
        return RejectedError("", detail=detail)
    match status:
        case HTTPStatus.UNAUTHORIZED:
            fault = _unauthorised(words, detail)
        case HTTPStatus.FORBIDDEN if said is None:
            # A page of the gateway in front: it may let the next call through.
            fault = RetryableError("", detail=f"turned away before the platform: {detail}")
        case HTTPStatus.FORBIDDEN:
            fault = UnauthorizedError("", detail=detail)
        case HTTPStatus.TOO_MANY_REQUESTS:
            fault = RateLimitedError("", wait=0, detail=detail)
        case HTTPStatus.NOT_FOUND if said is None or words.startswith("cannot "):
            # A path that this version does not know answers 404 as well, and proves nothing.
            fault = RejectedError("", detail=detail)
        case HTTPStatus.NOT_FOUND:
            fault = RejectedError("", why=RejectionReason.GONE, detail=detail)
        case _ if status in _TEMPORARY or status in _SERVER:
            fault = RetryableError("", detail=detail)
        case _:
            fault = RejectedError("", why=_why(words, code), detail=detail)
    return fault


def _unauthorised(words: str, detail: str) -> PlatformError:
    """Sort out the family of 401: only some of them are about the token."""
    if "command timed out" in words:
        return RetryableError("", detail=detail)
    if "version header" in words:
        return RejectedError("", detail=detail)
    return UnauthorizedError("", detail=detail)


def _why(words: str, code: str) -> RejectionReason:
    """Classify a refusal by its text, since 400 and 422 both occur; a code counts before a text."""
    if "already been deleted" in words:
        return RejectionReason.GONE
    if "slot" in words and "no longer available" in words:
        return RejectionReason.SLOT_TAKEN
    if "team member" in words and "select" in words:
        return RejectionReason.OWNER_MISSING
    missing = code.endswith(_NOT_FOUND_CODES) or _NOT_FOUND.search(words) is not None
    # A location that is not found says nothing of what was looked for in it.
    if missing and _NOT_THE_TARGET.search(words) is None:
        return RejectionReason.UNKNOWN_ID
    return RejectionReason.UNFIT


def _code(answer: Answer) -> str:
    """Return the platform's error code without separators, "" where it gives none."""
    body = read_json(answer.content, _Refusal)
    if body is None:
        return ""
    codes = (text(body.code), text(body.error_code))
    return next((_SEPARATORS.sub("", code).lower() for code in codes if code), "")


def _said(answer: Answer) -> str | None:
    """Return the platform's own words; None where the body is not the platform's."""
    body = read_json(answer.content, _Refusal)
    if body is None:
        return None
    match body.message:
        case list():
            said = "; ".join(filter(None, map(text, body.message)))
        case message:
            said = text(message)
    return said or text(body.error) or "no message"


def most_relevant_fault(faults: Sequence[PlatformError]) -> PlatformError:
    """Choose the fault that a person or a timer must act on."""
    return next(
        (
            fault
            for kind in (UnauthorizedError, RateLimitedError)
            for fault in faults
            if isinstance(fault, kind)
        ),
        faults[0],
    )
