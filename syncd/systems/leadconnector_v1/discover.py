"""Read the inventory of a v1 location: teams, services, users.

See docs/platforms/leadconnector-v1.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.errors import PlatformError, UnauthorizedError
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
from syncd.systems.port import CheckResult
from syncd.systems.remedies import advice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncd.systems.leadconnector_v1.account import Account
    from syncd.systems.leadconnector_v1.calls import Api


async def discover(
    system: str, account: Account, calls: Api, on_progress: OnProgress
) -> SystemInventory:
    """Read the location with four calls. A failed call becomes a check result."""

    def explain(part: str, fault: PlatformError) -> CheckResult:
        return _explain(system, account, part, fault)

    reader = PartialReader(on_progress, explain)
    no_locations: list[wire.Location] = []
    locations = await reader.read("location", calls.locations(), no_locations)
    if len(locations) > 1:
        reader.findings.append(_agency(system, len(locations)))
    if reader.findings:
        return SystemInventory(
            system=system, platform="leadconnector-v1", findings=tuple(reader.findings)
        )
    location = locations[0] if locations else wire.Location()
    no_teams: list[wire.Team | LenientValue] = []
    no_services: list[wire.Service | LenientValue] = []
    no_users: list[wire.User | LenientValue] = []
    teams = await reader.read("teams", calls.teams(), no_teams)
    services = await reader.read("services", calls.services(), no_services)
    rows = await reader.read("users", calls.users(), no_users)
    users = tuple(_user(row) for row in rows if isinstance(row, wire.User) and text(row.id))
    is_empty = rows is not no_users and not users
    if is_empty:
        users = members_of(teams, services)
        reader.findings.append(empty_list_finding(system, users))
    return SystemInventory(
        system=system,
        platform="leadconnector-v1",
        account=text(location.id),
        name=text(location.name),
        zone=account.timezone or known_zone(text(location.timezone)),
        users=users,
        calendars=tuple(
            _calendar(row) for row in services if isinstance(row, wire.Service) and text(row.id)
        ),
        groups=tuple(_group(row) for row in teams if isinstance(row, wire.Team) and text(row.id)),
        findings=tuple(reader.findings),
        users_listed=not is_empty,
    )


def members_of(teams: Iterable[object], services: Iterable[object]) -> tuple[UserInfo, ...]:
    """Return the members of teams with names, and the members of services without.

    Members only serve to propose and name users if the list of users is empty; whether a user
    exists is never derived from them: promise 3 (docs/design.md#promises).
    """
    members_by_id: dict[str, UserInfo] = {}
    for team in teams:
        members = team.members if isinstance(team, wire.Team) else None
        for member in members if isinstance(members, list) else ():
            if isinstance(member, wire.NamedRow) and (id := text(member.id)):
                members_by_id[id] = UserInfo(id, text(member.name))
    for service in services:
        if isinstance(service, wire.Service):
            for id in _calendar(service).users:
                members_by_id.setdefault(id, UserInfo(id))
    return tuple(members_by_id[id] for id in sorted(members_by_id))


def _user(row: wire.User) -> UserInfo:
    full_name = " ".join(filter(None, (text(row.first_name), text(row.last_name))))
    return UserInfo(text(row.id), text(row.name) or full_name, text(row.email), text(row.phone))


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
        f"the key belongs to an agency: it can access {count} locations",
        f"set api_key in [systems.{system}] to the key of one location, which LeadConnector shows "
        "under Settings, Business Profile",
    )


def _explain(system: str, account: Account, part: str, fault: PlatformError) -> CheckResult:
    subject = f"{system}: {part}"
    if not isinstance(fault, UnauthorizedError):
        level = "warning" if part == "teams" else "error"
        return CheckResult(level, subject, str(fault), advice(fault))
    if account.api_key.startswith("pit-"):
        return CheckResult(
            "error",
            subject,
            "the key is a v2 token; v1 does not accept it",
            f'use the location\'s v1 API key, or type = "leadconnector" for [systems.{system}]',
        )
    return CheckResult(
        "error",
        subject,
        f"the key is not accepted ({fault.detail or fault.status})",
        f"compare api_key in [systems.{system}] with Settings, Business Profile; v1 keys are "
        "deleted after 90 days without use, and accounts without a key cannot create one",
    )
