"""Plan the fewest list calls that read the wanted calendars of a v2 location, without I/O.

What one list call covers (docs/platforms/leadconnector-v2.md):

- A call has one selector and reads one of two lists: appointments or blocks.
- A call by calendar covers that calendar; a call by group covers each calendar of the group.
- A call by user covers that user's own blocks, which no other selector shows. It is not known
  whether such a call shows all meetings of the user, so it is used for meetings only if no calendar
  of the user is known.
- No limit of the window is known, and 130 years were accepted, so a window is never split.

Only calendars of type ``event`` have blocks of their own. For a provider without a user, the blocks
of each calendar are read, whatever its type.
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
"""The two lists; each shows only its own kind.

See docs/platforms/leadconnector-v2.md#reading-events.
"""

LIST_LOOK_BACK = timedelta(hours=24)
"""Requested before the window, but not covered: the platform filters by start (#reading-events)."""


def plan(
    calendars: Mapping[str, CalendarMapping],
    directory: Mapping[str, Calendar],
    resources: Mapping[str, Resource],
    window: Window,
) -> tuple[ListCall, ...]:
    """Plan the list calls that read these providers in a window.

    ``resources`` are the resources by the provider that is mapped to each. If ``directory`` shows
    no groups, the plan only has more calls.
    """
    needed: dict[Scope, set[str]] = defaultdict(set)
    for provider, scope in _needed_scopes(calendars, directory, resources):
        needed[scope].add(provider)
    scope_counts = Counter(_widest_scope(scope, directory) for scope in needed)
    planned: dict[Scope, set[str]] = defaultdict(set)
    for scope, providers in needed.items():
        group_scope = _widest_scope(scope, directory)
        # A single wanted calendar of a group is read alone: fewer rows, and no more calls.
        planned[group_scope if scope_counts[group_scope] > 1 else scope] |= providers
    span = Window(window.start - LIST_LOOK_BACK, window.end)
    return tuple(
        ListCall(
            f"GET {LISTS[kind]}", frozenset({kind}), selector, (id,), frozenset(providers), span
        )
        for (kind, selector, id), providers in planned.items()
    )


def _needed_scopes(
    calendars: Mapping[str, CalendarMapping],
    directory: Mapping[str, Calendar],
    resources: Mapping[str, Resource],
) -> Iterator[tuple[str, Scope]]:
    """Yield what each provider needs, calendar by calendar and user by user."""
    for provider, resource in resources.items():
        for calendar in resource.calendars:
            yield provider, (Kind.APPOINTMENT, "calendarId", calendar)
    for provider, mapping in calendars.items():
        calendar_ids = booked_on(mapping, directory)
        for calendar in calendar_ids:
            yield provider, (Kind.APPOINTMENT, "calendarId", calendar)
            known = directory.get(calendar)
            if mapping.user is None or (known is not None and known.type == EVENT_TYPE):
                yield provider, (Kind.BLOCK, "calendarId", calendar)
        if mapping.user is not None:
            yield provider, (Kind.BLOCK, "userId", mapping.user)
            if not calendar_ids:
                yield provider, (Kind.APPOINTMENT, "userId", mapping.user)


def _widest_scope(scope: Scope, directory: Mapping[str, Calendar]) -> Scope:
    """Return the scope of the calendar's group, which covers it; otherwise the scope itself."""
    kind, selector, id = scope
    known = directory.get(id) if selector == "calendarId" else None
    return (kind, "groupId", known.group) if known is not None and known.group else scope
