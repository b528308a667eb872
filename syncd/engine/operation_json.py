"""A planned write as JSON, for plan files and for what a daemon tells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from syncd.model import Action, Kind, Operation, Status, Value, utc


def operation_json(wanted: Operation) -> dict[str, Any]:
    """Return a planned or made write as JSON: its keys are stable, times are UTC."""
    return {
        "action": str(wanted.action),
        "system": wanted.system,
        "provider": wanted.provider,
        "kind": str(wanted.kind),
        "event": wanted.event,
        "before": _value_json(wanted.before),
        "after": _value_json(wanted.after),
        "bookings": list(wanted.bookings),
        "reason": wanted.reason,
    }


def operation_from(told: Mapping[str, Any]) -> Operation:
    """Read a planned write. Raises ValueError, KeyError or TypeError where it is none."""
    return Operation(
        Action(told["action"]),
        _text(told["system"]),
        _text(told["provider"]),
        Kind(told["kind"]),
        None if told["event"] is None else _text(told["event"]),
        _value(told["before"]),
        _value(told["after"]),
        tuple(_text(each) for each in told["bookings"]),
        reason=_text(told["reason"]),
    )


def _value_json(value: Value | None) -> dict[str, str] | None:
    if value is None:
        return None
    start, end = (utc(at).isoformat().replace("+00:00", "Z") for at in (value.start, value.end))
    return {"start": start, "end": end, "status": str(value.status)}


def _value(told: Mapping[str, Any] | None) -> Value | None:
    if told is None:
        return None
    start, end = (datetime.fromisoformat(_text(told[key])) for key in ("start", "end"))
    if start.tzinfo is None or end.tzinfo is None:
        message = "a time has no offset"
        raise ValueError(message)
    return Value(utc(start), utc(end), Status(told["status"]))


def _text(told: object) -> str:
    if not isinstance(told, str):
        message = f"{told!r} is no text"
        raise TypeError(message)
    return told
