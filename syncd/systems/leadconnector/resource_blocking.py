"""Compute which calendars a busy resource can block, and how, without I/O.

Only a calendar of type ``event`` can be blocked directly. Any other calendar is blocked through its
users: a block of a user covers all calendars of that user
(docs/platforms/leadconnector-v2.md#blocks). So a user is blocked only while every calendar of that
user lacks a resource.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from syncd.model import BlockTarget, ResourceRequirement, UnblockableCalendar
from syncd.systems.leadconnector.account import CalendarMapping
from syncd.systems.leadconnector.directory import EVENT_TYPE, booked_on
from syncd.systems.leadconnector.resources import normalize_resource

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from syncd.systems.leadconnector.directory import Calendar
    from syncd.systems.leadconnector.resources import Resource

CALENDAR_TARGET, USER_TARGET = "calendar:", "user:"
"""Prefixes of block targets that are not providers of the configuration."""


def calendar_mapping_of(provider: str) -> CalendarMapping | None:
    """Return the mapping of a block target that is no provider; None for a provider.

    Such targets are named ``calendar:ID`` or ``user:ID``.
    """
    if provider.startswith(CALENDAR_TARGET):
        return CalendarMapping(calendars=(provider.removeprefix(CALENDAR_TARGET),))
    if provider.startswith(USER_TARGET):
        return CalendarMapping(user=provider.removeprefix(USER_TARGET))
    return None


def block_targets_of(
    resources: Mapping[str, Resource],
    mappings: Mapping[str, CalendarMapping],
    directory: Mapping[str, Calendar],
) -> tuple[Sequence[BlockTarget], Sequence[UnblockableCalendar]]:
    """Return the block targets of calendars that use a mapped resource.

    Also returns those calendars that cannot be blocked, each with the reason and a remedy.
    """
    requirements = _requirements(resources, mappings)
    targets: dict[str, BlockTarget] = {}
    unblockable: list[UnblockableCalendar] = []
    for id in sorted(requirements.keys() & directory.keys()):
        calendar = directory[id]
        if calendar.type == EVENT_TYPE:
            owners = [p for p, mapping in mappings.items() if id in booked_on(mapping, directory)]
            owner = owners[0] if owners else f"{CALENDAR_TARGET}{id}"
            if len(owners) > 1 or (owners and not _blocks_calendar(mappings[owner], id, directory)):
                why = (
                    f"the calendar cannot be blocked alone: blocks of {', '.join(owners)} are "
                    "created for their users"
                )
                remedy = "remove the calendar from [providers], so that syncd can block it directly"
                unblockable.append(UnblockableCalendar(calendar.name, why, remedy))
            else:
                targets[owner] = BlockTarget(owner, (requirements[id],))
            continue
        for user in sorted(calendar.team):
            user_calendars = sorted(c.id for c in directory.values() if user in c.team)
            others = [directory[c].name for c in user_calendars if c not in requirements]
            if others:
                why = (
                    f"the calendar cannot be blocked alone: a block of user {user} would also "
                    f"block {', '.join(others)}"
                )
                remedy = "in LeadConnector, give it a user of its own, or make it of type event"
                unblockable.append(UnblockableCalendar(calendar.name, why, remedy))
                continue
            owner = next(
                (p for p, mapping in mappings.items() if mapping.user == user),
                f"{USER_TARGET}{user}",
            )
            targets[owner] = BlockTarget(owner, tuple(requirements[c] for c in user_calendars))
        if not calendar.team:
            why = "the calendar has no user and is not of type event, so syncd cannot block it"
            remedy = "in LeadConnector, add a user to the calendar, or make it of type event"
            unblockable.append(UnblockableCalendar(calendar.name, why, remedy))
    return [targets[name] for name in sorted(targets)], unblockable


def _blocks_calendar(
    mapping: CalendarMapping, calendar: str, directory: Mapping[str, Calendar]
) -> bool:
    """Return true if a block of this provider blocks this calendar."""
    own = [c for c in mapping.calendars if c in directory and directory[c].type == EVENT_TYPE]
    return mapping.user is None and own[:1] == [calendar]


def _requirements(
    resources: Mapping[str, Resource], mappings: Mapping[str, CalendarMapping]
) -> dict[str, ResourceRequirement]:
    """Return, by calendar, the resources that it needs if at least one of them is mapped."""
    provider_of = {
        normalize_resource(mapping.resource): p
        for p, mapping in mappings.items()
        if mapping.resource
    }
    resources_by_calendar: dict[str, list[Resource]] = defaultdict(list)
    for resource in resources.values():
        for calendar in resource.calendars:
            resources_by_calendar[calendar].append(resource)
    return {
        calendar: _requirement(calendar, sorted(resources_used, key=lambda r: r.key), provider_of)
        for calendar, resources_used in resources_by_calendar.items()
        if any(resource.key in provider_of for resource in resources_used)
    }


def _requirement(
    calendar: str, resources: Iterable[Resource], provider_of: Mapping[str, str]
) -> ResourceRequirement:
    rooms: list[str] = []
    equipment: list[tuple[str, int]] = []
    unmapped_count = 0
    for resource in resources:
        provider = provider_of.get(resource.key)
        if resource.is_room and provider is None:
            unmapped_count += 1
        elif resource.is_room and provider is not None:
            rooms.append(provider)
        elif provider is not None:
            equipment.append((provider, resource.units))
    return ResourceRequirement(calendar, tuple(rooms), unmapped_count, tuple(equipment))


def unmapped_rooms(
    resources: Mapping[str, Resource], mappings: Collection[str]
) -> list[tuple[str, str]]:
    """Return (room, calendar) for unmapped rooms that share a calendar with a mapped room."""
    rooms = []
    for resource in resources.values():
        if resource.is_room and resource.key not in mappings:
            for other in resources.values():
                shared = set(other.calendars) & set(resource.calendars)
                if other.is_room and other.key in mappings and shared:
                    rooms.append((resource.key, min(shared)))
                    break
    return rooms
