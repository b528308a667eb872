"""Convert an error response of v1 to a fault.

See docs/platforms/leadconnector-v1.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    from syncd.systems.client import HttpResponse

_NO_ROUTE = "not yet supported by the iam"
_SLOT_FIELD = "selectedSlot"
_REQUIRED_RULE = "required"
_SUCCESS = range(200, 300)
_TIMED_OUT = 408
_SERVER = range(500, 600)


def fault_of(response: HttpResponse) -> PlatformError | None:
    """Return the fault of a response, None for a success; `Transport` completes the fault."""
    status = response.status_code
    if status in _SUCCESS:
        return None
    fields = _fields(response)
    fault: PlatformError
    match status:
        case _ if _NO_ROUTE in _detail(fields).lower():
            # A wrong path or method, whatever the status: the key is fine.
            fault = RejectedError("")
        case 401 | 403 | 410:
            # 410: this version of the API may be switched off, for this key or for all.
            fault = UnauthorizedError("")
        case 404:
            fault = RejectedError("", why=RejectionReason.GONE)
        case 422 if _rejects_slot(fields):
            fault = RejectedError("", why=RejectionReason.SLOT_TAKEN)
        case 429:
            fault = RateLimitedError("", wait=0)
        case _ if status == _TIMED_OUT or status in _SERVER:
            fault = RetryableError("")
        case _:
            fault = RejectedError("")
    fault.detail = _detail(fields)
    return fault


def _fields(response: HttpResponse) -> dict[str, object]:
    """Return the body's object; a body may be empty, ``OK``, or not JSON."""
    return read_json(response.content, dict[str, object]) or {}


def _rejects_slot(fields: dict[str, object]) -> bool:
    """Return true if the slot itself is rejected, and is not just missing."""
    complaint = fields.get(_SLOT_FIELD)
    if isinstance(complaint, dict):
        return text(complaint.get("rule")).lower() != _REQUIRED_RULE
    return complaint is not None


def _detail(fields: dict[str, object]) -> str:
    """Return the platform's message: ``msg``, or each complaint with its field."""
    return "; ".join(filter(None, (_complaint(name, value) for name, value in fields.items())))


def _complaint(name: str, value: object) -> str:
    match value:
        case {"message": message}:
            return f"{name}: {text(message)}"
        case str() if name in {"msg", "message"}:
            return value
        case str():
            return f"{name}: {value}"
        case _:
            return ""
