"""Which list calls read all wanted calendars of a v1 location: pure, and as few as can be.

What one call proves (docs/platforms/leadconnector-v1.md#listing-appointments):

- By user, it proves that user's appointments and blocks, which no other filter surely shows: a
  team's list would read all its members at once, but whether it shows the blocks that belong to a
  user is not known, and a block that is not seen is an open hour.
- By calendar, it proves that calendar. By team, it proves the team and each calendar that both the
  configuration and the location say is the team's; of two teams neither is believed.
- Clients ask for a year at a time; more was not seen.

The user decides whose an event is; the calendar where no user is named; the team only where neither
is (`CalendarMapping`). So that is what a provider needs to have read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model import Kind, Window
from syncd.systems.port import ListCall
from syncd.systems.windows import slice_window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.systems.leadconnector_v1.account import CalendarMapping

    Scope = tuple[str, str]

LIST = "appointments/"

WIDER = timedelta(days=1)
"""Asked beyond the window on each side: whether the list goes by start or by overlap is unknown."""

MAX_SPAN = timedelta(days=365) - 2 * WIDER
"""One call's piece of the window: no limit is documented, and clients ask for a year.

See docs/platforms/leadconnector-v1.md#listing-appointments.
"""


def plan(
    calendars: Mapping[str, CalendarMapping], shown: Mapping[str, str], window: Window
) -> tuple[ListCall, ...]:
    """Plan the reading of these providers.

    ``shown`` is the team of each calendar as the location shows it by now.
    """
    finest: dict[Scope, set[str]] = defaultdict(set)
    for provider, calendar in calendars.items():
        finest[_scope(calendar)].add(provider)
    teams = dict(team_calendars(calendars).items() & shown.items())
    whole = {scope: _by_team(scope, teams) for scope in finest}
    together = Counter(whole.values())
    fewest: dict[Scope, set[str]] = defaultdict(set)
    for scope, providers in finest.items():
        # The only wanted calendar of a team is asked for alone: fewer rows, and no more calls.
        fewest[whole[scope] if together[whole[scope]] > 1 else scope] |= providers
    return tuple(
        ListCall(
            f"GET {LIST}",
            frozenset(Kind),
            selector,
            (id,),
            frozenset(providers),
            Window(piece.start - WIDER, piece.end + WIDER),
        )
        for (selector, id), providers in fewest.items()
        for piece in slice_window(window, MAX_SPAN)
    )


def covered_window(span: Window) -> Window:
    """The time of which a call that asks for this span proves everything."""
    return Window(span.start + WIDER, span.end - WIDER)


def _scope(calendar: CalendarMapping) -> Scope:
    if calendar.user:
        return ("userId", calendar.user)
    if calendar.calendar:
        return ("calendarId", calendar.calendar)
    return ("teamId", calendar.team or "")


def team_calendars(calendars: Mapping[str, CalendarMapping]) -> dict[str, str]:
    """The team of each calendar, as far as exactly one is told."""
    told: dict[str, set[str]] = defaultdict(set)
    for calendar in calendars.values():
        if calendar.calendar and calendar.team:
            told[calendar.calendar].add(calendar.team)
    return {calendar: next(iter(teams)) for calendar, teams in told.items() if len(teams) == 1}


def _by_team(scope: Scope, teams: Mapping[str, str]) -> Scope:
    """The widest filter that proves the same: the calendar's team, if it is known."""
    selector, id = scope
    return ("teamId", teams[id]) if selector == "calendarId" and id in teams else scope
