"""What a matching adds to a configuration: new providers, and seats that known ones lack. Pure."""

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
"""Whose a user already is: (system, id) to provider."""


@dataclass(frozen=True, slots=True)
class Place:
    """A provider's line for one system: the values, and a comment that names them."""

    values: Mapping[str, str]
    comment: str = ""


def owners_of(
    trees: Iterable[SystemInventory], providers: Mapping[str, ProviderSettings]
) -> dict[tuple[str, str], str]:
    """Whose the users are by the configuration; a calendar without a user claims its whole team."""
    found: dict[tuple[str, str], str] = {}
    for tree in trees:
        for name, provider in providers.items():
            if tree.system in provider.calendars:
                wanted = _claimed(tree, provider.calendars[tree.system])
                found |= {(tree.system, id): name for id in wanted}
    return found


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
    """What is new in the proposals; one that reaches a known provider bears its name.

    What is mapped stays as it is: two providers are never made one, and nobody's line is replaced.
    """
    found = []
    for proposal in proposals:
        known = {owner for s in proposal.seats if (owner := owners.get((s.system, s.id)))}
        if not known:
            found.append(proposal)
        elif len(known) == 1:
            (name,) = known
            new = tuple(s for s in proposal.seats if _is_new(s, owners, providers[name]))
            if new:
                found.append(replace(proposal, name=name, seats=new))
    return found


def _is_new(one: UserRef, owners: Owners, provider: ProviderSettings) -> bool:
    return (one.system, one.id) not in owners and one.system not in provider.calendars


def place_of(tree: SystemInventory, one: UserRef) -> Place:
    """The line that maps a user: on v2 with all of the user's calendars, on v1 with the first.

    A v1 block or hold is made on one service (docs/platforms/leadconnector-v1.md#event-blocks): the
    user's own comes before one that is shared.
    """
    if tree.platform == "leadsquared":
        return Place({"user": one.id}, one.name)
    own = sorted((c for c in tree.calendars if one.id in c.users and c.active), key=_own_first)
    names = ", ".join(calendar.name or calendar.id for calendar in own)
    comment = ": ".join(filter(None, (one.name, names)))
    if tree.platform == "leadconnector-v1" and own:
        return Place({"calendar": own[0].id, "user": one.id}, comment)
    return Place({"user": one.id}, comment)


def _own_first(calendar: CalendarInfo) -> tuple[int, str, str]:
    return (len(calendar.users), calendar.name, calendar.id)


def calendar_settings_of(tree: SystemInventory, said: str) -> UserRef | None:
    """The one active user whom a person means by id, e-mail or name; None for none or several."""
    wanted = said.strip().casefold()
    for spelt in (
        lambda u: user_ref_id(tree, u).casefold(),
        lambda u: u.email.casefold(),
        lambda u: u.name.casefold(),
    ):
        found = [user for user in tree.users if user.active and spelt(user) == wanted]
        if len(found) == 1:
            return user_ref(tree, found[0])
    return None
