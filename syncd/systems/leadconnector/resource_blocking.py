"""Which calendars a room or equipment can close, and by which block: pure.

Only a calendar of type ``event`` can be blocked itself; any other is closed by blocking its users,
whose blocks close all of their calendars (docs/platforms/leadconnector-v2.md#blocks). So a user is
blocked only where each of the user's calendars lacks a room at that time.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from syncd.model import BlockTarget, ResourceRequirement, UnblockableCalendar
from syncd.systems.leadconnector.account import CalendarMapping
from syncd.systems.leadconnector.directory import EVENT_TYPE, booked_on
from syncd.systems.leadconnector.resources import resource_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from syncd.systems.leadconnector.directory import Calendar
    from syncd.systems.leadconnector.resources import Resource

CALENDAR_TARGET, USER_TARGET = "calendar:", "user:"
"""What the name of a door begins with that is no provider of the configuration."""


def calendar_mapping_of(provider: str) -> CalendarMapping | None:
    """Where the time of such a door is kept; None for other providers."""
    if provider.startswith(CALENDAR_TARGET):
        return CalendarMapping(calendars=(provider.removeprefix(CALENDAR_TARGET),))
    if provider.startswith(USER_TARGET):
        return CalendarMapping(user=provider.removeprefix(USER_TARGET))
    return None


def block_targets_of(
    resources: Mapping[str, Resource],
    mapped: Mapping[str, CalendarMapping],
    directory: Mapping[str, Calendar],
) -> tuple[Sequence[BlockTarget], Sequence[UnblockableCalendar]]:
    """The doors of all calendars that need a mapped resource, and the calendars without one."""
    needs = _needs(resources, mapped)
    targets: dict[str, BlockTarget] = {}
    unblockable: list[UnblockableCalendar] = []
    for id in sorted(needs.keys() & directory.keys()):
        calendar = directory[id]
        if calendar.type == EVENT_TYPE:
            owners = [p for p, of in mapped.items() if id in booked_on(of, directory)]
            first = owners[0] if owners else f"{CALENDAR_TARGET}{id}"
            if len(owners) > 1 or (owners and not _blocks_it(mapped[first], id, directory)):
                why = f"it cannot be closed alone: blocks of {', '.join(owners)} go to their users"
                remedy = "leave this calendar out of [providers], so that it is closed by itself"
                unblockable.append(UnblockableCalendar(calendar.name, why, remedy))
            else:
                targets[first] = BlockTarget(first, (needs[id],))
            continue
        for user in sorted(calendar.team):
            theirs = sorted(c.id for c in directory.values() if user in c.team)
            others = [directory[c].name for c in theirs if c not in needs]
            if others:
                why = (
                    f"a busy room cannot close it alone: a block of user {user} would close "
                    f"{', '.join(others)}, too"
                )
                remedy = "give it a user of its own, or make it a calendar of type event"
                unblockable.append(UnblockableCalendar(calendar.name, why, remedy))
                continue
            owner = next((p for p, of in mapped.items() if of.user == user), f"{USER_TARGET}{user}")
            targets[owner] = BlockTarget(owner, tuple(needs[c] for c in theirs))
        if not calendar.team:
            why = "it has no user and is not of type event, so nothing can close it"
            remedy = "add a user to it, or make it a calendar of type event"
            unblockable.append(UnblockableCalendar(calendar.name, why, remedy))
    return [targets[name] for name in sorted(targets)], unblockable


def _blocks_it(of: CalendarMapping, calendar: str, directory: Mapping[str, Calendar]) -> bool:
    """Whether a block of this provider is one of this calendar."""
    own = [c for c in of.calendars if c in directory and directory[c].type == EVENT_TYPE]
    return of.user is None and own[:1] == [calendar]


def _needs(
    resources: Mapping[str, Resource], mapped: Mapping[str, CalendarMapping]
) -> dict[str, ResourceRequirement]:
    """What each calendar needs that uses at least one mapped resource."""
    provider_of = {resource_key(of.resource): p for p, of in mapped.items() if of.resource}
    using: dict[str, list[Resource]] = defaultdict(list)
    for resource in resources.values():
        for calendar in resource.calendars:
            using[calendar].append(resource)
    return {
        calendar: _need(calendar, sorted(all_of_it, key=lambda r: r.key), provider_of)
        for calendar, all_of_it in using.items()
        if any(resource.key in provider_of for resource in all_of_it)
    }


def _need(
    calendar: str, using: Iterable[Resource], provider_of: Mapping[str, str]
) -> ResourceRequirement:
    rooms: list[str] = []
    equipment: list[tuple[str, int]] = []
    others = 0
    for resource in using:
        provider = provider_of.get(resource.key)
        if resource.is_room and provider is None:
            others += 1
        elif resource.is_room and provider is not None:
            rooms.append(provider)
        elif provider is not None:
            equipment.append((provider, resource.units))
    return ResourceRequirement(calendar, tuple(rooms), others, tuple(equipment))


def unmapped_rooms(
    resources: Mapping[str, Resource], mapped: Collection[str]
) -> list[tuple[str, str]]:
    """Rooms that share a calendar with a mapped one and are not mapped: (room, calendar)."""
    found = []
    for resource in resources.values():
        if resource.is_room and resource.key not in mapped:
            for other in resources.values():
                shared = set(other.calendars) & set(resource.calendars)
                if other.is_room and other.key in mapped and shared:
                    found.append((resource.key, min(shared)))
                    break
    return found
