"""What an answer means, before it is read: a success, or which fault. The same for all platforms.

A platform's own table (``fault_of``) tells its errors apart; what makes an answer no answer at all
is decided here.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from syncd.systems.errors_in_success import error_in_success
from syncd.systems.overload import overload_text
from syncd.systems.port import (
    IncompleteReadError,
    RateLimitedError,
    RejectedError,
    RejectionReason,
    UnauthorizedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncd.systems.client import Answer
    from syncd.systems.errors_in_success import ErrorInSuccess
    from syncd.systems.port import PlatformError

    FaultOf = Callable[[Answer], PlatformError | None]

_STATUSES = range(200, 600)
"""The statuses that HTTP has: any other one is somebody else's answer, and proves nothing."""

PARTIAL_STATUSES = frozenset({HTTPStatus.PARTIAL_CONTENT, HTTPStatus.IM_USED})
"""Answers that are a part of a whole, or a difference. Nothing here asks for one."""

_SAID = 2000
"""Characters of a platform's words that are kept."""


def fault_of_answer(
    answer: Answer,
    fault_of: FaultOf,
    private: Sequence[str],
    *,
    write: bool,
    judged: bool = False,
) -> PlatformError | None:
    """Return the fault that an answer tells of, None for a success.

    ``judged``: the caller reads from the body whether a write was done, so that of the errors which
    a body tells of only those with a status count here.

    Words that tell of too many calls count more than the status: a rate limit is no lost right.
    """
    if answer.status_code not in _STATUSES:
        return IncompleteReadError("", detail="HTTP has no such status")
    if answer.status_code in PARTIAL_STATUSES:
        return IncompleteReadError("", detail="a part of an answer, which was not asked for")
    fault = fault_of(answer)
    told = error_in_success(answer) if fault is None else None
    if told is not None and not (judged and told.code is None):
        return _as_told(answer, told, fault_of, write=write)
    if isinstance(fault, RateLimitedError) or not (said := overload_text(answer, private)):
        return fault
    return RateLimitedError("", wait=0, detail=said[:_SAID])


def _as_told(
    answer: Answer, told: ErrorInSuccess, fault_of: FaultOf, *, write: bool
) -> PlatformError:
    """Return the fault that the body of a success tells of.

    It contradicts its own status, so it proves nothing: a write may have taken effect, and no
    record is gone.
    """
    words = told.words[:_SAID]
    fault = None if told.code is None else fault_of(replace(answer, status_code=told.code))
    if fault is None or write:
        said = f"{told.code} {words}".rstrip() if told.code else words
        return IncompleteReadError(
            "", detail=f"the body of a success tells of an error: {said}".strip(": ")
        )
    if isinstance(fault, UnauthorizedError):
        fault.status = told.code
    if isinstance(fault, RejectedError) and fault.why is not RejectionReason.UNFIT:
        return RejectedError("", detail=fault.detail)
    return fault
