"""Parse LeadSquared's free slots (docs/platforms/leadsquared.md#free-slots)."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from syncd.model import Offer, Window, resolve_wall_time, utc
from syncd.systems.leadsquared.wire import Day
from syncd.systems.lenient import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from syncd.systems.leadsquared.wire import Days

Json = dict[str, Any]

_SLOTS = "AvailableSlots"
_ENDS = ("StartTime", "EndTime")
NAMES = "/".join(_ENDS)
"""The value of the fact `slot_names` if slots can be read."""

_USER_FIELDS = frozenset({"UserId", "EmailAddress", "UserTimeZone", "NoSlotsReason"})
_MISSING = object()
_NAME = re.compile(r"[A-Za-z_]\w{0,39}", re.ASCII)
_MAX_NAMES = 6

_MARGIN = timedelta(days=2)

MAX_SPAN = timedelta(days=96)
"""The longest window of one call, before it is widened by two days on each side. The platform
allows 100 days (docs/platforms/leadsquared.md#free-slots)."""


def requested_dates(window: Window) -> tuple[date, date]:
    """Return the first and last date to request: they enclose the window in any time zone."""
    return ((window.start - _MARGIN).date(), (window.end + _MARGIN).date())


class UnknownSlotFormatError(ValueError):
    """The response contains, or may contain, slots under unknown field names."""


def offered_slots(responses: Iterable[Days], address: str, window: Window) -> list[Offer]:
    """Return one user's free slots, cut to a window, in order, without duplicates.

    ``address`` is the user's e-mail address. Unreadable slots are skipped. Raises
    UnknownSlotFormatError if a slot has none of the known fields, or if no slot at all can be read:
    such a response must not count as "nothing is free".
    """
    spans: set[tuple[datetime, datetime]] = set()
    problems: list[str] = []
    for slot, user, day in (each for days in responses for each in _slots(days, address, problems)):
        if span := _span(slot, user, day):
            spans.add((max(span.start, window.start), min(span.end, window.end)))
        else:
            problems.append("a free slot has no readable times")
    if problems and not spans:
        raise UnknownSlotFormatError(problems[0])
    return [Offer(start, end) for start, end in sorted(spans) if start < end]


def _slots(days: Days, address: str, problems: list[str]) -> Iterator[tuple[Json, Json, str]]:
    """Yield each slot with its user and day; add other values to ``problems``."""
    for day in days.days:
        if not isinstance(day, Day) or not isinstance(day.user_slots, list):
            problems.append("a day of free slots has no UserSlots")
            continue
        for user in day.user_slots:
            if not isinstance(user, dict):
                problems.append("UserSlots contains values that are not objects")
            elif text(user.get("EmailAddress")).casefold() in {"", address}:
                yield from ((slot, user, text(day.date)) for slot in _slots_of(user, problems))


def _slots_of(user: Json, problems: list[str]) -> Iterator[Json]:
    """Yield the slots of one user on one day; there may be a reason instead of slots."""
    listed = user.get(_SLOTS, _MISSING)
    if listed is None or (listed is _MISSING and text(user.get("NoSlotsReason"))):
        return
    if not isinstance(listed, list):
        names = _names(user.keys() - _USER_FIELDS)
        problems.append(f"the free slots of a user have no {_SLOTS}; their fields are: {names}")
        return
    for slot in listed:
        if not isinstance(slot, dict):
            problems.append(f"{_SLOTS} contains values that are not objects")
        elif slot.keys().isdisjoint(_ENDS):
            message = f"a free slot has no {' and '.join(_ENDS)}; its fields are: {_names(slot)}"
            raise UnknownSlotFormatError(message)
        else:
            yield slot


def _names(keys: Iterable[object]) -> str:
    """Return field names for a message; unusual names are omitted."""
    plain = sorted(key for key in keys if isinstance(key, str) and _NAME.fullmatch(key))
    return ", ".join(plain[:_MAX_NAMES]) or "unknown"


def _span(slot: Json, user: Json, day: str) -> Window | None:
    zone_name = text(user.get("UserTimeZone")) or "UTC"
    try:
        return Window(
            _moment(text(slot.get("StartTime")), day, zone_name),
            _moment(text(slot.get("EndTime")), day, zone_name),
        )
    except ValueError:
        return None


def _moment(written: str, day: str, zone_name: str) -> datetime:
    """Parse a full time or a time of day, in the user's time zone unless the time names one."""
    if "-" in written:
        moment = datetime.fromisoformat(written)
    else:
        moment = datetime.combine(datetime.fromisoformat(day).date(), time.fromisoformat(written))
    return utc(moment) if moment.tzinfo else resolve_wall_time(moment, zone_name).instant
