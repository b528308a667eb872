"""The checks of `syncd check` for a LeadSquared account; they write nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.errors import PlatformError
from syncd.systems.findings import EMPTY_USER_LIST
from syncd.systems.leadsquared.regions import serving_host, wrong_region
from syncd.systems.leadsquared.types import (
    allows_conflicts,
    is_appointment,
    mandatory_fields,
)
from syncd.systems.leadsquared.users import is_active
from syncd.systems.leadsquared.wire import TaskType, User
from syncd.systems.lenient import text
from syncd.systems.port import CheckResult
from syncd.systems.remedies import cause_and_remedy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncd.systems.leadsquared.account import Account, CalendarMapping
    from syncd.systems.leadsquared.calls import Api
    from syncd.systems.leadsquared.wire import Caller


async def check(
    system: str, account: Account, calendars: Mapping[str, CalendarMapping], calls: Api
) -> list[CheckResult]:
    """Check the keys, the host, the users and the busy type.

    A failed call becomes a check result.
    """
    findings: list[CheckResult] = []
    try:
        findings.extend(_caller(system, account, await calls.caller()))
        findings.extend(_users(system, calendars, await calls.users()))
        findings.extend(_busy_type(system, account, await calls.task_types()))
    except PlatformError as fault:
        findings.append(CheckResult("error", system, *cause_and_remedy(fault)))
    return [*findings, *_cancel(system, account)]


def _cancel(system: str, account: Account) -> Iterable[CheckResult]:
    """Report where cancellations are sent; only a real cancellation shows whether that works."""
    if account.cancel_as == "cancel":
        message = (
            f"cancellations are sent to {account.cancel_path}. This address was not checked: only "
            "a real cancellation shows whether it is right. A wrong address changes nothing, and "
            "leads to a held conflict"
        )
        yield CheckResult("ok", f"{system}: cancel_path", message)


def _caller(system: str, account: Account, caller: Caller) -> Iterable[CheckResult]:
    yield CheckResult("ok", system, "the keys are accepted")
    if host := serving_host(account.base_url, caller):
        yield wrong_region(system, account.base_url, host)


def _users(
    system: str, calendars: Mapping[str, CalendarMapping], users: Iterable[object]
) -> Iterable[CheckResult]:
    active = {
        text(user.email_address).casefold(): is_active(user)
        for user in users
        if isinstance(user, User)
    }
    if not active:
        yield CheckResult("warning", f"{system}: users", *EMPTY_USER_LIST)
        return
    for provider, calendar in calendars.items():
        subject = f"{system}: {provider}"
        match active.get(calendar.address):
            case True:
                yield CheckResult("ok", subject, "the user is active")
            case False:
                yield CheckResult(
                    "error", subject, "the user is inactive", "activate the user in LeadSquared"
                )
            case None:
                yield CheckResult(
                    "error",
                    subject,
                    "no user has this e-mail address",
                    f"correct {system} in [providers.{provider}.calendars]",
                )


def _busy_type(system: str, account: Account, types: Iterable[object]) -> Iterable[CheckResult]:
    wanted = account.busy_task_type
    subject = f"{system}: task type {wanted!r}"
    matches = [
        kind
        for kind in types
        if isinstance(kind, TaskType) and text(kind.name).casefold() == wanted.strip().casefold()
    ]
    if not matches:
        remedy = "create this appointment type in LeadSquared, or correct busy_task_type"
        yield CheckResult("error", subject, "the type does not exist", remedy)
        return
    kind = matches[0]
    if not is_appointment(kind):
        remedy = "choose a type of the category Appointment"
        yield CheckResult("error", subject, "the type is a to-do, which takes no time", remedy)
        return
    yield CheckResult("ok", subject, "the type exists")
    if fields := mandatory_fields(kind):
        remedy = "make these fields optional: blocks cannot fill them"
        names = ", ".join(fields)
        yield CheckResult(
            "error", subject, f"the type has mandatory custom fields: {names}", remedy
        )
    if allows_conflicts(kind):
        remedy = 'switch "Allow Conflicts" off for this type'
        message = "the type allows conflicts, so a blocked time can still be booked"
        yield CheckResult("warning", subject, message, remedy)
