"""What `syncd check` looks at on LeadSquared, without writing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.advice import cause_and_remedy
from syncd.systems.findings import EMPTY_USER_LIST
from syncd.systems.leadsquared.hosts import elsewhere, wrong_region
from syncd.systems.leadsquared.types import (
    allows_conflicts,
    is_appointment,
    mandatory_fields,
)
from syncd.systems.leadsquared.users import is_active
from syncd.systems.leadsquared.wire import TaskType, User
from syncd.systems.loose import text
from syncd.systems.port import Finding, SystemFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncd.systems.leadsquared.account import Account, CalendarOf
    from syncd.systems.leadsquared.calls import Calls
    from syncd.systems.leadsquared.wire import Caller


async def check(
    system: str, account: Account, calendars: Mapping[str, CalendarOf], calls: Calls
) -> list[Finding]:
    """Look at the keys, the host, the users and the busy type. A call that fails is a finding."""
    findings: list[Finding] = []
    try:
        findings.extend(_caller(system, account, await calls.caller()))
        findings.extend(_users(system, calendars, await calls.users()))
        findings.extend(_busy_type(system, account, await calls.task_types()))
    except SystemFault as fault:
        findings.append(Finding("error", system, *cause_and_remedy(fault)))
    return [*findings, *_cancel(system, account)]


def _cancel(system: str, account: Account) -> Iterable[Finding]:
    """Say where cancellations go. Nothing but a cancellation shows whether that is right."""
    if account.cancel_as == "cancel":
        message = (
            f"cancellations are sent to {account.cancel_path}. This was not checked: only a real "
            "cancellation shows whether the address is right. A wrong one changes nothing, and is "
            "held as a conflict"
        )
        yield Finding("ok", f"{system}: cancel_path", message)


def _caller(system: str, account: Account, caller: Caller) -> Iterable[Finding]:
    yield Finding("ok", system, "the keys are accepted")
    if better := elsewhere(account.base_url, caller):
        yield wrong_region(system, account.base_url, better)


def _users(
    system: str, calendars: Mapping[str, CalendarOf], users: Iterable[object]
) -> Iterable[Finding]:
    active = {
        text(user.email_address).casefold(): is_active(user)
        for user in users
        if isinstance(user, User)
    }
    if not active:
        yield Finding("warning", f"{system}: users", *EMPTY_USER_LIST)
        return
    for provider, calendar in calendars.items():
        subject = f"{system}: {provider}"
        match active.get(calendar.address):
            case True:
                yield Finding("ok", subject, "the user is active")
            case False:
                yield Finding(
                    "error", subject, "the user is inactive", "activate the user in LeadSquared"
                )
            case None:
                yield Finding(
                    "error",
                    subject,
                    "no user has this e-mail address",
                    f"correct {system} of [providers.{provider}.calendars]",
                )


def _busy_type(system: str, account: Account, types: Iterable[object]) -> Iterable[Finding]:
    wanted = account.busy_task_type
    subject = f"{system}: task type {wanted!r}"
    found = [
        kind
        for kind in types
        if isinstance(kind, TaskType) and text(kind.name).casefold() == wanted.strip().casefold()
    ]
    if not found:
        remedy = "create this appointment type in LeadSquared, or correct busy_task_type"
        yield Finding("error", subject, "there is no such type", remedy)
        return
    kind = found[0]
    if not is_appointment(kind):
        remedy = "choose a type of the category Appointment"
        yield Finding("error", subject, "it is a to-do, which takes no time", remedy)
        return
    yield Finding("ok", subject, "it exists")
    if fields := mandatory_fields(kind):
        remedy = "make these fields optional: a block cannot fill them in"
        names = ", ".join(fields)
        yield Finding("error", subject, f"it has mandatory custom fields: {names}", remedy)
    if allows_conflicts(kind):
        remedy = 'switch "Allow Conflicts" off for this type'
        message = "it allows conflicts, so a blocked time is still offered for booking"
        yield Finding("warning", subject, message, remedy)
