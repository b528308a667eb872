"""LeadSquared's free slots as windows (leadsquared.md 3; inner names are cut off there)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from syncd.model import Offer, Window, resolve_wall_time, utc
from syncd.systems.leadsquared.wire import Day, Slot, UserSlots
from syncd.systems.loose import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from syncd.systems.leadsquared.wire import Days

_WIDER = timedelta(days=2)

LONGEST = timedelta(days=96)
"""One call's window before it is widened by two days on each side; the platform's limit is 100 days
(leadsquared.md 3)."""


def asked_days(window: Window) -> tuple[date, date]:
    """The bare dates, in UTC, that surely enclose the window in whatever zone they are meant."""
    return ((window.start - _WIDER).date(), (window.end + _WIDER).date())


def offered(answers: Iterable[Days], address: str, window: Window) -> list[Offer]:
    """One user's free spans, cut to a window, in order, each once; odd ones are skipped."""
    found = {
        (max(slot.start, window.start), min(slot.end, window.end))
        for days in answers
        for slot in _all(days, address)
    }
    return [Offer(start, end) for start, end in sorted(found) if start < end]


def _all(days: Days, address: str) -> Iterator[Window]:
    for day in days.days:
        users = day.user_slots if isinstance(day, Day) else None
        for user in users or ():
            if not isinstance(user, UserSlots) or not isinstance(day, Day):
                continue
            if text(user.email_address).casefold() not in {"", address}:
                continue
            for slot in user.available_slots or ():
                if isinstance(slot, Slot) and (span := _span(slot, user, text(day.date))):
                    yield span


def _span(slot: Slot, user: UserSlots, day: str) -> Window | None:
    zone_name = text(user.user_time_zone) or "UTC"
    try:
        return Window(
            _moment(text(slot.start_time), day, zone_name),
            _moment(text(slot.end_time), day, zone_name),
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
