"""Which list calls read all wanted calendars: pure, and as few as the platform allows.

One call takes one selector: a group, a calendar or a user (leadconnector-v2.md 0.3). Blocks are a
list of their own (0.4), and a user's blocks are found by the user only.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from syncd.model import Kind
from syncd.systems.leadconnector.directory import EVENT, booked_on

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.systems.leadconnector.account import CalendarOf
    from syncd.systems.leadconnector.directory import Calendar
    from syncd.systems.leadconnector.resources import Resource

Selector = Literal["groupId", "calendarId", "userId"]


@dataclass(frozen=True, slots=True)
class Call:
    """One list call, and the providers whose coverage hangs on it."""

    kind: Kind
    selector: Selector
    id: str
    providers: frozenset[str]


def plan_calls(
    calendars: Mapping[str, CalendarOf],
    directory: Mapping[str, Calendar],
    resources: Mapping[str, Resource] | None = None,
) -> tuple[Call, ...]:
    """Plan the reading of these providers; a directory that knows no groups only costs calls.

    ``resources`` are those of the providers that are one, by provider.
    """
    meetings: dict[str, set[str]] = defaultdict(set)
    blocked: dict[str, set[str]] = defaultdict(set)
    by_user: list[Call] = []
    for provider, resource in (resources or {}).items():
        for calendar in resource.calendars:
            meetings[calendar].add(provider)
    for provider, of in calendars.items():
        seats = booked_on(of, directory)
        for calendar in seats:
            meetings[calendar].add(provider)
            known = directory.get(calendar)
            if of.user is None or (known is not None and known.type == EVENT):
                blocked[calendar].add(provider)
        if of.user is not None:
            alone = frozenset({provider})
            if not seats:
                by_user.append(Call(Kind.APPOINTMENT, "userId", of.user, alone))
            by_user.append(Call(Kind.BLOCK, "userId", of.user, alone))
    return (
        *_by_calendar(Kind.APPOINTMENT, meetings, directory),
        *_by_calendar(Kind.BLOCK, blocked, directory),
        *by_user,
    )


def _by_calendar(
    kind: Kind, wanted: Mapping[str, set[str]], directory: Mapping[str, Calendar]
) -> list[Call]:
    """Read two or more calendars of a group by their group, all others one by one."""
    groups: dict[str, list[str]] = defaultdict(list)
    for calendar in wanted:
        known = directory.get(calendar)
        groups[known.group if known is not None else ""].append(calendar)
    calls = []
    for group, members in groups.items():
        if group and len(members) > 1:
            providers = frozenset[str]().union(*(wanted[member] for member in members))
            calls.append(Call(kind, "groupId", group, providers))
        else:
            calls += [Call(kind, "calendarId", m, frozenset(wanted[m])) for m in members]
    return calls
