"""Parse the free slots of LeadConnector, v2 and v1, in each shape that was seen.

Usually the response maps dates to slots: ``{"2026-03-02": {"slots": [...]}}``. But a day may be a
plain list, all days may be nested one level deeper, and all slots may come in one list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DAY_WRAPPERS = ("_dates_", "dates")
"""Fields that hold the days, where these are not at the top of the response."""

_SLOTS = ("slots", "freeSlots", "availableSlots")
_START = ("startTime", "start", "slot", "time")
_MAX_NAMES = 5


def slot_starts(response: object) -> list[object]:
    """Return the start of each slot in a response, as sent.

    Unknown keys are ignored if there are known days beside them. Raises ValueError with the unknown
    keys if the response is not empty, but contains neither a day nor a list of slots.
    """
    starts = list(_starts(response))
    if not starts and (unknown := _unknown_keys(response)):
        names = ", ".join(sorted(unknown)[:_MAX_NAMES])
        message = f"the response contains no free slots, only: {names}"
        raise ValueError(message)
    return starts


def _starts(response: object) -> Iterator[object]:
    match response:
        case list():
            yield from _listed(response)
        case dict():
            for key, value in response.items():
                if _DAY.fullmatch(key) or key in _SLOTS:
                    inside = _slots_of(value) if isinstance(value, dict) else value
                    yield from _listed(inside)
                elif key in DAY_WRAPPERS:
                    yield from _starts(value)


def _slots_of(day: Mapping[str, object]) -> object:
    return next((day[key] for key in _SLOTS if key in day), None)


def _listed(slots: object) -> Iterator[object]:
    """Yield the starts of a list of slots; each slot is a time, or an object with one."""
    for slot in slots if isinstance(slots, list) else ():
        if isinstance(slot, dict):
            yield next((slot[key] for key in _START if key in slot), None)
        else:
            yield slot


def _unknown_keys(response: object) -> list[str]:
    """Return the keys of a response that may be days under another name."""
    if isinstance(response, list):
        return []
    if not isinstance(response, dict):
        return [type(response).__name__]
    known = {*DAY_WRAPPERS, *_SLOTS}
    return [
        key
        for key, value in response.items()
        if isinstance(value, dict | list) and value and not _DAY.fullmatch(key) and key not in known
    ]
