"""Classify a response before its body is used: a success, or a fault.

The platform's own function (``fault_of``) distinguishes its errors. This module is the same for all
platforms and recognises responses that no platform sends: impossible statuses, incomplete
responses, errors inside a success.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from syncd.systems.errors import (
    IncompleteReadError,
    RateLimitedError,
    RejectedError,
    RejectionReason,
    UnauthorizedError,
)
from syncd.systems.errors_in_success import error_in_success
from syncd.systems.overload import overload_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncd.systems.client import HttpResponse
    from syncd.systems.errors import PlatformError
    from syncd.systems.errors_in_success import ErrorInSuccess

    FaultOf = Callable[[HttpResponse], PlatformError | None]

_STATUSES = range(200, 600)
"""The statuses of HTTP; a response with any other one proves nothing."""

PARTIAL_STATUSES = frozenset({HTTPStatus.PARTIAL_CONTENT, HTTPStatus.IM_USED})
"""Statuses of partial responses and differences, which syncd never requests."""

_MAX_DETAIL = 2000
"""Characters of a platform's error text that are kept."""


def fault_of_response(
    response: HttpResponse,
    fault_of: FaultOf,
    private: Sequence[str],
    *,
    write: bool,
    result_in_body: bool = False,
) -> PlatformError | None:
    """Return the fault that a response reports; None for a success.

    Args:
        response: The whole response.
        fault_of: The platform's own classification.
        private: Texts of the request, which an error may repeat.
        write: True if the request was a write.
        result_in_body: True if the caller reads from the body whether a write was done. Then
            an error inside a success counts only if it names a status.

    An error text about too many calls overrides the status: a rate limit is no lost permission.

    """
    if response.status_code not in _STATUSES:
        return IncompleteReadError("", detail="the HTTP status is not valid")
    if response.status_code in PARTIAL_STATUSES:
        return IncompleteReadError(
            "", detail="the response is partial, which syncd did not request"
        )
    fault = fault_of(response)
    inside = error_in_success(response) if fault is None else None
    if inside is not None and not (result_in_body and inside.code is None):
        return _fault_inside(response, inside, fault_of, write=write)
    if isinstance(fault, RateLimitedError) or not (overload := overload_text(response, private)):
        return fault
    return RateLimitedError("", wait=0, detail=overload[:_MAX_DETAIL])


def _fault_inside(
    response: HttpResponse, inside: ErrorInSuccess, fault_of: FaultOf, *, write: bool
) -> PlatformError:
    """Return the fault that the body of a success reports.

    The body contradicts the status, so the response proves nothing: a write may have taken effect,
    and no record counts as gone.
    """
    words = inside.words[:_MAX_DETAIL]
    fault = None if inside.code is None else fault_of(replace(response, status_code=inside.code))
    if fault is None or write:
        error = f"{inside.code} {words}".rstrip() if inside.code else words
        return IncompleteReadError(
            "",
            detail=f"the status is a success, but the body reports an error: {error}".strip(": "),
        )
    if isinstance(fault, UnauthorizedError):
        fault.status = inside.code
    if isinstance(fault, RejectedError) and fault.why is not RejectionReason.UNFIT:
        return RejectedError("", detail=fault.detail)
    return fault
