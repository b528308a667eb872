"""The free slots of LeadConnector, v2 and v1, in each shape in which they were seen.

Usually days by their dates, each with its slots: ``{"2026-03-02": {"slots": [...]}}``. But a day
may be a bare list, all days may lie one level deeper, and all slots may come in one list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_AROUND = ("_dates_", "dates")
_SLOTS = ("slots", "freeSlots", "availableSlots")
_START = ("startTime", "start", "slot", "time")
_MOST_NAMES = 5


def starts(answer: object) -> list[object]:
    """Return when each slot starts, as sent.

    Keys that are not known spoil nothing beside days that are. Raises ValueError, with the names of
    the keys, for an answer that holds something, and no day or list of slots.
    """
    found = list(_starts(answer))
    if not found and (strange := _strange(answer)):
        names = ", ".join(sorted(strange)[:_MOST_NAMES])
        message = f"no free slots in what came: {names}"
        raise ValueError(message)
    return found


def _starts(answer: object) -> Iterator[object]:
    match answer:
        case list():
            yield from _listed(answer)
        case dict():
            for key, value in answer.items():
                if _DAY.fullmatch(key) or key in _SLOTS:
                    inside = _slots_of(value) if isinstance(value, dict) else value
                    yield from _listed(inside)
                elif key in _AROUND:
                    yield from _starts(value)


def _slots_of(day: Mapping[str, object]) -> object:
    return next((day[key] for key in _SLOTS if key in day), None)


def _listed(slots: object) -> Iterator[object]:
    """Take the starts of a list of slots: each is a time, or an object that holds one."""
    for slot in slots if isinstance(slots, list) else ():
        if isinstance(slot, dict):
            yield next((slot[key] for key in _START if key in slot), None)
        else:
            yield slot


def _strange(answer: object) -> list[str]:
    """Name the keys of an answer without slots that may be days under another name."""
    if isinstance(answer, list):
        return []
    if not isinstance(answer, dict):
        return [type(answer).__name__]
    known = {*_AROUND, *_SLOTS}
    return [
        key
        for key, value in answer.items()
        if isinstance(value, dict | list) and value and not _DAY.fullmatch(key) and key not in known
    ]
