"""What a v1 location has: teams, services, users (docs/platforms/leadconnector-v1.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.findings import empty_list_finding
from syncd.systems.inventory import (
    CalendarInfo,
    GroupInfo,
    OnProgress,
    PartialReader,
    SystemInventory,
    UserInfo,
)
from syncd.systems.leadconnector_v1 import wire
from syncd.systems.leadconnector_v1.calls import known_zone
from syncd.systems.lenient import LenientValue, text
from syncd.systems.port import CheckResult, PlatformError, UnauthorizedError
from syncd.systems.remedies import advice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncd.systems.leadconnector_v1.account import Account
    from syncd.systems.leadconnector_v1.calls import Api


async def discover(system: str, account: Account, calls: Api, told: OnProgress) -> SystemInventory:
    """Read the location with four calls. A call that fails is a finding."""

    def explain(what: str, fault: PlatformError) -> CheckResult:
        return _explain(system, account, what, fault)

    parts = PartialReader(told, explain)
    no_places: list[wire.Location] = []
    places = await parts.read("location", calls.locations(), no_places)
    if len(places) > 1:
        parts.findings.append(_agency(system, len(places)))
    if parts.findings:
        return SystemInventory(
            system=system, platform="leadconnector-v1", findings=tuple(parts.findings)
        )
    here = places[0] if places else wire.Location()
    no_teams: list[wire.Team | LenientValue] = []
    no_services: list[wire.Service | LenientValue] = []
    no_users: list[wire.User | LenientValue] = []
    teams = await parts.read("teams", calls.teams(), no_teams)
    services = await parts.read("services", calls.services(), no_services)
    rows = await parts.read("users", calls.users(), no_users)
    users = tuple(_user(row) for row in rows if isinstance(row, wire.User) and text(row.id))
    is_empty = rows is not no_users and not users
    if is_empty:
        users = members_of(teams, services)
        parts.findings.append(empty_list_finding(system, users))
    return SystemInventory(
        system=system,
        platform="leadconnector-v1",
        account=text(here.id),
        name=text(here.name),
        zone=account.timezone or known_zone(text(here.timezone)),
        users=users,
        calendars=tuple(
            _calendar(row) for row in services if isinstance(row, wire.Service) and text(row.id)
        ),
        groups=tuple(_group(row) for row in teams if isinstance(row, wire.Team) and text(row.id)),
        findings=tuple(parts.findings),
        users_listed=not is_empty,
    )


def members_of(teams: Iterable[object], services: Iterable[object]) -> tuple[UserInfo, ...]:
    """Return the members of all teams, with names, and who is booked through services, without.

    They serve to find and name people where the list of users is empty. Whether a user exists is
    never concluded from them (promise 3).
    """
    found: dict[str, UserInfo] = {}
    for team in teams:
        members = team.members if isinstance(team, wire.Team) else None
        for member in members if isinstance(members, list) else ():
            if isinstance(member, wire.NamedRow) and (id := text(member.id)):
                found[id] = UserInfo(id, text(member.name))
    for service in services:
        if isinstance(service, wire.Service):
            for id in _calendar(service).users:
                found.setdefault(id, UserInfo(id))
    return tuple(found[id] for id in sorted(found))


def _user(row: wire.User) -> UserInfo:
    whole = " ".join(filter(None, (text(row.first_name), text(row.last_name))))
    return UserInfo(text(row.id), text(row.name) or whole, text(row.email), text(row.phone))


def _calendar(row: wire.Service) -> CalendarInfo:
    members = row.team_members if isinstance(row.team_members, list) else []
    users = (text(member.user_id) for member in members if isinstance(member, wire.Member))
    return CalendarInfo(
        id=text(row.id),
        name=text(row.name),
        type="service",
        users=tuple(dict.fromkeys(filter(None, users))),
        group=text(row.team_id),
        active=row.is_active is not False,
    )


def _group(row: wire.Team) -> GroupInfo:
    members = row.members if isinstance(row.members, list) else []
    users = tuple(filter(None, (text(m.id) for m in members if isinstance(m, wire.NamedRow))))
    return GroupInfo(text(row.id), text(row.name), users)


def _agency(system: str, count: int) -> CheckResult:
    return CheckResult(
        "error",
        system,
        f"the key opens {count} locations: it is an agency's key",
        f"put the key of the one location into api_key of [systems.{system}]; it is shown in that "
        "location under Settings, Business Profile",
    )


def _explain(system: str, account: Account, what: str, fault: PlatformError) -> CheckResult:
    subject = f"{system}: {what}"
    if not isinstance(fault, UnauthorizedError):
        level = "warning" if what == "teams" else "error"
        return CheckResult(level, subject, str(fault), advice(fault))
    if account.api_key.startswith("pit-"):
        return CheckResult(
            "error",
            subject,
            "the key is a v2 token, which v1 does not accept",
            f'use the location\'s v1 API key, or type = "leadconnector" for [systems.{system}]',
        )
    return CheckResult(
        "error",
        subject,
        f"the key is not accepted ({fault.detail or fault.status})",
        f"compare api_key of [systems.{system}] with Settings, Business Profile; v1 keys that were "
        "not used for 90 days are deleted, and accounts without one can make none any more",
    )
