"""Check the mapping as a whole: systems, providers, and the calendars of each provider."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations

from syncd.config.problems import Finding, did_you_mean
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

NamedSystems = Mapping[str, Collection[str]]
"""For each provider, the systems that its ``calendars`` name, valid or not."""

ProviderCalendars = Mapping[str, Mapping[str, CalendarSettings]]
"""For each provider its valid calendars, by system."""


def check_mapping(
    declared: Collection[str], named: NamedSystems, calendars: ProviderCalendars
) -> Iterator[Finding]:
    """Yield the mappings that cannot work and, as warnings, those without effect.

    ``declared`` are the configured systems, ``named`` the systems that each provider names, and
    ``calendars`` the valid calendars of each provider.
    """
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
        yield Finding(at[:2], "the provider has no calendars", remedy)
    elif len(systems) == 1:
        remedy = (
            "Add the provider's calendar in a second system: with one, there is nothing to sync."
        )
        yield Finding(
            at[:2], "the provider has a calendar in one system only", remedy, warning=True
        )


def check_prefer(prefer: Sequence[str], declared: Collection[str]) -> Iterator[Finding]:
    """Yield the entries of `prefer` that name an unknown system, or the same system twice."""
    for place, system in enumerate(prefer):
        at = ("rules", "prefer", place)
        if system not in declared:
            remedy = did_you_mean(system, declared)
            yield Finding(at, f'there is no system "{system}"', remedy)
        elif system in prefer[:place]:
            yield Finding(at, f'"{system}" is named twice', "Name each system once.")


def _shared(system: str, calendars: ProviderCalendars) -> Iterator[Finding]:
    """Yield users and calendars of a system that two providers claim.

    A calendar may be shared (a round robin) if every provider on it also names a user: the user of
    an appointment then identifies the provider.
    """
    users: dict[str, list[str]] = defaultdict(list)
    places: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for provider, own in calendars.items():
        if system in own:
            user, ids = _user_and_calendars(own[system])
            if user:
                users[user].append(provider)
            for place in ids:
                places[place].append((provider, bool(user)))
    for user, providers in users.items():
        yield from _twice(system, f"the user {user}", providers)
    for place, owners in places.items():
        if not all(has_user for _, has_user in owners):
            yield from _twice(system, f"the calendar {place}", [provider for provider, _ in owners])


def _twice(system: str, what: str, providers: Sequence[str]) -> Iterator[Finding]:
    for other in providers[1:]:
        yield Finding(
            ("providers", other, "calendars", system),
            f'{what} already belongs to provider "{providers[0]}"',
            "Give each provider its own user or calendar; a shared calendar needs a user for each.",
        )


def _user_and_calendars(calendar: CalendarSettings) -> tuple[str, tuple[str, ...]]:
    """Return the ids by which events belong to a provider: a user ('' for none) and calendars."""
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
    """Yield systems that are the same account: there syncd would react to its own writes."""
    for (first, one), (second, other) in combinations(systems.items(), 2):
        if _account(one) == _account(other):
            remedy = f"Keep one of {first} and {second}, and map all providers to it."
            yield Finding(
                ("systems", second), f'this system is the same account as "{first}"', remedy
            )


def _account(system: SystemSettings) -> tuple[str, str, str]:
    match system:
        case LeadSquaredSystem():
            return (system.type, system.base_url, system.access_key.reveal())
        case LeadConnectorSystem():
            return (system.type, system.base_url, system.location_id)
        case LeadConnectorV1System():
            return (system.type, system.base_url, system.api_key.reveal())
