"""Removal of required fields from event rows in a JSON body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

_IDS = ("id", "UserTaskId")
_ENDS = ("endTime", "EndDate", "DueDate")
"""Fields that hold the end. DueDate, a task's start, is included: a client can compute the end of a
task from its start and its type's length."""
_OWNERS = (
    "assignedUserId",
    "users",
    "userId",
    "calendarId",
    "OwnerId",
    "OwnerName",
    "OwnerEmailAddress",
)


class RowDefect(StrEnum):
    """The part that a row lacks. ID and OBJECT affect lists only, not reads by id."""

    END = "no-end"
    ID = "no-id"
    OWNER = "no-owner"
    OBJECT = "no-object"


def break_rows(body: bytes, defects: Mapping[str, RowDefect]) -> bytes:
    """Return the body of a response with defects in the rows of these events.

    ``defects`` has the defect by event id. A body without any of these events is returned
    unchanged.
    """
    if not any(event_id.encode() in body for event_id in defects):
        return body
    parsed = json.loads(body)
    return json.dumps(_walk(parsed, defects, listed=False)).encode()


def break_first_row(body: bytes, defect: RowDefect) -> bytes:
    """Return the body with a defect in the first row of its list."""
    try:
        parsed = json.loads(body)
    except ValueError:
        return body
    event_id = _first(parsed)
    return body if event_id is None else break_rows(body, {event_id: defect})


def _walk(value: Any, defects: Mapping[str, RowDefect], *, listed: bool) -> Any:
    if isinstance(value, list):
        return [_walk(item, defects, listed=True) for item in value]
    if not isinstance(value, dict):
        return value
    defect = defects.get(_id(value))
    if defect is None:
        return {key: _walk(inner, defects, listed=False) for key, inner in value.items()}
    return _without(value, defect, listed=listed)


def _without(row: dict[str, Any], defect: RowDefect, *, listed: bool) -> Any:
    match defect:
        case RowDefect.END:
            return {key: value for key, value in row.items() if key not in _ENDS}
        case RowDefect.OWNER:
            return {key: value for key, value in row.items() if key not in _OWNERS}
        case RowDefect.ID if listed:
            return {key: value for key, value in row.items() if key not in _IDS}
        case RowDefect.OBJECT if listed:
            return "a row"
        case _:
            return row


def _first(value: Any) -> str | None:
    """Find the id of the first row: the first object in a list that has an id and an end."""
    if isinstance(value, list):
        rows = [item for item in value if isinstance(item, dict) and _is_row(item)]
        if rows:
            return _id(rows[0])
    children = value.values() if isinstance(value, dict) else ()
    return next((event_id for item in children if (event_id := _first(item)) is not None), None)


def _is_row(row: dict[str, Any]) -> bool:
    return bool(_id(row)) and any(key in row for key in _ENDS)


def _id(row: dict[str, Any]) -> str:
    """Return the id of an event's row; '' for other objects, such as its contact or type."""
    event_id = next((row[key] for key in _IDS if isinstance(row.get(key), str)), "")
    return event_id if any(key in row for key in _ENDS) else ""
