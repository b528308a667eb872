"""The v1 parsing of request fields, and its errors, each about one field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl

from syncd.lab.sandbox.platform import RefusalError
from syncd.lab.sandbox.replies import JSONResponse
from syncd.model import resolve_wall_time, zone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.lab.sandbox.platform import PlatformRequest

FORM = "application/x-www-form-urlencoded"


def read_body(request: PlatformRequest) -> dict[str, Any]:
    """Read a JSON object or a form; refuse anything else with 400.

    See docs/platforms/leadconnector-v1.md#access.
    """
    if request.headers.get("content-type", "").startswith(FORM):
        return dict(parse_qsl(request.body.decode(errors="replace")))
    try:
        body = request.json()
    except ValueError:
        body = ()
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise RefusalError(error_reply(400, "Bad Request"))
    return body


def read_text(values: Mapping[str, Any], key: str) -> str:
    """Read a string; '' if it is missing. Refuse other types."""
    value = values.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        refuse_invalid(key)
    return value


def require_text(values: Mapping[str, Any], key: str) -> str:
    """Read a required string; refuse the request if the field is missing."""
    value = read_text(values, key)
    if not value:
        refuse_missing(key)
    return value


def read_timezone(values: Mapping[str, Any], key: str) -> str:
    """Read the name of an IANA time zone; '' if the field is missing."""
    name = read_text(values, key)
    if name:
        try:
            zone(name)
        except ValueError:
            refuse_invalid(key)
    return name


def read_time(values: Mapping[str, Any], key: str, zone_name: str) -> datetime | None:
    """Read an ISO time and return it in UTC; None if the field is missing.

    A time without an offset is a wall time in the time zone ``zone_name``. See
    docs/platforms/leadconnector-v1.md#booking.
    """
    text = read_text(values, key)
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is None:
            return resolve_wall_time(parsed, zone_name).instant
        return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        refuse_invalid(key)


def read_epoch_ms(values: Mapping[str, Any], key: str) -> datetime:
    """Read epoch milliseconds, as UTC; years after 9999 become the last instant."""
    digits = require_text(values, key)
    if not (digits.isascii() and digits.isdigit()):
        refuse_invalid(key)
    try:
        return datetime.fromtimestamp(int(digits) / 1000, UTC)
    except (OverflowError, ValueError):
        return datetime.max.replace(tzinfo=UTC)


def refuse_missing(key: str, words: str = "") -> NoReturn:
    """Refuse a missing field; ``words`` replaces the key in the message."""
    raise _refusal(key, f"The {words or key} is required.", "required")


def refuse_invalid(key: str, words: str = "") -> NoReturn:
    """Refuse an invalid value; ``words`` replaces the usual message."""
    raise _refusal(key, words or f"The {key} is invalid.", "invalid")


def error_reply(status: int, words: str) -> JSONResponse:
    """Return an error that is not about one field (#errors)."""
    return JSONResponse({"msg": words}, status)


def _refusal(key: str, words: str, rule: str) -> RefusalError:
    return RefusalError(JSONResponse({key: {"message": words, "rule": rule}}, 422))
