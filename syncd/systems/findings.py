"""What `check` and `discover` say of any system: odd answers, its clock, an empty list of users."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.systems.fault_boundary import contained
from syncd.systems.port import CheckResult, PlatformError
from syncd.systems.remedies import cause_and_remedy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Collection, Sequence

_BOUND = timedelta(seconds=30)

EMPTY_USER_LIST = (
    "the list of users is empty, so nobody can tell whether the mapped users exist",
    (
        "let the key or token read users; until then a meeting that is given to another user "
        "stays closed in the other systems"
    ),
)
"""Message and remedy for an account that lists no user; that was seen on a working one."""


TEAM_MEMBERS = (
    "the list of users is empty: the users shown are the team members of its calendars",
    (
        "users who are on no team are missing, and so may be names and addresses: match them "
        "yourself where nothing is proposed, or let the key or token read users"
    ),
)
"""Message and remedy where people are taken from teams, as the account lists no user."""


def empty_list_finding(system: str, members: Collection[object]) -> CheckResult:
    """Make the finding of an account that lists no user; ``members`` stand in for them."""
    words = TEAM_MEMBERS if members else EMPTY_USER_LIST
    return CheckResult("warning", f"{system}: users", *words)


def calendar_only_finding(system: str, provider: str, *, team: bool) -> CheckResult:
    """Make the finding of a v2 provider who is mapped by calendars and not by a user.

    Where the calendars have no ``team`` there is nobody to name, and nothing to do.
    """
    return CheckResult(
        "warning" if team else "ok",
        f"{system}: {provider}",
        "mapped by calendar only: busy time from Google and Outlook is listed by user only, so it "
        "is not seen here",
        f"name the user, too, in {system} of [providers.{provider}.calendars]" if team else "",
    )


def fault_finding(fault: PlatformError) -> CheckResult:
    """Make the finding of a system that could not be looked at."""
    cause, remedy = cause_and_remedy(fault)
    return CheckResult("error", fault.system, cause, remedy)


async def checked(system: str, asked: Awaitable[Sequence[CheckResult]]) -> Sequence[CheckResult]:
    """Wait for what a check finds; an answer that it stumbles over is a finding, too."""
    try:
        with contained(system, "check"):
            return await asked
    except PlatformError as fault:
        return [fault_finding(fault)]


def skew_finding(system: str, skew: timedelta | None) -> Sequence[CheckResult]:
    """A warning where the platform's clock and ours are more than 30 s apart; else nothing."""
    if skew is None or abs(skew) <= _BOUND:
        return ()
    seconds = skew.total_seconds()
    side = "ahead of" if seconds > 0 else "behind"
    message = f"its clock is {abs(seconds):.0f} s {side} ours"
    return (CheckResult("warning", system, message, "check this machine's clock (timedatectl)"),)
