"""Plan the fewest list calls that read the users of a LeadSquared account. Pure; no I/O.

One call takes any number of users and a range of dates without times, at most 100 days
(docs/platforms/leadsquared.md#listing-appointments). The time zone of the dates is not documented,
so a day may begin 14 hours earlier or later than in UTC. It is not documented either whether
appointments are listed that began before the first day. So a call proves all requested days
complete except the first two and the last one, counted in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from syncd.model import Kind, Window
from syncd.model.intervals import slice_window
from syncd.systems.port import ListCall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.systems.leadsquared.account import CalendarMapping

LIST = "Task.svc/RetrieveAppointments/ByUserEmailAddress"

MARGIN_BEFORE, MARGIN_AFTER = timedelta(days=2), timedelta(days=1)
"""Time that is requested in addition to the window, before and after it."""

MAX_SPAN = timedelta(days=99) - MARGIN_BEFORE - MARGIN_AFTER
"""The longest window of one call; its dates are 99 days apart, which is 100 days inclusive."""


def plan(calendars: Mapping[str, CalendarMapping], window: Window) -> tuple[ListCall, ...]:
    """Return the list calls that read these providers in a window."""
    if not calendars:
        return ()
    users = tuple(dict.fromkeys(calendar.user for calendar in calendars.values()))
    return tuple(
        ListCall(
            f"POST {LIST}",
            frozenset(Kind),
            "Users",
            users,
            frozenset(calendars),
            Window(piece.start - MARGIN_BEFORE, piece.end + MARGIN_AFTER),
        )
        for piece in slice_window(_whole_days(window), MAX_SPAN)
    )


def covered_window(span: Window) -> Window:
    """Return the window that a call with this span proves complete."""
    return Window(span.start + MARGIN_BEFORE, span.end - MARGIN_AFTER)


def _whole_days(window: Window) -> Window:
    """Extend a window to whole UTC days."""
    last = _midnight(window.end)
    return Window(_midnight(window.start), last if last == window.end else last + timedelta(days=1))


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.astimezone(UTC).date(), time(), tzinfo=UTC)
