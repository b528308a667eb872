"""Does the configuration make sense as a whole: systems, providers, and who is kept where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations

from syncd.config.problems import Finding, did_you_mean, join_names
from syncd.config.settings import (
    CalendarSettings,
    LeadConnectorCalendar,
    LeadConnectorSystem,
    LeadConnectorV1Calendar,
    LeadConnectorV1System,
    LeadSquaredCalendar,
    LeadSquaredSystem,
    SystemSettings,
)

Named = Mapping[str, Collection[str]]
"""For each provider the systems that its ``calendars`` name, readable or not."""

Calendars = Mapping[str, Mapping[str, CalendarSettings]]
"""For each provider its readable calendars, by system."""


def check_mapping(
    declared: Collection[str], named: Named, calendars: Calendars
) -> Iterator[Finding]:
    """Look for mappings that cannot work, and (warnings) for those that do nothing."""
    for provider, systems in named.items():
        yield from _known(provider, systems, declared)
    for system in declared:
        yield from _shared(system, calendars)
        if not any(system in systems for systems in named.values()):
            remedy = f"Map a provider's calendar to {system}, or remove the system."
            yield Finding(("systems", system), "no provider uses this system", remedy, warning=True)


def _known(provider: str, systems: Collection[str], declared: Collection[str]) -> Iterator[Finding]:
    at = ("providers", provider, "calendars")
    for system in systems:
        if system not in declared:
            remedy = did_you_mean(system, declared, f"Add a table [systems.{system}].")
            yield Finding((*at, system), f'there is no system "{system}"', remedy)
    if not systems:
        remedy = f"Add [providers.{provider}.calendars] with a line for each system."
        yield Finding(at[:2], "it has no calendars", remedy)
    elif len(systems) == 1:
        remedy = "Add its calendar in another system; with one there is nothing to keep the same."
        yield Finding(at[:2], "it is kept in one system only", remedy, warning=True)


def check_prefer(prefer: Sequence[str], declared: Collection[str]) -> Iterator[Finding]:
    """Look for tie-breaks that name no system, or one twice."""
    for place, system in enumerate(prefer):
        at = ("rules", "prefer", place)
        if system not in declared:
            remedy = did_you_mean(system, declared)
            yield Finding(at, f'there is no system "{system}"', remedy)
        elif system in prefer[:place]:
            yield Finding(at, f'"{system}" was named before', "Name each system once.")


def _shared(system: str, calendars: Calendars) -> Iterator[Finding]:
    """Look for one user, or one calendar that no user divides, that is two providers' own.

    A calendar may be shared (a round robin) where every provider on it also names a user: the
    appointment's user then tells whose it is.
    """
    users: dict[str, list[str]] = defaultdict(list)
    places: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for provider, kept in calendars.items():
        if system in kept:
            user, ids = _seats(kept[system])
            if user:
                users[user].append(provider)
            for place in ids:
                places[place].append((provider, bool(user)))
    for user, providers in users.items():
        yield from _twice(system, f"the user {user}", providers)
    for place, owners in places.items():
        if not all(divided for _, divided in owners):
            yield from _twice(system, f"the calendar {place}", [provider for provider, _ in owners])


def _twice(system: str, what: str, providers: Sequence[str]) -> Iterator[Finding]:
    for other in providers[1:]:
        yield Finding(
            ("providers", other, "calendars", system),
            f'{what} already belongs to provider "{providers[0]}"',
            "Give each provider its own user or calendar; a shared calendar needs a user for each.",
        )


def _seats(calendar: CalendarSettings) -> tuple[str, tuple[str, ...]]:
    """Tell what makes an event this provider's: a user ('' for none) and places."""
    match calendar:
        case LeadSquaredCalendar(user=user):
            return user.casefold(), ()
        case LeadConnectorCalendar():
            own = (calendar.resource,) if calendar.resource else ()
            return calendar.user or "", (*calendar.calendars, *own)
        case LeadConnectorV1Calendar():
            place = calendar.calendar or (None if calendar.user else calendar.team)
            return calendar.user or "", (place,) if place else ()


def check_accounts(systems: Mapping[str, SystemSettings]) -> Iterator[Finding]:
    """Look for two systems that are one account: syncd would answer its own writes."""
    for (first, one), (second, other) in combinations(systems.items(), 2):
        if _account(one) == _account(other):
            remedy = f"Keep {join_names([first, second])}, and map all providers to that one."
            yield Finding(("systems", second), f'it is the same account as "{first}"', remedy)


def _account(system: SystemSettings) -> tuple[str, str, str]:
    match system:
        case LeadSquaredSystem():
            return (system.type, system.base_url, system.access_key.reveal())
        case LeadConnectorSystem():
            return (system.type, system.base_url, system.location_id)
        case LeadConnectorV1System():
            return (system.type, system.base_url, system.api_key.reveal())
