"""LeadSquared's parsing of request fields, and its errors.

See docs/platforms/leadsquared.md#errors.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from syncd.model import resolve_wall_time
from syncd.sandbox.platform import RefusalError
from syncd.sandbox.replies import JSONResponse

if TYPE_CHECKING:
    from syncd.sandbox.platform import PlatformRequest

Json = dict[str, Any]

MANDATORY = "MXMandatoryAttributeMissingException"
NO_ENTITY = "MXInvalidEntityException"
MARKUP = "MXXSSException"
BAD_INPUT = "MXInvalidInputException"
"""An assumed name: no list of exception types is published; only the prefix is known."""

MAX_WINDOW = timedelta(days=100)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_TAG = re.compile(r"<[a-zA-Z/!]")


def error_reply(status: int, type: str, message: str) -> JSONResponse:
    """Return an error in the form that all errors have."""
    told = {"Status": "Error", "ExceptionType": type, "ExceptionMessage": message}
    return JSONResponse(told, status)


def refuse(type: str, message: str) -> NoReturn:
    """Refuse invalid input: HTTP 500."""
    raise RefusalError(error_reply(500, type, message))


def read_body(ask: PlatformRequest, allowed: Collection[str]) -> Json:
    """Read a JSON object with these attributes; anything else is a bad request, 400."""
    try:
        found = ask.json()
    except ValueError:
        found = None
    if not ask.headers.get("content-type", "").startswith("application/json"):
        _bad_request("The content type must be application/json")
    if not isinstance(found, dict):
        _bad_request("The body must be a JSON object")
    return check_attributes(found, allowed)


def check_attributes(found: Any, allowed: Collection[str]) -> Json:
    """Return the object if it has only these attributes; refuse it otherwise."""
    if not isinstance(found, dict):
        _bad_request("An object is expected")
    if unknown := [key for key in found if key not in allowed]:
        _bad_request(f"Attribute(s) does not exist - {','.join(unknown)}")
    return found


def read_text(given: Mapping[str, Any], key: str) -> str:
    """Read a string; '' if it is missing or null."""
    found = given.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        _bad_request(f"{key} must be a string")
    return found


def read_plain_text(given: Mapping[str, Any], key: str) -> str:
    """Read a string that must not contain markup."""
    found = read_text(given, key)
    if _TAG.search(found):
        refuse(MARKUP, f"{key} contains potentially dangerous content")
    return found


def require_text(given: Mapping[str, Any], key: str) -> str:
    """Read a required string."""
    return read_text(given, key) or refuse_missing(key)


def require_array(given: Mapping[str, Any], key: str) -> list[Any]:
    """Read a required, non-empty array."""
    found = given.get(key)
    if found is not None and not isinstance(found, list):
        _bad_request(f"{key} must be an array")
    return found or refuse_missing(key)


def require_strings(given: Mapping[str, Any], key: str) -> list[str]:
    """Read a required, non-empty array of strings."""
    found = require_array(given, key)
    if not all(isinstance(each, str) for each in found):
        _bad_request(f"{key} must be an array of strings")
    return found


def read_number(given: Mapping[str, Any], key: str, usual: int) -> int:
    """Read a whole number, or its digits as a string (#errors)."""
    found = given.get(key, usual)
    digits = isinstance(found, str) and found.isascii() and found.isdigit()
    if isinstance(found, bool) or not (isinstance(found, int) or digits):
        _bad_request(f"{key} must be a number")
    return int(found)


def read_time(given: Mapping[str, Any], key: str) -> datetime | None:
    """Read a time, "YYYY-MM-DD HH:MM:SS" in UTC (#times); None if it is missing."""
    spelt = read_text(given, key)
    if not spelt:
        return None
    return _parsed(spelt, key) if _TIME.fullmatch(spelt) else _invalid(key)


def read_interval(given: Mapping[str, Any], start: str, end: str) -> tuple[datetime, datetime]:
    """Read an interval of two times; its length may be zero.

    See docs/platforms/leadsquared.md#moving-appointments.
    """
    first = read_time(given, start) or refuse_missing(start)
    last = read_time(given, end) or refuse_missing(end)
    if last < first:
        refuse(BAD_INPUT, f"{end} should be greater than {start}")
    return first, last


def read_window(given: Mapping[str, Any], zone_name: str) -> tuple[datetime, datetime]:
    """Read FromDate and ToDate: UTC if they have a time of day, else midnights of the given zone.

    The zone of a bare date is undocumented (#listing-appointments); the account's zone is the
    harder case for a client.
    """
    first, last = (_bound(given, key, zone_name) for key in ("FromDate", "ToDate"))
    if last < first:
        refuse(BAD_INPUT, "ToDate should be greater than FromDate")
    if last - first > MAX_WINDOW:
        refuse(BAD_INPUT, "Difference between FromDate and ToDate cannot be more than 100 days")
    return first, last


def read_paging(given: Mapping[str, Any], largest: int) -> slice:
    """Read PageIndex, from 1 on, and PageSize; return the slice of rows that they select."""
    asked = check_attributes(given.get("Paging") or {}, {"PageIndex", "PageSize"})
    index, size = read_number(asked, "PageIndex", 1), read_number(asked, "PageSize", 100)
    if index < 1 or size < 1:
        refuse(BAD_INPUT, "PageIndex and PageSize should be greater than zero")
    size = min(size, largest)
    return slice((index - 1) * size, index * size)


def refuse_missing(key: str) -> NoReturn:
    """Refuse a body or query without this attribute."""
    refuse(MANDATORY, f"Mandatory attribute missing - {key}")


def _bound(given: Mapping[str, Any], key: str, zone_name: str) -> datetime:
    spelt = require_text(given, key)
    if _DATE.fullmatch(spelt):
        midnight = _parsed(spelt, key).replace(tzinfo=None)
        return resolve_wall_time(midnight, zone_name).instant
    return _parsed(spelt, key) if _TIME.fullmatch(spelt) else _invalid(key)


def _parsed(spelt: str, key: str) -> datetime:
    try:
        return datetime.fromisoformat(spelt).replace(tzinfo=UTC)
    except ValueError:
        _invalid(key)


def _invalid(key: str) -> NoReturn:
    refuse(BAD_INPUT, f"{key} is not in the format yyyy-MM-dd HH:mm:ss")


def _bad_request(message: str) -> NoReturn:
    raise RefusalError(error_reply(400, "MXInvalidRequestException", message))
