"""List the users of several systems, and find ambiguous users and mappings to missing ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from syncd.config.settings import (
    CalendarSettings,
    LeadConnectorCalendar,
    LeadConnectorV1Calendar,
    LeadSquaredCalendar,
    ProviderSettings,
)
from syncd.provision.matching import AmbiguousMatch, MatchEvidence, UserRef
from syncd.systems.findings import calendar_only_finding
from syncd.systems.inventory import SystemInventory, UserInfo
from syncd.systems.port import CheckResult

_WORDS: Mapping[MatchEvidence, tuple[str, str]] = {
    MatchEvidence.EMAIL: (
        "several users have the e-mail address",
        "give each user a separate address; until then, syncd does not match users by it",
    ),
    MatchEvidence.NAME: (
        "several users have names that differ at most in case or accents, like",
        "rename one user, or add e-mail addresses; until then, syncd does not match by this name",
    ),
    MatchEvidence.PHONE: (
        "several users have the phone number",
        "map these users by hand: syncd does not match users by a shared phone number",
    ),
}


def user_ref_id(tree: SystemInventory, user: UserInfo) -> str:
    """Return the id by which the configuration names a user: in LeadSquared the e-mail address.

    See docs/platforms/leadsquared.md#users.
    """
    return user.email if tree.platform == "leadsquared" else user.id


def user_refs(trees: Iterable[SystemInventory]) -> list[UserRef]:
    """Return every active user of every system."""
    return [user_ref(tree, user) for tree in trees for user in tree.users if user.active]


def user_ref(tree: SystemInventory, user: UserInfo) -> UserRef:
    """Return the reference to a user that matching works with."""
    return UserRef(tree.system, user_ref_id(tree, user), user.name, user.email, user.phone)


def ambiguity_finding(doubt: AmbiguousMatch) -> CheckResult:
    """Return the check result for users that cannot be distinguished."""
    what, remedy = _WORDS[doubt.ground]
    by_system: dict[str, list[str]] = {}
    for user in doubt.users:
        by_system.setdefault(user.system, []).append(f"{user.name or '(no name)'} ({user.id})")
    crowded = {system: users for system, users in by_system.items() if len(users) > 1}
    names = "; ".join(", ".join(users) for users in (crowded or by_system).values())
    subject = ", ".join(crowded or by_system)
    return CheckResult("warning", subject, f"{what} {doubt.shared}: {names}", remedy)


def unknown_users(
    tree: SystemInventory, providers: Mapping[str, ProviderSettings]
) -> Iterator[CheckResult]:
    """Yield mapped ids that the system does not have.

    If no mapped provider exists there, the API key probably belongs to another location. If users
    could not be listed, no user is reported as missing.
    """
    if not tree.opened:
        return
    known = {user.id for user in tree.users} | {user.email.casefold() for user in tree.users}
    known |= {calendar.id for calendar in tree.calendars} | {group.id for group in tree.groups}
    missing = {
        (name, id)
        for name, provider in providers.items()
        if tree.system in provider.calendars
        for id in _ids(provider.calendars[tree.system], users=tree.users_listed)
        if id not in known
    }
    mapped = [n for n, p in providers.items() if tree.system in p.calendars]
    if mapped and {name for name, _ in missing} == set(mapped):
        where = " ".join(filter(None, (tree.name, tree.account))) or "this account"
        yield CheckResult(
            "error",
            tree.system,
            f"each provider mapped to {tree.system} names a user or calendar that {where} does not "
            "have: the key may belong to another location",
            f"put the key of the mapped location into [systems.{tree.system}], or map the "
            "providers to this location (syncd init)",
        )
        return
    for name, id in sorted(missing):
        yield CheckResult(
            "error",
            f"{tree.system}: {name}",
            f"{id} does not exist in {tree.system}",
            f"correct {tree.system} in [providers.{name}.calendars]",
        )


def check_calendar_only(
    tree: SystemInventory, providers: Mapping[str, ProviderSettings]
) -> Iterator[CheckResult]:
    """Yield providers of a v2 location whose Google and Outlook busy time is not read."""
    for name, provider in sorted(providers.items()):
        calendar = provider.calendars.get(tree.system)
        if isinstance(calendar, LeadConnectorCalendar) and calendar.calendars and not calendar.user:
            teams = {c.id: c.users for c in tree.calendars}
            team = any(teams.get(id) for id in calendar.calendars)
            yield calendar_only_finding(tree.system, name, team=team)


def _ids(calendar: CalendarSettings, *, users: bool) -> Iterator[str]:
    """Yield the ids in a mapping; user ids only if ``users`` is true (the users are listed)."""
    match calendar:
        case LeadSquaredCalendar(user=user):
            yield from [user.casefold()] if users else ()
        case LeadConnectorCalendar(user=user, calendars=calendars):
            yield from filter(None, (user if users else None, *calendars))
        case LeadConnectorV1Calendar(user=user, calendar=one, team=team):
            yield from filter(None, (user if users else None, one, team))
