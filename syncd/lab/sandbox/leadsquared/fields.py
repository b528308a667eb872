"""LeadSquared's parsing of request fields, and its errors.

See docs/platforms/leadsquared.md#errors.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from syncd.lab.sandbox.platform import RefusalError
from syncd.lab.sandbox.replies import JsonObject, JSONResponse
from syncd.model import resolve_wall_time

if TYPE_CHECKING:
    from syncd.lab.sandbox.platform import PlatformRequest

MANDATORY = "MXMandatoryAttributeMissingException"
NO_ENTITY = "MXInvalidEntityException"
MARKUP = "MXXSSException"
BAD_INPUT = "MXInvalidInputException"
"""An assumed name: no list of exception types is published; only the prefix is known."""

LIST_FIELDS = frozenset({"FromDate", "ToDate", "Users", "Paging"})
CREATE_FIELDS = frozenset(
    {
        "Name",
        "Description",
        "RelatedEntity",
        "RelatedEntityId",
        "DueDate",
        "EndDate",
        "Reminder",
        "ReminderBeforeDays",
        "ReminderTime",
        "NotifyBy",
        "OwnerId",
        "OwnerEmailAddress",
        "TaskType",
        "Location",
        "CustomFields",
    }
)
MAX_LIST_WINDOW = timedelta(days=100)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_TAG = re.compile(r"<[a-zA-Z/!]")


def error_reply(status: int, type: str, message: str) -> JSONResponse:
    """Return an error in the form that all errors have."""
    body = {"Status": "Error", "ExceptionType": type, "ExceptionMessage": message}
    return JSONResponse(body, status)


def refuse(type: str, message: str) -> NoReturn:
    """Refuse a request with invalid input: HTTP 500, as the platform does."""
    raise RefusalError(error_reply(500, type, message))


def read_body(request: PlatformRequest, allowed: Collection[str]) -> JsonObject:
    """Read a JSON object with these attributes; anything else is a bad request, 400."""
    try:
        body = request.json()
    except ValueError:
        body = None
    if not request.headers.get("content-type", "").startswith("application/json"):
        _bad_request("The content type must be application/json")
    if not isinstance(body, dict):
        _bad_request("The body must be a JSON object")
    return check_attributes(body, allowed)


def check_attributes(value: Any, allowed: Collection[str]) -> JsonObject:
    """Return the value if it is a JSON object whose keys are all in ``allowed``.

    Otherwise refuse the request as the platform does (400, bad request). Used for the bodies of
    requests, and for objects inside a body.
    """
    if not isinstance(value, dict):
        _bad_request("An object is expected")
    if unknown := [key for key in value if key not in allowed]:
        _bad_request(f"Attribute(s) does not exist - {','.join(unknown)}")
    return value


def read_text(values: Mapping[str, Any], key: str) -> str:
    """Read a string; '' if it is missing or null."""
    value = values.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        _bad_request(f"{key} must be a string")
    return value


def read_plain_text(values: Mapping[str, Any], key: str) -> str:
    """Read a string that must not contain markup."""
    text = read_text(values, key)
    if _TAG.search(text):
        refuse(MARKUP, f"{key} contains potentially dangerous content")
    return text


def require_text(values: Mapping[str, Any], key: str) -> str:
    """Read a required string."""
    return read_text(values, key) or refuse_missing(key)


def require_array(values: Mapping[str, Any], key: str) -> list[Any]:
    """Read a required, non-empty array."""
    array = values.get(key)
    if array is not None and not isinstance(array, list):
        _bad_request(f"{key} must be an array")
    return array or refuse_missing(key)


def require_strings(values: Mapping[str, Any], key: str) -> list[str]:
    """Read a required, non-empty array of strings."""
    array = require_array(values, key)
    if not all(isinstance(each, str) for each in array):
        _bad_request(f"{key} must be an array of strings")
    return array


def read_number(values: Mapping[str, Any], key: str, usual: int) -> int:
    """Read a whole number, or its digits as a string (#errors); ``usual`` if it is missing."""
    value = values.get(key, usual)
    digits = isinstance(value, str) and value.isascii() and value.isdigit()
    if isinstance(value, bool) or not (isinstance(value, int) or digits):
        _bad_request(f"{key} must be a number")
    return int(value)


def read_time(values: Mapping[str, Any], key: str) -> datetime | None:
    """Read a time, "YYYY-MM-DD HH:MM:SS" in UTC (#times); None if it is missing."""
    text = read_text(values, key)
    if not text:
        return None
    return _parsed(text, key) if _TIME.fullmatch(text) else _invalid(key)


def read_interval(values: Mapping[str, Any], start: str, end: str) -> tuple[datetime, datetime]:
    """Read an interval of two times; its length may be zero.

    See docs/platforms/leadsquared.md#moving-appointments.
    """
    first = read_time(values, start) or refuse_missing(start)
    last = read_time(values, end) or refuse_missing(end)
    if last < first:
        refuse(BAD_INPUT, f"{end} should be greater than {start}")
    return first, last


def read_window(values: Mapping[str, Any], zone_name: str) -> tuple[datetime, datetime]:
    """Read FromDate and ToDate and return the window in UTC.

    A value with a time of day is UTC; a bare date means midnight in the time zone ``zone_name``.
    The zone of a bare date is undocumented (#listing-appointments); the account's zone is the
    harder case for a client.
    """
    first, last = (_bound(values, key, zone_name) for key in ("FromDate", "ToDate"))
    if last < first:
        refuse(BAD_INPUT, "ToDate should be greater than FromDate")
    if last - first > MAX_LIST_WINDOW:
        refuse(BAD_INPUT, "Difference between FromDate and ToDate cannot be more than 100 days")
    return first, last


def read_paging(values: Mapping[str, Any], largest: int) -> slice:
    """Read PageIndex, from 1 on, and PageSize; return the slice of rows that they select."""
    paging = check_attributes(values.get("Paging") or {}, {"PageIndex", "PageSize"})
    index, size = read_number(paging, "PageIndex", 1), read_number(paging, "PageSize", 100)
    if index < 1 or size < 1:
        refuse(BAD_INPUT, "PageIndex and PageSize should be greater than zero")
    size = min(size, largest)
    return slice((index - 1) * size, index * size)


def read_notify_by(values: Mapping[str, Any]) -> str:
    """Read the code of the reminder's channels; "1100" if it is missing."""
    code = read_text(values, "NotifyBy") or "1100"
    if code not in {"1000", "1100"}:
        refuse(BAD_INPUT, f"Invalid NotifyBy - {code}")
    return code


def refuse_missing(key: str) -> NoReturn:
    """Refuse a body or query without this attribute."""
    refuse(MANDATORY, f"Mandatory attribute missing - {key}")


def _bound(values: Mapping[str, Any], key: str, zone_name: str) -> datetime:
    text = require_text(values, key)
    if _DATE.fullmatch(text):
        midnight = _parsed(text, key).replace(tzinfo=None)
        return resolve_wall_time(midnight, zone_name).instant
    return _parsed(text, key) if _TIME.fullmatch(text) else _invalid(key)


def _parsed(text: str, key: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        _invalid(key)


def _invalid(key: str) -> NoReturn:
    refuse(BAD_INPUT, f"{key} is not in the format yyyy-MM-dd HH:mm:ss")


def _bad_request(message: str) -> NoReturn:
    raise RefusalError(error_reply(400, "MXInvalidRequestException", message))
