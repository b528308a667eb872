"""Which list calls read all wanted users of a LeadSquared account: pure, and as few as can be.

What one call proves (docs/platforms/leadsquared.md#listing-appointments): it takes any number of
users, and bare dates of at most 100 days. Whose midnight a date means is not documented, and it may
be any zone's, 14 hours off; nor whether an appointment is listed that began before. So of the days
asked for, all but the first two and the last one are proven, counted in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from syncd.model import Kind, Window
from syncd.systems.port import ListCall
from syncd.systems.windows import slice_window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.systems.leadsquared.account import CalendarMapping

LIST = "Task.svc/RetrieveAppointments/ByUserEmailAddress"

BEFORE, AFTER = timedelta(days=2), timedelta(days=1)
"""Asked beyond the window on each side."""

MAX_SPAN = timedelta(days=99) - BEFORE - AFTER
"""One call's piece of the window; its dates are 99 apart, which are 100 days with both ends."""


def plan(calendars: Mapping[str, CalendarMapping], window: Window) -> tuple[ListCall, ...]:
    """Plan the reading of these providers."""
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
            Window(piece.start - BEFORE, piece.end + AFTER),
        )
        for piece in slice_window(_whole_days(window), MAX_SPAN)
    )


def covered_window(span: Window) -> Window:
    """The time of which a call that asks for this span proves everything."""
    return Window(span.start + BEFORE, span.end - AFTER)


def _whole_days(window: Window) -> Window:
    """The window, and what it lacks of its first and last day in UTC."""
    last = _midnight(window.end)
    return Window(_midnight(window.start), last if last == window.end else last + timedelta(days=1))


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.astimezone(UTC).date(), time(), tzinfo=UTC)
