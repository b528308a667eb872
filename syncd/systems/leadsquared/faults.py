"""What a LeadSquared answer means: its HTTP status alone tells little.

See docs/platforms/leadsquared.md#errors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from syncd.systems.leadsquared.wire import Wrote
from syncd.systems.lenient import read_json, text
from syncd.systems.overload import overload_text
from syncd.systems.port import (
    PlatformError,
    RateLimitedError,
    RejectedError,
    RejectionReason,
    RetryableError,
    UnauthorizedError,
)

if TYPE_CHECKING:
    from syncd.systems.client import Answer

_TOO_MANY_TYPE = "MXAPIRateLimitExceededException"
_ABSENT_TEXT = re.compile(r"does not exist|not found|invalid task", re.IGNORECASE)
_TASK_TEXT = re.compile(r"task(?!\s*type)", re.IGNORECASE)
_APPLICATION = "MX"
_SUCCESS = range(200, 300)
_TIMED_OUT = 408
_TOO_MANY = 429
_SERVER = range(500, 600)
_NO_SUCH_CALL = frozenset({404, 405, 410})
_NO_ERROR = Wrote()
_SAID = 2000
"""Characters: more than is told, so that no name or secret is cut before it is masked."""


def fault_of(answer: Answer) -> PlatformError | None:
    """The fault behind an answer, None for a success. `Transport` fills in where it happened.

    The body decides before the status: a rate limit was seen as 429, as 403 and as 200, and a
    refusal comes as 500 (docs/platforms/leadsquared.md).
    """
    status = answer.status_code
    body = _error(answer)
    kind, words = text(body.exception_type), text(body.exception_message)
    detail = f"{kind}: {words}" if kind else words
    if status == _TOO_MANY or kind == _TOO_MANY_TYPE or overload_text(answer):
        return RateLimitedError("", wait=0, detail=detail)
    if status in {401, 403}:
        return UnauthorizedError("", detail=detail)
    if kind.startswith(_APPLICATION) or (status in _SUCCESS and _is_error(body)):
        return RejectedError("", why=_why(kind, words), detail=detail)
    if status in _SUCCESS:
        return None
    if status == _TIMED_OUT or status in _SERVER:
        return RetryableError("", detail=detail)
    # Where the platform does not know the call, no row of it is at fault.
    return RejectedError("", detail=detail, each=status in _NO_SUCH_CALL)


def _error(answer: Answer) -> Wrote:
    """The error that the body tells of; lists, tables and odd bodies tell of none.

    A body without the word is not decoded a second time: lists are long.
    """
    if answer.status_code in _SUCCESS and b'"Error"' not in answer.content[:4096]:
        return _NO_ERROR
    return read_json(answer.content, Wrote) or Wrote(exception_message=answer.text[:_SAID])


def _is_error(body: Wrote) -> bool:
    return text(body.status).casefold() == "error"


def _why(kind: str, words: str) -> RejectionReason:
    """GONE where the task itself is unknown; no other refusal is told apart in the docs.

    The same words tell of a lead, a user or a task type that is unknown: the task is still there.
    """
    if (
        kind == "MXInvalidEntityException"
        and _ABSENT_TEXT.search(words)
        and _TASK_TEXT.search(words)
    ):
        return RejectionReason.GONE
    return RejectionReason.UNFIT
