"""How v1 reads what a client sends, and how it complains: about one field at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl

from syncd.model import resolve_wall_time, zone
from syncd.sandbox.platform import RefusalError
from syncd.sandbox.replies import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.sandbox.platform import PlatformRequest

FORM = "application/x-www-form-urlencoded"


def body(ask: PlatformRequest) -> dict[str, Any]:
    """Read a JSON object or a form; refuses anything else with 400.

    See docs/platforms/leadconnector-v1.md#access.
    """
    if ask.headers.get("content-type", "").startswith(FORM):
        return dict(parse_qsl(ask.body.decode(errors="replace")))
    try:
        found = ask.json()
    except ValueError:
        found = ()
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise RefusalError(message(400, "Bad Request"))
    return found


def text(given: Mapping[str, Any], key: str) -> str:
    """Read a string; "" when it is missing. Refuses other kinds of values."""
    found = given.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        refuse_invalid(key)
    return found


def needed(given: Mapping[str, Any], key: str) -> str:
    """Read a string that must be there."""
    found = text(given, key)
    if not found:
        refuse_missing(key)
    return found


def timezone(given: Mapping[str, Any], key: str) -> str:
    """Read an IANA zone; "" when it is missing."""
    name = text(given, key)
    if name:
        try:
            zone(name)
        except ValueError:
            refuse_invalid(key)
    return name


def instant(given: Mapping[str, Any], key: str, zone_name: str) -> datetime | None:
    """Read an ISO time, as UTC; a bare one is a wall time in the zone. None when missing.

    See docs/platforms/leadconnector-v1.md#booking.
    """
    spelt = text(given, key)
    if not spelt:
        return None
    try:
        parsed = datetime.fromisoformat(spelt)
        if parsed.tzinfo is None:
            return resolve_wall_time(parsed, zone_name).instant
        return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        refuse_invalid(key)


def epoch(given: Mapping[str, Any], key: str) -> datetime:
    """Read epoch milliseconds; years beyond datetime's end count as the end."""
    digits = needed(given, key)
    if not (digits.isascii() and digits.isdigit()):
        refuse_invalid(key)
    try:
        return datetime.fromtimestamp(int(digits) / 1000, UTC)
    except (OverflowError, ValueError):
        return datetime.max.replace(tzinfo=UTC)


def refuse_missing(key: str, words: str = "") -> NoReturn:
    """Refuse a field that is missing; ``words`` name it where the key is not the whole story."""
    raise _refusal(key, f"The {words or key} is required.", "required")


def refuse_invalid(key: str, words: str = "") -> NoReturn:
    """Refuse a field that makes no sense."""
    raise _refusal(key, words or f"The {key} is invalid.", "invalid")


def message(status: int, words: str) -> JSONResponse:
    """Say no to what is about no single field (#errors)."""
    return JSONResponse({"msg": words}, status)


def _refusal(key: str, words: str, rule: str) -> RefusalError:
    return RefusalError(JSONResponse({key: {"message": words, "rule": rule}}, 422))
