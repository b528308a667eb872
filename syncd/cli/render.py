"""Format times, values, operations and counts for people and for JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any

from syncd.model import Action, ConflictKind, Operation, Value, in_zone, utc

_NOUNS = {
    Action.CREATE_BLOCK: ("block made", "blocks made"),
    Action.MOVE_BLOCK: ("block moved", "blocks moved"),
    Action.REMOVE_BLOCK: ("block removed", "blocks removed"),
    Action.MOVE_APPOINTMENT: ("appointment moved", "appointments moved"),
    Action.SET_STATUS: ("appointment status set", "appointment statuses set"),
}
_CONFLICTS = {
    ConflictKind.MOVED_APART: "moved to different times",
    ConflictKind.MOVED_AND_CANCELLED: "moved and cancelled",
    ConflictKind.TWIN_DELETED: "deleted in one system",
    ConflictKind.BLOCK_EDITED: "block edited",
    ConflictKind.SLOT_TAKEN: "new time is taken",
    ConflictKind.DOUBLE_BOOKED: "double booking",
    ConflictKind.AMBIGUOUS: "several matches",
    ConflictKind.CANNOT_CANCEL: "cannot be cancelled",
    ConflictKind.QUARANTINED: "write abandoned",
    ConflictKind.GUARD: "stopped by the guard",
}
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}Z")


def conflict(kind: ConflictKind) -> str:
    """Return the kind of a conflict as text."""
    return _CONFLICTS[kind]


def moment(instant: datetime, zone: tzinfo) -> str:
    """Format an instant as wall time in a time zone: ``Mon 23 Nov 10:00``."""
    return in_zone(instant, zone).strftime("%a %d %b %H:%M")


def interval(value: Value, zone: tzinfo) -> str:
    """Format an interval as ``Mon 23 Nov 10:00-11:00``; the end has a date if the day differs."""
    start, end = in_zone(value.start, zone), in_zone(value.end, zone)
    until = end.strftime("%H:%M") if end.date() == start.date() else end.strftime("%a %d %b %H:%M")
    # Across a change of daylight saving time, wall times are ambiguous without their offsets.
    if start.utcoffset() != end.utcoffset():
        return f"{start:%a %d %b %H:%M %z} - {until} {end:%z}"
    return f"{start:%a %d %b %H:%M}-{until}"


def value(value: Value | None, zone: tzinfo) -> str:
    """Format a value as its interval; a status other than confirmed or new is added."""
    if value is None:
        return "absent"
    text = interval(value, zone)
    return text if value.status in {"confirmed", "new"} else f"{text} ({value.status})"


def value_change(before: Value | None, after: Value | None, zone: tzinfo) -> str:
    """Format a change: ``Mon 23 Nov 10:00-11:00 → Mon 23 Nov 12:00-13:00``."""
    if before is None or after is None or before == after:
        return value(after or before, zone) if after or before else ""
    return f"{value(before, zone)} → {value(after, zone)}"


def operation(planned: Operation, zone: tzinfo) -> str:
    """Describe a write in one line, without the name of its system."""
    before = interval(planned.before, zone) if planned.before else "?"
    after = interval(planned.after, zone) if planned.after else "?"
    match planned.action:
        case Action.CREATE_BLOCK:
            return f"block {after}"
        case Action.REMOVE_BLOCK:
            return f"free {before}"
        case Action.MOVE_BLOCK:
            return f"move the block from {before} to {_new_interval(planned, zone)}"
        case Action.MOVE_APPOINTMENT:
            return f"move the appointment from {before} to {_new_interval(planned, zone)}"
        case Action.SET_STATUS:
            status = planned.after.status if planned.after else "?"
            return f"set the appointment at {before} to {status}"


def _new_interval(planned: Operation, zone: tzinfo) -> str:
    """Format the new interval, without the day if that stays the same."""
    if planned.before is None or planned.after is None:
        return "?"
    text = interval(planned.after, zone)
    day, new_day = (in_zone(v.start, zone).date() for v in (planned.before, planned.after))
    return text.split(" ", 3)[3] if day == new_day and text.count(" ") == 3 else text  # noqa: PLR2004


def local_times(text: str, zone: tzinfo) -> str:
    """Replace each UTC time in a text (``at 2026-11-23T09:00Z``) by wall time in a time zone."""
    return _INSTANT.sub(lambda match: moment(datetime.fromisoformat(match[0]), zone), text)


def ago(instant: datetime, now: datetime) -> str:
    """Format the time since an instant: ``12 s ago``."""
    return f"{duration(now - instant)} ago"


def duration(length: timedelta) -> str:
    """Format a length of time in its largest fitting unit: ``0 s``, ``12 s``, ``3 days``."""
    if length < timedelta(minutes=2):
        return f"{max(0, length.seconds if length.days >= 0 else 0)} s"
    if length < timedelta(hours=2):
        return f"{length // timedelta(minutes=1)} min"
    if length < timedelta(days=2):
        return f"{length // timedelta(hours=1)} h"
    return f"{length.days} days"


def count(number: int, noun: str, nouns: str | None = None) -> str:
    """Format a number with its noun; the plural is noun + s by default."""
    return f"{number} {noun if number == 1 else nouns or noun + 's'}"


def writes(operations: Mapping[str, int]) -> str:
    """Format the numbers of writes by kind: ``2 blocks made, 1 block moved``; '' for none."""
    return ", ".join(count(n, *_NOUNS[Action(name)]) for name, n in operations.items() if n)


def value_json(value: Value | None) -> dict[str, Any] | None:
    """Return a value as JSON; times are UTC."""
    if value is None:
        return None
    return {
        "start": instant_json(value.start),
        "end": instant_json(value.end),
        "status": str(value.status),
    }


def instant_json(instant: datetime | None) -> str | None:
    """Return an instant as JSON: ISO 8601 in UTC."""
    return None if instant is None else utc(instant).isoformat().replace("+00:00", "Z")
