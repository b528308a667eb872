"""Convert planned writes to and from JSON, for plan files and the responses of the daemon."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from syncd.model import Action, Kind, Operation, Status, Value, utc


def operation_json(operation: Operation) -> dict[str, Any]:
    """Return a write as a JSON object. The keys are stable; times are ISO 8601 in UTC."""
    return {
        "action": str(operation.action),
        "system": operation.system,
        "provider": operation.provider,
        "kind": str(operation.kind),
        "event": operation.event,
        "before": _value_json(operation.before),
        "after": _value_json(operation.after),
        "bookings": list(operation.bookings),
        "reason": operation.reason,
    }


def operation_from_json(data: Mapping[str, Any]) -> Operation:
    """Parse a write from the JSON object of `operation_json`.

    Raises ValueError, KeyError or TypeError if the data is not a write, or if a time has no UTC
    offset.
    """
    return Operation(
        Action(data["action"]),
        _text(data["system"]),
        _text(data["provider"]),
        Kind(data["kind"]),
        None if data["event"] is None else _text(data["event"]),
        _value(data["before"]),
        _value(data["after"]),
        tuple(_text(each) for each in data["bookings"]),
        reason=_text(data["reason"]),
    )


def _value_json(value: Value | None) -> dict[str, str] | None:
    if value is None:
        return None
    start, end = (utc(at).isoformat().replace("+00:00", "Z") for at in (value.start, value.end))
    return {"start": start, "end": end, "status": str(value.status)}


def _value(data: Mapping[str, Any] | None) -> Value | None:
    if data is None:
        return None
    start, end = (datetime.fromisoformat(_text(data[key])) for key in ("start", "end"))
    if start.tzinfo is None or end.tzinfo is None:
        message = "a time has no UTC offset"
        raise ValueError(message)
    return Value(utc(start), utc(end), Status(data["status"]))


def _text(data: object) -> str:
    if not isinstance(data, str):
        message = f"{data!r} is not a string"
        raise TypeError(message)
    return data
