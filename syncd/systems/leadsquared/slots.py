"""LeadSquared's free slots as windows (docs/platforms/leadsquared.md#free-slots)."""

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
"""The fact `slot_names`, where slots are understood."""
_OF_USER = frozenset({"UserId", "EmailAddress", "UserTimeZone", "NoSlotsReason"})
_MISSING = object()
_NAME = re.compile(r"[A-Za-z_]\w{0,39}", re.ASCII)
_FEW = 6

_WIDER = timedelta(days=2)

MAX_SPAN = timedelta(days=96)
"""One call's window before it is widened by two days on each side; the platform's limit is 100 days
(docs/platforms/leadsquared.md#free-slots)."""


def asked_days(window: Window) -> tuple[date, date]:
    """The bare dates, in UTC, that surely enclose the window in whatever zone they are meant."""
    return ((window.start - _WIDER).date(), (window.end + _WIDER).date())


class SlotsNotUnderstoodError(ValueError):
    """The answer holds slots, or may hold them, under names that are not known."""


def offered(answers: Iterable[Days], address: str, window: Window) -> list[Offer]:
    """One user's free spans, cut to a window, in order, each once; odd ones are skipped.

    Raises SlotsNotUnderstoodError with the unknown names where a slot has no name that is known, or
    where no slot at all can be read: such an answer must not count as one that offers nothing.
    """
    found: set[tuple[datetime, datetime]] = set()
    odd: list[str] = []
    for slot, user, day in (each for days in answers for each in _all(days, address, odd)):
        if span := _span(slot, user, day):
            found.add((max(span.start, window.start), min(span.end, window.end)))
        else:
            odd.append("a free slot has no times that can be read")
    if odd and not found:
        raise SlotsNotUnderstoodError(odd[0])
    return [Offer(start, end) for start, end in sorted(found) if start < end]


def _all(days: Days, address: str, odd: list[str]) -> Iterator[tuple[Json, Json, str]]:
    """Each slot with its user and day; what is none is noted in ``odd``."""
    for day in days.days:
        if not isinstance(day, Day) or not isinstance(day.user_slots, list):
            odd.append("a day of free slots has no UserSlots")
            continue
        for user in day.user_slots:
            if not isinstance(user, dict):
                odd.append("UserSlots holds no objects")
            elif text(user.get("EmailAddress")).casefold() in {"", address}:
                yield from ((slot, user, text(day.date)) for slot in _slots_of(user, odd))


def _slots_of(user: Json, odd: list[str]) -> Iterator[Json]:
    """The slots of one user on one day; a reason for none may stand instead of them."""
    listed = user.get(_SLOTS, _MISSING)
    if listed is None or (listed is _MISSING and text(user.get("NoSlotsReason"))):
        return
    if not isinstance(listed, list):
        odd.append(f"free slots have no {_SLOTS}, but {_names(user.keys() - _OF_USER)}")
        return
    for slot in listed:
        if not isinstance(slot, dict):
            odd.append(f"{_SLOTS} holds no objects")
        elif slot.keys().isdisjoint(_ENDS):
            message = f"a free slot has no {' and '.join(_ENDS)}, but {_names(slot)}"
            raise SlotsNotUnderstoodError(message)
        else:
            yield slot


def _names(keys: Iterable[object]) -> str:
    """The names of fields, for a person; what is no plain name is left out."""
    plain = sorted(key for key in keys if isinstance(key, str) and _NAME.fullmatch(key))
    return ", ".join(plain[:_FEW]) or "no names"


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
    """A slot's end: time of day or full time, a wall clock in the user's zone unless it says."""
    if "-" in written:
        moment = datetime.fromisoformat(written)
    else:
        moment = datetime.combine(datetime.fromisoformat(day).date(), time.fromisoformat(written))
    return utc(moment) if moment.tzinfo else resolve_wall_time(moment, zone_name).instant
