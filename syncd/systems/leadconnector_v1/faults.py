"""What a LeadConnector v1 answer means when it is no success.

See docs/platforms/leadconnector-v1.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.lenient import read_json, text
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

NO_ROUTE = "not yet supported by the iam"
_SLOT = "selectedSlot"
_REQUIRED = "required"
_SUCCESS = range(200, 300)
_TIMED_OUT = 408
_SERVER = range(500, 600)


def fault_of(answer: Answer) -> PlatformError | None:
    """The fault behind an answer, None for a success. `Transport` fills in where it happened."""
    status = answer.status_code
    if status in _SUCCESS:
        return None
    fields = _fields(answer)
    fault: PlatformError
    match status:
        case _ if NO_ROUTE in _detail(fields).lower():
            # A wrong path or verb, whatever the code: no key is at fault.
            fault = RejectedError("")
        case 401 | 403 | 410:
            # 410: this version of the API may be switched off, for this key or for all.
            fault = UnauthorizedError("")
        case 404:
            fault = RejectedError("", why=RejectionReason.GONE)
        case 422 if _refuses_slot(fields):
            fault = RejectedError("", why=RejectionReason.SLOT_TAKEN)
        case 429:
            fault = RateLimitedError("", wait=0)
        case _ if status == _TIMED_OUT or status in _SERVER:
            fault = RetryableError("")
        case _:
            fault = RejectedError("")
    fault.detail = _detail(fields)
    return fault


def _fields(answer: Answer) -> dict[str, object]:
    """The body's object; bodies may be empty, ``OK`` or not JSON at all."""
    return read_json(answer.content, dict[str, object]) or {}


def _refuses_slot(fields: dict[str, object]) -> bool:
    """Whether the time itself is refused: the slot is complained of, and not for being missing."""
    complaint = fields.get(_SLOT)
    if isinstance(complaint, dict):
        return text(complaint.get("rule")).lower() != _REQUIRED
    return complaint is not None


def _detail(fields: dict[str, object]) -> str:
    """The platform's words: ``msg``, or each complaint by field."""
    return "; ".join(filter(None, (_complaint(name, said) for name, said in fields.items())))


def _complaint(name: str, said: object) -> str:
    match said:
        case {"message": message}:
            return f"{name}: {text(message)}"
        case str() if name in {"msg", "message"}:
            return said
        case str():
            return f"{name}: {said}"
        case _:
            return ""
