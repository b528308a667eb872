"""What a v2 location has: calendars, users, rooms, associations.

See docs/platforms/leadconnector-v2.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

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
from syncd.systems.port import CheckResult, PlatformError, UnauthorizedError
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
"""What each part needs (docs/platforms/leadconnector-v2.md)."""

_NEEDED = frozenset({"calendars", "users"})
"""Parts without which nobody can be mapped."""


async def discover(
    system: str, account: Account, calls: Api, inventory: Inventory, told: OnProgress
) -> SystemInventory:
    """Read the location, a call for each part and page. A call that fails is a finding."""

    def explain(what: str, fault: PlatformError) -> CheckResult:
        return _explain(system, account, what, fault)

    parts = PartialReader(told, explain)
    here = await parts.read("location", calls.location(), wire.Location())
    if any(finding.level == "error" for finding in parts.findings):
        return SystemInventory(
            system=system, platform="leadconnector", findings=tuple(parts.findings)
        )
    calendars = await parts.read("calendars", calls.calendars(), wire.Calendars([]))
    groups = await parts.read("groups", calls.groups(), wire.Groups([]))
    no_users = wire.Users([])
    listed = await parts.read("users", calls.users(), no_users)
    users = tuple(
        user_of(row) for row in listed.users if isinstance(row, wire.User) and text(row.id)
    )
    is_empty = listed is not no_users and not users
    if is_empty:
        members = members_of(directory_of(calendars).values(), calls)
        users = await parts.read("team members", members, ())
        parts.findings.append(empty_list_finding(system, users))
    rooms = await parts.read("rooms", inventory.resources("rooms"), list[ResourceRow]())
    equipment = await parts.read(
        "equipment", inventory.resources("equipments"), list[ResourceRow]()
    )
    associations = await parts.read(
        "associations", inventory.associations(), list[AssociationRow]()
    )
    return SystemInventory(
        system=system,
        platform="leadconnector",
        account=account.location_id,
        name=text(here.name),
        zone=text(here.timezone),
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
        findings=tuple(parts.findings),
        users_listed=not is_empty,
    )


def _calendars(listing: wire.Calendars) -> Iterable[CalendarInfo]:
    rows = (row for row in listing.calendars if isinstance(row, wire.CalendarRow))
    off = {text(row.id) for row in rows if row.is_active is False}
    for found in directory_of(listing).values():
        yield CalendarInfo(
            found.id,
            found.name,
            found.type,
            tuple(sorted(found.team)),
            found.group,
            found.id not in off,
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


def _explain(system: str, account: Account, what: str, fault: PlatformError) -> CheckResult:
    section, subject = f"[systems.{system}]", f"{system}: {what}"
    words = fault.detail.lower()
    match fault:
        case _ if lacks_scope(fault):
            level = "error" if what in _NEEDED else "warning"
            return missing_scope(level, subject, _SCOPES[what])
        case UnauthorizedError() if "access to this location" in words:
            return CheckResult(
                "error",
                subject,
                f"the token is for another location than {account.location_id}",
                f"correct location_id of {section} (it is in the address bar of the location), or "
                "make the token in that location",
            )
        case UnauthorizedError() if account.token and not account.token.startswith("pit-"):
            return CheckResult(
                "error",
                subject,
                f"the token is not accepted ({fault.detail or fault.status})",
                "it does not look like a Private Integration token (pit-…): a v1 API key or an "
                "agency's token does not open v2. Make one under Settings, Private Integrations",
            )
        case UnauthorizedError():
            return CheckResult(
                "error",
                subject,
                f"the token is not accepted ({fault.detail or fault.status})",
                f"compare token of {section} with Settings, Private Integrations; a token that was "
                "not used for 90 days lapses",
            )
        case _:
            level = "error" if what in _NEEDED or what == "location" else "warning"
            return CheckResult(level, subject, str(fault), advice(fault))
