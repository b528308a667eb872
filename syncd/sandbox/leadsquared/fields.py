"""How LeadSquared reads what a client sends, and how it complains.

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
"""A name of ours: no list of exception types is published; only the prefix is known."""

LONGEST_WINDOW = timedelta(days=100)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_TAG = re.compile(r"<[a-zA-Z/!]")


def error(status: int, type: str, message: str) -> JSONResponse:
    """The one envelope of all errors."""
    told = {"Status": "Error", "ExceptionType": type, "ExceptionMessage": message}
    return JSONResponse(told, status)


def refuse(type: str, message: str) -> NoReturn:
    """Refuse what a validation found: HTTP 500."""
    raise RefusalError(error(500, type, message))


def body(ask: PlatformRequest, allowed: Collection[str]) -> Json:
    """Read a JSON object with these attributes; anything else is a bad request, 400."""
    try:
        found = ask.json()
    except ValueError:
        found = None
    if not ask.headers.get("content-type", "").startswith("application/json"):
        _bad_request("The content type must be application/json")
    if not isinstance(found, dict):
        _bad_request("The body must be a JSON object")
    return checked(found, allowed)


def checked(found: Any, allowed: Collection[str]) -> Json:
    """The object itself, if it has no attributes but these."""
    if not isinstance(found, dict):
        _bad_request("An object is expected")
    if unknown := [key for key in found if key not in allowed]:
        _bad_request(f"Attribute(s) does not exist - {','.join(unknown)}")
    return found


def text(given: Mapping[str, Any], key: str) -> str:
    """Read a string; "" when it is missing or null."""
    found = given.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        _bad_request(f"{key} must be a string")
    return found


def plain(given: Mapping[str, Any], key: str) -> str:
    """Read a string that people will see: without markup."""
    found = text(given, key)
    if _TAG.search(found):
        refuse(MARKUP, f"{key} contains potentially dangerous content")
    return found


def needed(given: Mapping[str, Any], key: str) -> str:
    """Read a string that must be there."""
    return text(given, key) or missing(key)


def many(given: Mapping[str, Any], key: str) -> list[Any]:
    """Read an array that must be there and hold something."""
    found = given.get(key)
    if found is not None and not isinstance(found, list):
        _bad_request(f"{key} must be an array")
    return found or missing(key)


def names(given: Mapping[str, Any], key: str) -> list[str]:
    """Read an array of strings that must hold something."""
    found = many(given, key)
    if not all(isinstance(each, str) for each in found):
        _bad_request(f"{key} must be an array of strings")
    return found


def number(given: Mapping[str, Any], key: str, usual: int) -> int:
    """Read a whole number, or its digits as a string (#errors)."""
    found = given.get(key, usual)
    digits = isinstance(found, str) and found.isascii() and found.isdigit()
    if isinstance(found, bool) or not (isinstance(found, int) or digits):
        _bad_request(f"{key} must be a number")
    return int(found)


def instant(given: Mapping[str, Any], key: str) -> datetime | None:
    """Read a written time, "YYYY-MM-DD HH:MM:SS" in UTC (#times); None when it is missing."""
    spelt = text(given, key)
    if not spelt:
        return None
    return _parsed(spelt, key) if _TIME.fullmatch(spelt) else _invalid(key)


def span(given: Mapping[str, Any], start: str, end: str) -> tuple[datetime, datetime]:
    """Read an interval of two written times; one of no length is accepted.

    See docs/platforms/leadsquared.md#moving-appointments.
    """
    first = instant(given, start) or missing(start)
    last = instant(given, end) or missing(end)
    if last < first:
        refuse(BAD_INPUT, f"{end} should be greater than {start}")
    return first, last


def window(given: Mapping[str, Any], zone_name: str) -> tuple[datetime, datetime]:
    """Read FromDate and ToDate: UTC with a time of day, else midnights of the account's zone.

    Whose midnight a bare date means is undocumented (#listing-appointments); this asks most of a
    client.
    """
    first, last = (_bound(given, key, zone_name) for key in ("FromDate", "ToDate"))
    if last < first:
        refuse(BAD_INPUT, "ToDate should be greater than FromDate")
    if last - first > LONGEST_WINDOW:
        refuse(BAD_INPUT, "Difference between FromDate and ToDate cannot be more than 100 days")
    return first, last


def paging(given: Mapping[str, Any], largest: int) -> slice:
    """Read PageIndex, from 1 on, and PageSize, as the rows that they choose."""
    asked = checked(given.get("Paging") or {}, {"PageIndex", "PageSize"})
    index, size = number(asked, "PageIndex", 1), number(asked, "PageSize", 100)
    if index < 1 or size < 1:
        refuse(BAD_INPUT, "PageIndex and PageSize should be greater than zero")
    size = min(size, largest)
    return slice((index - 1) * size, index * size)


def missing(key: str) -> NoReturn:
    """Refuse a body or query without this attribute."""
    refuse(MANDATORY, f"Mandatory attribute missing - {key}")


def _bound(given: Mapping[str, Any], key: str, zone_name: str) -> datetime:
    spelt = needed(given, key)
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
    raise RefusalError(error(400, "MXInvalidRequestException", message))
