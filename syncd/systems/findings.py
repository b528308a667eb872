"""Check results that are the same for all systems: empty user list, fault, clock skew."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.systems.errors import PlatformError
from syncd.systems.fault_boundary import contained
from syncd.systems.port import CheckResult
from syncd.systems.remedies import cause_and_remedy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Collection, Sequence

_MAX_SKEW = timedelta(seconds=30)

EMPTY_USER_LIST = (
    "the user list is empty, so syncd cannot tell whether the mapped users exist",
    (
        "allow the key or token to read users; until then, the time of a meeting that is "
        "reassigned to another user stays blocked in the other systems"
    ),
)
"""Message and remedy for an account with an empty user list, as seen on working accounts."""

TEAM_MEMBERS = (
    "the user list is empty, so only the team members of the calendars are known",
    (
        "allow the key or token to read users, or map users by hand where none is proposed: users "
        "who are on no team are missing, and so may be names and addresses"
    ),
)
"""Message and remedy for an account whose users are known from its teams only."""


def empty_list_finding(system: str, members: Collection[object]) -> CheckResult:
    """Return the warning about an account whose user list is empty.

    ``members`` are the users found in the teams of its calendars, if any; they select the text.
    """
    words = TEAM_MEMBERS if members else EMPTY_USER_LIST
    return CheckResult("warning", f"{system}: users", *words)


def calendar_only_finding(system: str, provider: str, *, team: bool) -> CheckResult:
    """Return the check result about a v2 provider who is mapped by calendars and not by a user.

    ``team``: these calendars have team members, so a user could be mapped, and the level is
    'warning'. Otherwise there is no user to map, and the level is 'ok'.
    """
    return CheckResult(
        "warning" if team else "ok",
        f"{system}: {provider}",
        "only calendars are mapped, and no user: the platform lists busy time from Google and "
        "Outlook by user only, so syncd does not see that time",
        f"add the user to {system} in [providers.{provider}.calendars]" if team else "",
    )


def fault_finding(fault: PlatformError) -> CheckResult:
    """Return the check result about a system that could not be read, with cause and remedy."""
    cause, remedy = cause_and_remedy(fault)
    return CheckResult("error", fault.system, cause, remedy)


async def run_check(system: str, check: Awaitable[Sequence[CheckResult]]) -> Sequence[CheckResult]:
    """Await a system's check and return its results; a fault becomes a result of level 'error'."""
    try:
        with contained(system, "check"):
            return await check
    except PlatformError as fault:
        return [fault_finding(fault)]


def skew_finding(system: str, skew: timedelta | None) -> Sequence[CheckResult]:
    """Return a warning if the platform's clock and this machine's differ by more than 30 s.

    ``skew`` is the platform's clock minus this machine's; None if unknown. Returns no or one
    result.
    """
    if skew is None or abs(skew) <= _MAX_SKEW:
        return ()
    seconds = skew.total_seconds()
    side = "ahead of" if seconds > 0 else "behind"
    message = f"the platform's clock is {abs(seconds):.0f} s {side} this machine's"
    return (CheckResult("warning", system, message, "check this machine's clock (timedatectl)"),)
