"""The people of several systems: who can be matched, what is odd, who is mapped but not there."""

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
        "give each an address of its own, or deactivate one; until then it alone joins nobody",
    ),
    MatchEvidence.NAME: (
        "several users have names that differ at most in case or accents, like",
        "rename one, or give them e-mail addresses; until then it alone joins nobody",
    ),
    MatchEvidence.PHONE: (
        "several users have the phone",
        "nothing needs to be done: a shared phone joins nobody, map them by hand",
    ),
}


def user_ref_id(tree: SystemInventory, user: UserInfo) -> str:
    """What the configuration calls a user: LeadSquared's are known by e-mail.

    See docs/platforms/leadsquared.md#users.
    """
    return user.email if tree.platform == "leadsquared" else user.id


def user_refs(trees: Iterable[SystemInventory]) -> list[UserRef]:
    """Every active user of every system."""
    return [user_ref(tree, user) for tree in trees for user in tree.users if user.active]


def user_ref(tree: SystemInventory, user: UserInfo) -> UserRef:
    """A user as a seat of the system."""
    return UserRef(tree.system, user_ref_id(tree, user), user.name, user.email, user.phone)


def doubt_finding(doubt: AmbiguousMatch) -> CheckResult:
    """What keeps users from being told apart, and what to do about it."""
    what, remedy = _WORDS[doubt.ground]
    by_system: dict[str, list[str]] = {}
    for seat in doubt.seats:
        by_system.setdefault(seat.system, []).append(f"{seat.name or '(no name)'} ({seat.id})")
    crowded = {system: users for system, users in by_system.items() if len(users) > 1}
    told = "; ".join(", ".join(users) for users in (crowded or by_system).values())
    subject = ", ".join(crowded or by_system)
    return CheckResult("warning", subject, f"{what} {doubt.shared}: {told}", remedy)


def unknown_users(
    tree: SystemInventory, providers: Mapping[str, ProviderSettings]
) -> Iterator[CheckResult]:
    """Mapped ids that the system does not have; when all are, the key may be another location's.

    An empty list of users proves of no user that it is missing.
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
            f"nobody who is mapped to it is in {where}: the key is for another location",
            f"put the key of the location that you mapped into [systems.{tree.system}], or map the "
            "providers to this one (syncd init)",
        )
        return
    for name, id in sorted(missing):
        yield CheckResult(
            "error",
            f"{tree.system}: {name}",
            f"there is no {id}",
            f"correct {tree.system} of [providers.{name}.calendars]",
        )


def calendar_only(
    tree: SystemInventory, providers: Mapping[str, ProviderSettings]
) -> Iterator[CheckResult]:
    """Find providers of a v2 location whose Google and Outlook busy time is not seen."""
    for name, provider in sorted(providers.items()):
        calendar = provider.calendars.get(tree.system)
        if isinstance(calendar, LeadConnectorCalendar) and calendar.calendars and not calendar.user:
            teams = {c.id: c.users for c in tree.calendars}
            team = any(teams.get(id) for id in calendar.calendars)
            yield calendar_only_finding(tree.system, name, team=team)


def _ids(calendar: CalendarSettings, *, users: bool) -> Iterator[str]:
    """The ids that a mapping names; those of users only if they can be looked up."""
    match calendar:
        case LeadSquaredCalendar(user=user):
            yield from [user.casefold()] if users else ()
        case LeadConnectorCalendar(user=user, calendars=calendars):
            yield from filter(None, (user if users else None, *calendars))
        case LeadConnectorV1Calendar(user=user, calendar=one, team=team):
            yield from filter(None, (user if users else None, one, team))
