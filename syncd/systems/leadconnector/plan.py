"""Which list calls read all wanted calendars of a v2 location: pure, and as few as can be.

What one call proves (docs/platforms/leadconnector-v2.md):

- It takes one selector, and reads one of two lists: appointments, or blocks.
- By calendar, it proves that calendar. By group, it proves each calendar of the group.
- By user, it proves that user's own blocks, which no other selector shows. Whether it shows all
  meetings of the user is not known, so it is asked for meetings only where no calendar is known.
- No limit of its time is known; 130 years were answered. So a window is never cut.

A calendar's own blocks exist on calendars of type ``event`` only; where a provider has no user, the
blocks of each of its calendars are read, whatever its type.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from syncd.model import Kind, Window
from syncd.systems.leadconnector.directory import EVENT_TYPE, booked_on
from syncd.systems.port import ListCall

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syncd.systems.leadconnector.account import CalendarMapping
    from syncd.systems.leadconnector.directory import Calendar
    from syncd.systems.leadconnector.resources import Resource

    Selector = Literal["groupId", "calendarId", "userId"]
    Scope = tuple[Kind, Selector, str]

LISTS = {Kind.APPOINTMENT: "/calendars/events", Kind.BLOCK: "/calendars/blocked-slots"}
"""The two lists: each shows nothing of the other's.

See docs/platforms/leadconnector-v2.md#reading-events.
"""

LIST_LOOK_BACK = timedelta(hours=24)
"""Asked before the window, and not proven: the platform filters by start (#reading-events)."""


def plan(
    calendars: Mapping[str, CalendarMapping],
    directory: Mapping[str, Calendar],
    resources: Mapping[str, Resource],
    window: Window,
) -> tuple[ListCall, ...]:
    """Plan the reading of these providers; a directory that knows no groups only costs calls.

    ``resources`` are those of the providers that are one, by provider.
    """
    finest: dict[Scope, set[str]] = defaultdict(set)
    for provider, scope in _wanted(calendars, directory, resources):
        finest[scope].add(provider)
    together = Counter(_by_group(scope, directory) for scope in finest)
    fewest: dict[Scope, set[str]] = defaultdict(set)
    for scope, providers in finest.items():
        whole = _by_group(scope, directory)
        # The only wanted calendar of a group is asked for alone: fewer rows, and no more calls.
        fewest[whole if together[whole] > 1 else scope] |= providers
    span = Window(window.start - LIST_LOOK_BACK, window.end)
    return tuple(
        ListCall(
            f"GET {LISTS[kind]}", frozenset({kind}), selector, (id,), frozenset(providers), span
        )
        for (kind, selector, id), providers in fewest.items()
    )


def _wanted(
    calendars: Mapping[str, CalendarMapping],
    directory: Mapping[str, Calendar],
    resources: Mapping[str, Resource],
) -> Iterator[tuple[str, Scope]]:
    """What each provider needs to have read, calendar by calendar and user by user."""
    for provider, resource in resources.items():
        for calendar in resource.calendars:
            yield provider, (Kind.APPOINTMENT, "calendarId", calendar)
    for provider, of in calendars.items():
        seats = booked_on(of, directory)
        for calendar in seats:
            yield provider, (Kind.APPOINTMENT, "calendarId", calendar)
            known = directory.get(calendar)
            if of.user is None or (known is not None and known.type == EVENT_TYPE):
                yield provider, (Kind.BLOCK, "calendarId", calendar)
        if of.user is not None:
            yield provider, (Kind.BLOCK, "userId", of.user)
            if not seats:
                yield provider, (Kind.APPOINTMENT, "userId", of.user)


def _by_group(scope: Scope, directory: Mapping[str, Calendar]) -> Scope:
    """The widest call that proves the same: by the calendar's group, if it has one."""
    kind, selector, id = scope
    known = directory.get(id) if selector == "calendarId" else None
    return (kind, "groupId", known.group) if known is not None and known.group else scope
