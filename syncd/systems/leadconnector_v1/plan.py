"""Plan the fewest list calls that read the wanted calendars of a v1 location, without I/O.

What one list call covers (docs/platforms/leadconnector-v1.md#listing-appointments):

- A call by user covers that user's appointments and blocks. No other call certainly shows the
  blocks: the list of a team would read all members with one call, but may lack the blocks of a
  user, and a block that is not seen leaves its time bookable.
- A call by calendar covers that calendar. A call by team covers the team, and each calendar that
  both the configuration and the location assign to the team; a calendar with two configured teams
  counts as having none.
- Known clients request a year per call; no longer window was seen.

An event belongs to a provider by user; by calendar if no user is configured; by team if neither is
configured (`CalendarMapping`). So each provider needs the list of that id.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model import Kind, Window
from syncd.model.intervals import slice_window
from syncd.systems.port import ListCall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.systems.leadconnector_v1.account import CalendarMapping

    Scope = tuple[str, str]

LIST = "appointments/"

MARGIN = timedelta(days=1)
"""Margin on each side of a window: it is unknown whether lists filter by start or by overlap."""

MAX_SPAN = timedelta(days=365) - 2 * MARGIN
"""The longest window of one call: no limit is documented, and known clients request a year.

See docs/platforms/leadconnector-v1.md#listing-appointments.
"""


def plan(
    calendars: Mapping[str, CalendarMapping], listed_teams: Mapping[str, str], window: Window
) -> tuple[ListCall, ...]:
    """Plan the list calls that read these providers in a window.

    ``listed_teams`` is the team of each calendar as the location shows it now.
    """
    needed: dict[Scope, set[str]] = defaultdict(set)
    for provider, mapping in calendars.items():
        needed[_scope(mapping)].add(provider)
    teams = dict(team_calendars(calendars).items() & listed_teams.items())
    team_scopes = {scope: _widest_scope(scope, teams) for scope in needed}
    scope_counts = Counter(team_scopes.values())
    planned: dict[Scope, set[str]] = defaultdict(set)
    for scope, providers in needed.items():
        # A single wanted calendar of a team is read alone: fewer rows, and no more calls.
        planned[team_scopes[scope] if scope_counts[team_scopes[scope]] > 1 else scope] |= providers
    return tuple(
        ListCall(
            f"GET {LIST}",
            frozenset(Kind),
            selector,
            (id,),
            frozenset(providers),
            Window(piece.start - MARGIN, piece.end + MARGIN),
        )
        for (selector, id), providers in planned.items()
        for piece in slice_window(window, MAX_SPAN)
    )


def covered_window(span: Window) -> Window:
    """Return the window that a call with this span covers."""
    return Window(span.start + MARGIN, span.end - MARGIN)


def _scope(mapping: CalendarMapping) -> Scope:
    if mapping.user:
        return ("userId", mapping.user)
    if mapping.calendar:
        return ("calendarId", mapping.calendar)
    return ("teamId", mapping.team or "")


def team_calendars(calendars: Mapping[str, CalendarMapping]) -> dict[str, str]:
    """Return the team of each calendar with exactly one configured team."""
    teams_of: dict[str, set[str]] = defaultdict(set)
    for mapping in calendars.values():
        if mapping.calendar and mapping.team:
            teams_of[mapping.calendar].add(mapping.team)
    return {calendar: next(iter(teams)) for calendar, teams in teams_of.items() if len(teams) == 1}


def _widest_scope(scope: Scope, teams: Mapping[str, str]) -> Scope:
    """Return the scope of the calendar's team, if it is known; otherwise the scope itself."""
    selector, id = scope
    return ("teamId", teams[id]) if selector == "calendarId" and id in teams else scope
