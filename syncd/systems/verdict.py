"""What an answer means, before it is read: a success, or which fault. The same for all platforms.

A platform's own table (``fault_of``) tells its errors apart; what makes an answer no answer at all
is decided here.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from syncd.systems.overload import told_too_many
from syncd.systems.port import AuthLost, Incomplete, RateLimited, Refusal, Rejected
from syncd.systems.told_errors import told_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncd.systems.client import Answer
    from syncd.systems.port import SystemFault
    from syncd.systems.told_errors import ToldError

    FaultOf = Callable[[Answer], SystemFault | None]

_STATUSES = range(200, 600)
"""The statuses that HTTP has: any other one is somebody else's answer, and proves nothing."""

_PARTS = frozenset({HTTPStatus.PARTIAL_CONTENT, HTTPStatus.IM_USED})
"""Answers that are a part of a whole, or a difference. Nothing here asks for one."""

_SAID = 2000
"""Characters of a platform's words that are kept."""


def fault_in(
    answer: Answer,
    fault_of: FaultOf,
    private: Sequence[str],
    *,
    write: bool,
    judged: bool = False,
) -> SystemFault | None:
    """Return the fault that an answer tells of, None for a success.

    ``judged``: the caller reads from the body whether a write was done, so that of the errors which
    a body tells of only those with a status count here.

    Words that tell of too many calls count more than the status: a rate limit is no lost right.
    """
    if answer.status_code not in _STATUSES:
        return Incomplete("", detail="HTTP has no such status")
    if answer.status_code in _PARTS:
        return Incomplete("", detail="a part of an answer, which was not asked for")
    fault = fault_of(answer)
    told = told_error(answer) if fault is None else None
    if told is not None and not (judged and told.code is None):
        return _as_told(answer, told, fault_of, write=write)
    if isinstance(fault, RateLimited) or not (said := told_too_many(answer, private)):
        return fault
    return RateLimited("", wait=0, detail=said[:_SAID])


def _as_told(answer: Answer, told: ToldError, fault_of: FaultOf, *, write: bool) -> SystemFault:
    """Return the fault that the body of a success tells of.

    It contradicts its own status, so it proves nothing: a write may have taken effect, and no
    record is gone.
    """
    words = told.words[:_SAID]
    fault = None if told.code is None else fault_of(replace(answer, status_code=told.code))
    if fault is None or write:
        said = f"{told.code} {words}".rstrip() if told.code else words
        return Incomplete("", detail=f"the body of a success tells of an error: {said}".strip(": "))
    if isinstance(fault, AuthLost):
        fault.status = told.code
    if isinstance(fault, Rejected) and fault.why is not Refusal.UNFIT:
        return Rejected("", detail=fault.detail)
    return fault
