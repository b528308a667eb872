"""Times and operations in the words that a person reads."""

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
    ConflictKind.SLOT_TAKEN: "time taken",
    ConflictKind.DOUBLE_BOOKED: "double booking",
    ConflictKind.AMBIGUOUS: "several matches",
    ConflictKind.CANNOT_CANCEL: "cannot be cancelled",
    ConflictKind.QUARANTINED: "write given up",
    ConflictKind.GUARD: "stopped by the guard",
}
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}Z")


def conflict(kind: ConflictKind) -> str:
    """Return the kind of a conflict in plain words."""
    return _CONFLICTS[kind]


def moment(instant: datetime, zone: tzinfo) -> str:
    """A point in time: ``Mon 23 Nov 10:00``."""
    return in_zone(instant, zone).strftime("%a %d %b %H:%M")


def interval(value: Value, zone: tzinfo) -> str:
    """An interval: ``Mon 23 Nov 10:00-11:00``; the day is named again where it changes."""
    start, end = in_zone(value.start, zone), in_zone(value.end, zone)
    until = end.strftime("%H:%M") if end.date() == start.date() else end.strftime("%a %d %b %H:%M")
    # A meeting across the change of the clocks needs its offsets to be understood.
    if start.utcoffset() != end.utcoffset():
        return f"{start:%a %d %b %H:%M %z} - {end:%H:%M %z}"
    return f"{start:%a %d %b %H:%M}-{until}"


def value(value: Value | None, zone: tzinfo) -> str:
    """An interval, with its status where that is not the usual one."""
    if value is None:
        return "not there"
    text = interval(value, zone)
    return text if value.status in {"confirmed", "new"} else f"{text} ({value.status})"


def change(before: Value | None, after: Value | None, zone: tzinfo) -> str:
    """What a value was and is: ``Mon 23 Nov 10:00-11:00 → Mon 23 Nov 12:00-13:00``."""
    if before is None or after is None or before == after:
        return value(after or before, zone) if after or before else ""
    return f"{value(before, zone)} → {value(after, zone)}"


def operation(wanted: Operation, zone: tzinfo) -> str:
    """What a write does, without the system."""
    before = interval(wanted.before, zone) if wanted.before else "?"
    after = interval(wanted.after, zone) if wanted.after else "?"
    match wanted.action:
        case Action.CREATE_BLOCK:
            return f"block {after}"
        case Action.REMOVE_BLOCK:
            return f"free {before}"
        case Action.MOVE_BLOCK:
            return f"move the block of {before} to {_shorter(wanted, zone)}"
        case Action.MOVE_APPOINTMENT:
            return f"move the appointment of {before} to {_shorter(wanted, zone)}"
        case Action.SET_STATUS:
            status = wanted.after.status if wanted.after else "?"
            return f"set the appointment of {before} to {status}"


def _shorter(wanted: Operation, zone: tzinfo) -> str:
    """The new interval, without the day where that stays."""
    if wanted.before is None or wanted.after is None:
        return "?"
    text = interval(wanted.after, zone)
    day, new_day = (in_zone(v.start, zone).date() for v in (wanted.before, wanted.after))
    return text.split(" ", 3)[3] if day == new_day and text.count(" ") == 3 else text  # noqa: PLR2004


def local(text: str, zone: tzinfo) -> str:
    """A rule or an answer with the time in it (``at 2026-11-23T09:00Z``) on the zone's clock."""
    return _INSTANT.sub(lambda found: moment(datetime.fromisoformat(found[0]), zone), text)


def ago(instant: datetime, now: datetime) -> str:
    """How long since: ``12 s ago``."""
    return f"{duration(now - instant)} ago"


def duration(passed: timedelta) -> str:
    """A length of time in its largest fitting unit: ``12 s``, ``3 days``; less than none is 0."""
    if passed < timedelta(minutes=2):
        return f"{max(0, passed.seconds if passed.days >= 0 else 0)} s"
    if passed < timedelta(hours=2):
        return f"{passed // timedelta(minutes=1)} min"
    if passed < timedelta(days=2):
        return f"{passed // timedelta(hours=1)} h"
    return f"{passed.days} days"


def count(number: int, noun: str, nouns: str | None = None) -> str:
    """A number and its noun."""
    return f"{number} {noun if number == 1 else nouns or noun + 's'}"


def writes(operations: Mapping[str, int]) -> str:
    """How many writes of each kind were made: ``2 blocks made, 1 block moved``; empty if none."""
    return ", ".join(count(n, *_NOUNS[Action(name)]) for name, n in operations.items() if n)


def value_json(value: Value | None) -> dict[str, Any] | None:
    """A value as JSON; times are UTC."""
    if value is None:
        return None
    return {
        "start": instant_json(value.start),
        "end": instant_json(value.end),
        "status": str(value.status),
    }


def instant_json(instant: datetime | None) -> str | None:
    """An instant as JSON: ISO 8601, UTC."""
    return None if instant is None else utc(instant).isoformat().replace("+00:00", "Z")
