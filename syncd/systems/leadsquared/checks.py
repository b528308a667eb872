"""What `syncd check` looks at on LeadSquared, without writing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.findings import EMPTY_USER_LIST
from syncd.systems.leadsquared.regions import elsewhere, wrong_region
from syncd.systems.leadsquared.types import (
    allows_conflicts,
    is_appointment,
    mandatory_fields,
)
from syncd.systems.leadsquared.users import is_active
from syncd.systems.leadsquared.wire import TaskType, User
from syncd.systems.lenient import text
from syncd.systems.port import CheckResult, PlatformError
from syncd.systems.remedies import cause_and_remedy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncd.systems.leadsquared.account import Account, CalendarMapping
    from syncd.systems.leadsquared.calls import Api
    from syncd.systems.leadsquared.wire import Caller


async def check(
    system: str, account: Account, calendars: Mapping[str, CalendarMapping], calls: Api
) -> list[CheckResult]:
    """Look at the keys, the host, the users and the busy type. A call that fails is a finding."""
    findings: list[CheckResult] = []
    try:
        findings.extend(_caller(system, account, await calls.caller()))
        findings.extend(_users(system, calendars, await calls.users()))
        findings.extend(_busy_type(system, account, await calls.task_types()))
    except PlatformError as fault:
        findings.append(CheckResult("error", system, *cause_and_remedy(fault)))
    return [*findings, *_cancel(system, account)]


def _cancel(system: str, account: Account) -> Iterable[CheckResult]:
    """Say where cancellations go. Nothing but a cancellation shows whether that is right."""
    if account.cancel_as == "cancel":
        message = (
            f"cancellations are sent to {account.cancel_path}. This was not checked: only a real "
            "cancellation shows whether the address is right. A wrong one changes nothing, and is "
            "held as a conflict"
        )
        yield CheckResult("ok", f"{system}: cancel_path", message)


def _caller(system: str, account: Account, caller: Caller) -> Iterable[CheckResult]:
    yield CheckResult("ok", system, "the keys are accepted")
    if better := elsewhere(account.base_url, caller):
        yield wrong_region(system, account.base_url, better)


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
                    f"correct {system} of [providers.{provider}.calendars]",
                )


def _busy_type(system: str, account: Account, types: Iterable[object]) -> Iterable[CheckResult]:
    wanted = account.busy_task_type
    subject = f"{system}: task type {wanted!r}"
    found = [
        kind
        for kind in types
        if isinstance(kind, TaskType) and text(kind.name).casefold() == wanted.strip().casefold()
    ]
    if not found:
        remedy = "create this appointment type in LeadSquared, or correct busy_task_type"
        yield CheckResult("error", subject, "there is no such type", remedy)
        return
    kind = found[0]
    if not is_appointment(kind):
        remedy = "choose a type of the category Appointment"
        yield CheckResult("error", subject, "it is a to-do, which takes no time", remedy)
        return
    yield CheckResult("ok", subject, "it exists")
    if fields := mandatory_fields(kind):
        remedy = "make these fields optional: a block cannot fill them in"
        names = ", ".join(fields)
        yield CheckResult("error", subject, f"it has mandatory custom fields: {names}", remedy)
    if allows_conflicts(kind):
        remedy = 'switch "Allow Conflicts" off for this type'
        message = "it allows conflicts, so a blocked time is still offered for booking"
        yield CheckResult("warning", subject, message, remedy)
