"""Removal of required fields from event rows in a JSON body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

_IDS = ("id", "UserTaskId")
_ENDS = ("endTime", "EndDate", "DueDate")
"""A task without an end has the usual length of its type, so it lacks its start as well."""
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
    """What a row lacks. Without an id, or as no object, it is shown by lists only."""

    END = "no-end"
    ID = "no-id"
    OWNER = "no-owner"
    OBJECT = "no-object"


def break_rows(body: bytes, rows: Mapping[str, RowDefect]) -> bytes:
    """Return the body with these events, by id, lacking something; as it is if it shows none."""
    if not any(event.encode() in body for event in rows):
        return body
    shown = json.loads(body)
    return json.dumps(_walk(shown, rows, listed=False)).encode()


def break_first_row(body: bytes, lack: RowDefect) -> bytes:
    """Return the body with the first row of its list lacking something."""
    try:
        shown = json.loads(body)
    except ValueError:
        return body
    event = _first(shown)
    return body if event is None else break_rows(body, {event: lack})


def _walk(shown: Any, rows: Mapping[str, RowDefect], *, listed: bool) -> Any:
    if isinstance(shown, list):
        return [_walk(each, rows, listed=True) for each in shown]
    if not isinstance(shown, dict):
        return shown
    lack = rows.get(_id(shown))
    if lack is None:
        return {key: _walk(value, rows, listed=False) for key, value in shown.items()}
    return _without(shown, lack, listed=listed)


def _without(row: dict[str, Any], lack: RowDefect, *, listed: bool) -> Any:
    match lack:
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


def _first(shown: Any) -> str | None:
    """Find the id of the first row: the first object in a list that has an id and an end."""
    if isinstance(shown, list):
        rows = [each for each in shown if isinstance(each, dict) and _is_row(each)]
        if rows:
            return _id(rows[0])
    inner = shown.values() if isinstance(shown, dict) else ()
    return next((found for each in inner if (found := _first(each)) is not None), None)


def _is_row(row: dict[str, Any]) -> bool:
    return bool(_id(row)) and any(key in row for key in _ENDS)


def _id(row: dict[str, Any]) -> str:
    """Return the id of an event's row; '' for other objects, such as its contact or type."""
    found = next((row[key] for key in _IDS if isinstance(row.get(key), str)), "")
    return found if any(key in row for key in _ENDS) else ""
