"""What a LeadSquared account has: users, and appointment types.

See docs/platforms/leadsquared.md#task-types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.findings import empty_list_finding
from syncd.systems.inventory import (
    AppointmentType,
    OnProgress,
    PartialReader,
    SystemInventory,
    User,
)
from syncd.systems.leadsquared import wire
from syncd.systems.leadsquared.regions import elsewhere, named_in, wrong_region
from syncd.systems.leadsquared.types import allows_conflicts, is_appointment, mandatory_fields
from syncd.systems.leadsquared.users import is_active
from syncd.systems.lenient import LenientValue, text
from syncd.systems.port import CheckResult, PlatformError, RejectedError, UnauthorizedError
from syncd.systems.remedies import advice

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from syncd.systems.leadsquared.account import Account
    from syncd.systems.leadsquared.calls import Api

_NEEDED = frozenset({"account", "users"})
"""Parts without which nobody can be mapped."""

_NOT_FOUND = 404


async def discover(
    system: str, account: Account, calls: Api, today: date, told: OnProgress
) -> SystemInventory:
    """Read the account with four calls. A call that fails is a finding."""

    def explain(what: str, fault: PlatformError) -> CheckResult:
        return _explain(system, account, what, fault)

    parts = PartialReader(told, explain)
    caller = await parts.read("account", calls.caller(), wire.Caller())
    if better := elsewhere(account.base_url, caller):
        parts.findings.append(wrong_region(system, account.base_url, better))
    if parts.findings:  # the keys open nothing, or not here: further calls would say so again
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
        # Another host refuses each call in the same words.
        findings=tuple(dict.fromkeys(parts.findings)),
        users_listed=not is_empty,
    )


def _user(row: wire.User, zones: dict[str, str]) -> User:
    email = text(row.email_address)
    return User(
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
            unfit.append("Allow Conflicts is on, so its time stays open for booking")
        unknown = () if conflicts is not None else ("Allow Conflicts is off",)
        yield AppointmentType(text(row.id), text(row.name), tuple(unfit), unknown)


def _explain(system: str, account: Account, what: str, fault: PlatformError) -> CheckResult:
    section = f"[systems.{system}]"
    match fault:
        case UnauthorizedError() if better := named_in(fault.detail, account.base_url):
            return wrong_region(system, account.base_url, better)
        case UnauthorizedError():
            return CheckResult(
                "error",
                f"{system}: {what}",
                f"the keys are not accepted ({fault.detail or fault.status})",
                f"compare access_key and secret_key of {section} with My Profile, Settings, API "
                "and Webhooks; the user whose keys they are must be active",
            )
        case RejectedError(status=status) if status == _NOT_FOUND:
            return CheckResult(
                "error",
                f"{system}: {what}",
                "there is no LeadSquared API at base_url",
                f"base_url of {section} is the API host of the region and ends in /v2",
            )
        case _:
            level = "error" if what in _NEEDED else "warning"
            return CheckResult(level, f"{system}: {what}", str(fault), advice(fault))
