"""Read the inventory of a v2 location: calendars, users, resources and associations.

See docs/platforms/leadconnector-v2.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from syncd.systems.errors import PlatformError, UnauthorizedError
from syncd.systems.findings import empty_list_finding
from syncd.systems.inventory import (
    AssociationInfo,
    CalendarInfo,
    GroupInfo,
    OnProgress,
    PartialReader,
    ResourceInfo,
    SystemInventory,
)
from syncd.systems.leadconnector import wire
from syncd.systems.leadconnector.directory import directory_of
from syncd.systems.leadconnector.inventory import AssociationRow, ResourceRow
from syncd.systems.leadconnector.members import members_of, user_of
from syncd.systems.leadconnector.scope_remedies import lacks_scope, missing_scope
from syncd.systems.lenient import number, text
from syncd.systems.port import CheckResult
from syncd.systems.remedies import advice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncd.systems.leadconnector.account import Account
    from syncd.systems.leadconnector.calls import Api
    from syncd.systems.leadconnector.inventory import Inventory

_SCOPES = {
    "location": "locations.readonly",
    "calendars": "calendars.readonly",
    "groups": "calendars/groups.readonly",
    "users": "users.readonly",
    "rooms": "calendars/resources.readonly",
    "equipment": "calendars/resources.readonly",
    "associations": "associations.readonly",
}
"""The scope that each part needs (docs/platforms/leadconnector-v2.md)."""

_NEEDED = frozenset({"calendars", "users"})
"""Parts without which no provider can be mapped."""


async def discover(
    system: str, account: Account, calls: Api, inventory: Inventory, on_progress: OnProgress
) -> SystemInventory:
    """Read the location, one call per part and page. A failed call becomes a check result.

    ``on_progress`` is told which part is read.
    """

    def explain(part: str, fault: PlatformError) -> CheckResult:
        return _explain(system, account, part, fault)

    reader = PartialReader(on_progress, explain)
    location = await reader.read("location", calls.location(), wire.Location())
    if any(finding.level == "error" for finding in reader.findings):
        return SystemInventory(
            system=system, platform="leadconnector", findings=tuple(reader.findings)
        )
    calendars = await reader.read("calendars", calls.calendars(), wire.Calendars([]))
    groups = await reader.read("groups", calls.groups(), wire.Groups([]))
    no_users = wire.Users([])
    user_list = await reader.read("users", calls.users(), no_users)
    users = tuple(
        user_of(row) for row in user_list.users if isinstance(row, wire.User) and text(row.id)
    )
    is_empty = user_list is not no_users and not users
    if is_empty:
        members = members_of(directory_of(calendars).values(), calls)
        users = await reader.read("team members", members, ())
        reader.findings.append(empty_list_finding(system, users))
    rooms = await reader.read("rooms", inventory.resources("rooms"), list[ResourceRow]())
    equipment = await reader.read(
        "equipment", inventory.resources("equipments"), list[ResourceRow]()
    )
    associations = await reader.read(
        "associations", inventory.associations(), list[AssociationRow]()
    )
    return SystemInventory(
        system=system,
        platform="leadconnector",
        account=account.location_id,
        name=text(location.name),
        zone=text(location.timezone),
        users=users,
        calendars=tuple(_calendars(calendars)),
        groups=tuple(
            GroupInfo(text(row.id), text(row.name))
            for row in groups.groups
            if isinstance(row, wire.Group) and text(row.id)
        ),
        resources=(
            *(_resource("room", row) for row in rooms),
            *(_resource("equipment", row) for row in equipment),
        ),
        associations=tuple(_association(row) for row in associations),
        findings=tuple(reader.findings),
        users_listed=not is_empty,
    )


def _calendars(listing: wire.Calendars) -> Iterable[CalendarInfo]:
    rows = (row for row in listing.calendars if isinstance(row, wire.CalendarRow))
    inactive = {text(row.id) for row in rows if row.is_active is False}
    for calendar in directory_of(listing).values():
        yield CalendarInfo(
            calendar.id,
            calendar.name,
            calendar.type,
            tuple(sorted(calendar.team)),
            calendar.group,
            calendar.id not in inactive,
        )


def _resource(kind: Literal["room", "equipment"], row: ResourceRow) -> ResourceInfo:
    calendars = row.calendar_ids if isinstance(row.calendar_ids, list) else []
    return ResourceInfo(
        kind,
        text(row.name),
        text(row.id) or text(row.other_id),
        tuple(filter(None, map(text, calendars))),
        number(row.quantity),
        number(row.out_of_service),
        number(row.capacity),
        row.is_active is not False,
    )


def _association(row: AssociationRow) -> AssociationInfo:
    return AssociationInfo(
        text(row.id),
        text(row.key),
        text(row.first_object_key),
        text(row.first_object_label),
        text(row.second_object_key),
        text(row.second_object_label),
    )


def _explain(system: str, account: Account, part: str, fault: PlatformError) -> CheckResult:
    section, subject = f"[systems.{system}]", f"{system}: {part}"
    words = fault.detail.lower()
    match fault:
        case _ if lacks_scope(fault):
            level = "error" if part in _NEEDED else "warning"
            return missing_scope(level, subject, _SCOPES[part])
        case UnauthorizedError() if "access to this location" in words:
            return CheckResult(
                "error",
                subject,
                f"the token belongs to another location than {account.location_id}",
                f"correct location_id in {section} (see the address bar of the location), or "
                "create a token in that location",
            )
        case UnauthorizedError() if account.token and not account.token.startswith("pit-"):
            return CheckResult(
                "error",
                subject,
                f"the token is not accepted ({fault.detail or fault.status})",
                "create a token in LeadConnector under Settings, Private Integrations: this one is "
                "not such a token (pit-…), and v2 accepts no v1 API keys or agency tokens",
            )
        case UnauthorizedError():
            return CheckResult(
                "error",
                subject,
                f"the token is not accepted ({fault.detail or fault.status})",
                f"compare token in {section} with Settings, Private Integrations; a "
                "token expires after 90 days without use",
            )
        case _:
            level = "error" if part in _NEEDED or part == "location" else "warning"
            return CheckResult(level, subject, str(fault), advice(fault))
