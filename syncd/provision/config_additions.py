"""Compute what a matching adds to a configuration: new providers, and missing calendars. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from syncd.config.settings import (
    CalendarSettings,
    LeadConnectorCalendar,
    LeadConnectorV1Calendar,
    LeadSquaredCalendar,
    ProviderSettings,
)
from syncd.provision.directory import user_ref, user_ref_id
from syncd.provision.matching import Proposal, UserRef
from syncd.systems.inventory import CalendarInfo, SystemInventory

Owners = Mapping[tuple[str, str], str]
"""The provider of each user that is mapped already, by (system, id)."""


@dataclass(frozen=True, slots=True)
class CalendarLine:
    """A provider's line for one system: its values, and a comment with the names for its ids."""

    values: Mapping[str, str]
    comment: str = ""


def owners_of(
    trees: Iterable[SystemInventory], providers: Mapping[str, ProviderSettings]
) -> dict[tuple[str, str], str]:
    """Return the provider of each mapped user, by (system, user id).

    A mapped calendar without a user counts as a mapping of its whole team.
    """
    owners: dict[tuple[str, str], str] = {}
    for tree in trees:
        for name, provider in providers.items():
            if tree.system in provider.calendars:
                users = _claimed(tree, provider.calendars[tree.system])
                owners |= {(tree.system, id): name for id in users}
    return owners


def _claimed(tree: SystemInventory, calendar: CalendarSettings) -> set[str]:
    match calendar:
        case LeadSquaredCalendar(user=user):
            same = {u.email for u in tree.users if u.email.casefold() == user.casefold()}
            return same or {user}
        case LeadConnectorCalendar() | LeadConnectorV1Calendar() if calendar.user:
            return {calendar.user}
        case LeadConnectorCalendar(calendars=ids):
            return {user for c in tree.calendars if c.id in ids for user in c.users}
        case LeadConnectorV1Calendar(calendar=id, team=team):
            return {
                user for c in tree.calendars if c.id == id or (c.group == team and not id)
                for user in c.users
            }  # fmt: skip


def additions(
    proposals: Iterable[Proposal], owners: Owners, providers: Mapping[str, ProviderSettings]
) -> list[Proposal]:
    """Return the parts of the proposals that the configuration does not contain yet.

    A proposal that contains a user of a configured provider gets the name of that provider. The
    existing mapping does not change: providers are never merged, and no line is replaced.
    """
    new_proposals = []
    for proposal in proposals:
        known = {owner for s in proposal.users if (owner := owners.get((s.system, s.id)))}
        if not known:
            new_proposals.append(proposal)
        elif len(known) == 1:
            (name,) = known
            new = tuple(s for s in proposal.users if _is_new(s, owners, providers[name]))
            if new:
                new_proposals.append(replace(proposal, name=name, users=new))
    return new_proposals


def _is_new(one: UserRef, owners: Owners, provider: ProviderSettings) -> bool:
    return (one.system, one.id) not in owners and one.system not in provider.calendars


def calendar_line(tree: SystemInventory, one: UserRef) -> CalendarLine:
    """Return the line that maps a user; in v1 it also names one of the user's calendars.

    A v1 block or hold needs one service (docs/platforms/leadconnector-v1.md#event-blocks): the
    user's own service comes before a shared one.
    """
    if tree.platform == "leadsquared":
        return CalendarLine({"user": one.id}, one.name)
    own = sorted((c for c in tree.calendars if one.id in c.users and c.active), key=_own_first)
    names = ", ".join(calendar.name or calendar.id for calendar in own)
    comment = ": ".join(filter(None, (one.name, names)))
    if tree.platform == "leadconnector-v1" and own:
        return CalendarLine({"calendar": own[0].id, "user": one.id}, comment)
    return CalendarLine({"user": one.id}, comment)


def _own_first(calendar: CalendarInfo) -> tuple[int, str, str]:
    return (len(calendar.users), calendar.name, calendar.id)


def find_user(tree: SystemInventory, text: str) -> UserRef | None:
    """Find an active user by id, e-mail address or name; None if no user or several match."""
    wanted = text.strip().casefold()
    for key in (
        lambda u: user_ref_id(tree, u).casefold(),
        lambda u: u.email.casefold(),
        lambda u: u.name.casefold(),
    ):
        matches = [user for user in tree.users if user.active and key(user) == wanted]
        if len(matches) == 1:
            return user_ref(tree, matches[0])
    return None
