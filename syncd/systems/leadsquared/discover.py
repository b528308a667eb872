"""Read the inventory of a LeadSquared account: users and appointment types.

See docs/platforms/leadsquared.md#task-types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.errors import PlatformError, RejectedError, UnauthorizedError
from syncd.systems.findings import empty_list_finding
from syncd.systems.inventory import (
    AppointmentType,
    OnProgress,
    PartialReader,
    SystemInventory,
    UserInfo,
)
from syncd.systems.leadsquared import wire
from syncd.systems.leadsquared.regions import host_named_in, serving_host, wrong_region
from syncd.systems.leadsquared.types import allows_conflicts, is_appointment, mandatory_fields
from syncd.systems.leadsquared.users import is_active
from syncd.systems.lenient import LenientValue, text
from syncd.systems.port import CheckResult
from syncd.systems.remedies import advice

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from syncd.systems.leadsquared.account import Account
    from syncd.systems.leadsquared.calls import Api

_NEEDED = frozenset({"account", "users"})
"""Parts that a mapping needs; a failure to read them is an error, not a warning."""

_NOT_FOUND = 404


async def discover(
    system: str, account: Account, calls: Api, today: date, on_progress: OnProgress
) -> SystemInventory:
    """Read the account with four calls. A failed call becomes a check result."""

    def explain(part: str, fault: PlatformError) -> CheckResult:
        return _explain(system, account, part, fault)

    parts = PartialReader(on_progress, explain)
    caller = await parts.read("account", calls.caller(), wire.Caller())
    if host := serving_host(account.base_url, caller):
        parts.findings.append(wrong_region(system, account.base_url, host))
    if parts.findings:  # wrong keys or host: further calls would fail in the same way
        return SystemInventory(
            system=system, platform="leadsquared", findings=tuple(parts.findings)
        )
    no_rows: list[wire.User | LenientValue] = []
    listed = await parts.read("users", calls.users(), no_rows)
    rows = [row for row in listed if isinstance(row, wire.User) and text(row.email_address)]
    is_empty = listed is not no_rows and not rows
    if is_empty:
        parts.findings.append(empty_list_finding(system, rows))
    active = [text(row.email_address) for row in rows if is_active(row)]
    zones: dict[str, str] = {}
    if active:
        zones = await parts.read("time zones", calls.zones(active, today), zones)
    no_types: list[wire.TaskType | LenientValue] = []
    types = await parts.read("appointment types", calls.task_types(), no_types)
    return SystemInventory(
        system=system,
        platform="leadsquared",
        account=text(caller.id),
        zone=text(caller.time_zone),
        users=tuple(_user(row, zones) for row in rows),
        types=tuple(_types(types)),
        # Another host refuses each call with the same text.
        findings=tuple(dict.fromkeys(parts.findings)),
        users_listed=not is_empty,
    )


def _user(row: wire.User, zones: dict[str, str]) -> UserInfo:
    email = text(row.email_address)
    return UserInfo(
        id=text(row.id),
        name=" ".join(filter(None, (text(row.first_name), text(row.last_name)))),
        email=email,
        phone=text(row.phone_mobile),
        zone=zones.get(email.casefold(), ""),
        active=is_active(row),
    )


def _types(rows: Iterable[wire.TaskType | LenientValue]) -> Iterable[AppointmentType]:
    for row in rows:
        if not isinstance(row, wire.TaskType) or not is_appointment(row):
            continue
        unfit = [f"mandatory custom field {name}" for name in mandatory_fields(row)]
        conflicts = allows_conflicts(row)
        if conflicts:
            unfit.append("Allow Conflicts is on, so blocked time can still be booked")
        unknown = () if conflicts is not None else ("Allow Conflicts is off",)
        yield AppointmentType(text(row.id), text(row.name), tuple(unfit), unknown)


def _explain(system: str, account: Account, part: str, fault: PlatformError) -> CheckResult:
    section = f"[systems.{system}]"
    match fault:
        case UnauthorizedError() if host := host_named_in(fault.detail, account.base_url):
            return wrong_region(system, account.base_url, host)
        case UnauthorizedError():
            return CheckResult(
                "error",
                f"{system}: {part}",
                f"the keys are not accepted ({fault.detail or fault.status})",
                f"compare access_key and secret_key in {section} with My Profile, Settings, API "
                "and Webhooks in LeadSquared; the user to whom the keys belong must be active",
            )
        case RejectedError(status=status) if status == _NOT_FOUND:
            return CheckResult(
                "error",
                f"{system}: {part}",
                "base_url is not the address of a LeadSquared API",
                f"set base_url in {section} to the API host of your region, ending in /v2",
            )
        case _:
            level = "error" if part in _NEEDED else "warning"
            return CheckResult(level, f"{system}: {part}", str(fault), advice(fault))
